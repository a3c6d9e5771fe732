import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { type Cleanup, runWithCleanup } from '../cleanup.ts';
import { type Engine, openEngine } from '../engines.ts';
import { percentile } from '../figures.ts';
import { describeMachine } from '../machine.ts';
import { type EngineName, readEngines, wholeNumber } from '../options.ts';
import { table, verdict } from '../report.ts';
import { startDefaultServer } from '../sides.ts';
import type { Attack } from './attack.ts';
import { attacks } from './attacks.ts';
import { HonestClients, type Seen } from './honest.ts';
import type { ThreadData } from './thread.ts';

/** What honest clients see while others attack, as ratios to what they see without the attack. */
const usage = `npm run bench:attack -- [options]

  --only TEXT       attacks with this text in their name (all)
  --seconds N       how long each window lasts, one without and one with the attack (5)
  --engine NAME     sqlite or postgres (sqlite)
  --before FOLDER   measure the server of another copy of the project
  --list            print the names of the attacks
  --help            this text

Needs Linux, where all addresses of 127.0.0.0/8 are this machine.`;

/** What an attack may cost honest clients. None of their requests may fail. */
const targets = { ratio: 5, p99Ms: 250 };

const adminKey = 'admin-key-of-the-benchmark';
/** Load before the first window, until V8 has compiled the hot code. */
const warmUpSeconds = 3;
interface Options {
  readonly only: string;
  readonly seconds: number;
  readonly engine: EngineName;
  readonly before: string | undefined;
}

async function main({ only, seconds, engine: name, before }: Options, cleanup: Cleanup): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'pinchwork-bench-'));
  cleanup.add(() => rmSync(folder, { recursive: true, force: true }));
  console.log(`${describeMachine(folder)}\n`);
  const engine = await openEngine(name, folder, cleanup);
  const rows = [['attack', 'p50 without', 'with', 'ratio', 'p99 without', 'with', 'failed', 'of a core', '']];
  for (const attack of attacks.filter((each) => each.name.includes(only))) {
    const row = await measure(attack, engine, { seconds, before }, cleanup);
    console.log(row.join('  '));
    rows.push(row);
  }
  console.log(
    `\nHonest clients, milliseconds a request (wanted: ratio <= ${targets.ratio}, p99 <= ${targets.p99Ms} ms, ` +
      `none failed):\n${table(rows)}`,
  );
}

async function measure(
  attack: Attack,
  engine: Engine,
  { seconds, before }: Pick<Options, 'seconds' | 'before'>,
  cleanup: Cleanup,
): Promise<string[]> {
  const settings = { PINCHWORK_ADMIN_KEY: adminKey, ...attack.settings };
  const server = await startDefaultServer(
    await engine.freshUrl(),
    { settings, folder: before, openFiles: attack.openFiles },
    cleanup,
  );
  const workerData: ThreadData = { name: attack.name, url: server.url.href, adminKey };
  const thread = new Worker(new URL('./thread.ts', import.meta.url), { workerData });
  const stop = cleanup.add(() => void thread.terminate());
  const prepared = once(thread, 'message');
  const honest = await HonestClients.open(server.url);
  await Promise.all([honest.work(warmUpSeconds), prepared]);
  const without = await honest.work(seconds);
  for (const what of without.failures.keys()) throw new Error(`Honest clients fail without an attack: ${what}`);
  thread.postMessage('go');
  await sleep((attack.leadSeconds ?? 1) * 1_000);
  const cpuBefore = server.cpuMs() ?? NaN;
  const during = await honest.work(seconds);
  const load = ((server.cpuMs() ?? NaN) - cpuBefore) / (seconds * 1_000);
  thread.postMessage('stop');
  honest.close();
  await stop();
  await audit(server.url);
  await server.stop();
  for (const [what, count] of during.failures) console.log(`  ${count} failed: ${what}`);
  return rowOf(attack.name, without, during, load);
}

/** @throws Error when the attack has broken an invariant. */
async function audit(url: URL): Promise<void> {
  const headers = { authorization: `Bearer ${adminKey}`, accept: 'application/json' };
  const reply = await fetch(new URL('/v1/admin/audit', url), { headers });
  const text = await reply.text();
  if (!reply.ok || !(JSON.parse(text) as { ok: boolean }).ok) throw new Error(`The audit answers: ${text}`);
}

/** @param load how much of a processor core the server took during the attack. */
function rowOf(name: string, without: Seen, during: Seen, load: number): string[] {
  const [before, after] = [percentile(without.times, 0.5), percentile(during.times, 0.5)];
  const p99 = percentile(during.times, 0.99);
  const failed = [...during.failures.values()].reduce((sum, count) => sum + count, 0);
  return [
    name,
    before.toFixed(1),
    after.toFixed(1),
    (after / before).toFixed(1),
    percentile(without.times, 0.99).toFixed(1),
    p99.toFixed(1),
    String(failed),
    `${(load * 100).toFixed(0)} %`,
    verdict(after / before <= targets.ratio && p99 <= targets.p99Ms && failed === 0),
  ];
}

await runWithCleanup(async (cleanup) => {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      seconds: { type: 'string', default: '5' },
      engine: { type: 'string', default: 'sqlite' },
      before: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) console.log(usage);
  else if (values.list) console.log(attacks.map(({ name }) => name).join('\n'));
  else {
    const seconds = wholeNumber('--seconds', values.seconds, 10);
    const [engine] = readEngines(values.engine);
    await main({ only: values.only, seconds, engine: engine!, before: values.before }, cleanup);
  }
});
