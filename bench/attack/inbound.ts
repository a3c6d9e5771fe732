import type { Attack } from './attack.ts';
import { announce, type Attacker } from './attacker.ts';

/** What comes in: connections, bodies, odd requests. */

const mebibyte = 1024 * 1024;
const largest = 6 * mebibyte;

const withAccount = async (attacker: Attacker) => {
  await attacker.register();
};

/** Creates whose body is hostile, over and over, from two connections of one account. */
const bodies = (name: string, body: () => string, type?: string): Attack => ({
  name,
  prepare: withAccount,
  run: (attacker, signal) => {
    const text = body();
    const head = announce(attacker.host, '/v1/tasks', attacker.keys[0], { length: Buffer.byteLength(text), type });
    return attacker.repeat(head + text, 2, signal);
  },
});

export const inbound: readonly Attack[] = [
  {
    name: '300 chunked bodies that never come',
    prepare: withAccount,
    run: (attacker, signal) => attacker.hold(announce(attacker.host, '/v1/tasks', attacker.keys[0]), 300, signal),
  },
  {
    name: '300 announced bodies of 6 MiB that never come',
    prepare: withAccount,
    run: (attacker, signal) =>
      attacker.hold(announce(attacker.host, '/v1/tasks', attacker.keys[0], { length: largest }), 300, signal),
  },
  {
    name: '60 bodies of 6 MiB without their last byte',
    leadSeconds: 5,
    prepare: withAccount,
    run: (attacker, signal) => {
      const head = announce(attacker.host, '/v1/tasks', attacker.keys[0], { length: largest });
      return attacker.hold(head + 'x'.repeat(largest - 1), 60, signal);
    },
  },
  {
    name: '60 bodies to an unknown path',
    run: (attacker, signal) =>
      attacker.hold(announce(attacker.host, '/v1/nothing', undefined, { length: largest }), 60, signal),
  },
  {
    name: 'more silent connections than fit',
    leadSeconds: 5,
    openFiles: 3_000,
    run: (attacker, signal) => attacker.hold('', 4_000, signal),
  },
  {
    name: 'a flood of new connections',
    openFiles: 600,
    run: (attacker, signal) => attacker.hold('', 200, signal, 0),
  },
  {
    name: 'a flood of GET /%zz',
    run: (attacker, signal) => attacker.repeat(`GET /%zz HTTP/1.1\r\nHost: ${attacker.host}\r\n\r\n`, 16, signal),
  },
  {
    name: 'a flood of requests without a key',
    run: (attacker, signal) => attacker.repeat(`GET /v1/me HTTP/1.1\r\nHost: ${attacker.host}\r\n\r\n`, 16, signal),
  },
  bodies('JSON: 6 MiB of [', () => `{"need": "x", "tags": ${'['.repeat(largest - 100)}`),
  bodies('JSON: 400,000 keys', () => `{${Array.from({ length: 400_000 }, (_, i) => `"k${i}":1`).join()}}`),
  bodies('JSON: 3 million commas in tags', () => `{"need": "x", "tags": "${','.repeat(3_000_000)}"}`),
  bodies('YAML: 1 MB of line ends', () => `---\nmax_credits: 5\n${'\n'.repeat(990_000)}\n---\nDo it`, 'text/markdown'),
  bodies(
    'YAML: 1 MB in 59,000 lines',
    () => `---\nneed: >\n${' abcdefghijklmn\n'.repeat(59_000)}---\nDo it`,
    'text/markdown',
  ),
  bodies('YAML: 1 MB in one quoted text', () => `---\nneed: "${'\\n'.repeat(490_000)}"\n---\nDo it`, 'text/markdown'),
  bodies('text: 6 MiB of ---', () => '---\n' + '--- \n'.repeat(largest / 6), 'text/markdown'),
  bodies('form: 6 MiB of &', () => `need=x${'&a=b'.repeat(largest / 5)}`, 'application/x-www-form-urlencoded'),
];
