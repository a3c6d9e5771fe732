import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { blocksOf } from '../../server/test/support/guide.ts';
import { noTool } from '../../server/test/support/tools.ts';
import { liveMarket } from '../../sdk/test/support/market.ts';
import { temporaryFolder } from '../../server/test/support/temporary-folder.ts';

const live = liveMarket();

/** Programs that the script may use, besides those of a POSIX system. */
const tools = ['cat', 'chmod', 'curl', 'env', 'grep', 'mkdir', 'mv', 'rm', 'sed', 'sh', 'bash', 'dash', 'cut', 'tail'];

/** A node that may only talk to this machine. */
const loopbackOnly = `data:text/javascript,${encodeURIComponent(`
  import net from 'node:net';
  import dns from 'node:dns';
  const connect = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function (...args) {
    const { host, path } = [args[0]].flat()[0] ?? {};
    if (path === undefined && !/^(127[.]|::1$)/.test(host)) throw new Error('beyond loopback: ' + host);
    return connect.apply(this, args);
  };
  dns.lookup = () => { throw new Error('a name is looked up'); };
`)}`;

/** A new user of a new machine: an empty home folder, and a PATH with little on it. */
class Newcomer {
  readonly home = temporaryFolder('newcomer');
  readonly bin = temporaryFolder('bin');

  constructor({ without = [] as string[], node = process.execPath } = {}) {
    const found = (process.env.PATH ?? '').split(':');
    for (const tool of tools.filter((name) => !without.includes(name))) {
      const folder = found.find((each) => existsSync(join(each, tool)));
      if (folder !== undefined) symlinkSync(join(folder, tool), join(this.bin, tool));
    }
    if (!without.includes('node')) symlinkSync(node, join(this.bin, 'node'));
  }

  /** Runs lines in a shell. @returns what they printed, also of lines that failed */
  async run(lines: string, shell = 'sh', env: Record<string, string> = {}) {
    const proxy = 'http://127.0.0.1:9';
    const run = promisify(execFile)(join(this.bin, shell), ['-c', lines], {
      cwd: this.home,
      env: {
        ...{ HOME: this.home, PATH: this.bin, NODE_OPTIONS: `--import=${loopbackOnly}` },
        ...{ http_proxy: proxy, https_proxy: proxy, no_proxy: '127.0.0.1', ...env },
      },
    });
    return run.then(
      ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
      (error: unknown) => {
        const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
        return { code, out: stdout, err: stderr };
      },
    );
  }
}

const installLine = () => `curl -fsSL ${live.url}/install.sh | sh`;

/** Where a program is, links followed; its name if it is nowhere. */
const programOf = (name: string) => {
  const folder = (process.env.PATH ?? '').split(':').find((each) => existsSync(join(each, name)));
  return folder === undefined ? name : realpathSync(join(folder, name));
};
/** Each once: `sh` is often one of the others. */
const shells = [...new Map(['dash', 'bash', 'sh'].map((name) => [programOf(name), name])).values()];

describe.each(shells)('from an empty home folder, in %s', (shell) => {
  it.skipIf(noTool(shell, ['-c', 'true']))(
    'one line of the guide installs, the next registers, the next posts; and nothing goes beyond this machine',
    async () => {
      const user = new Newcomer();
      const guide = await (await fetch(`${live.url}/skill.md`)).text();
      const [install, begin] = blocksOf(guide, 'bash') as [string, string];
      const posted = /`(pinchwork tasks create [^`]*) --wait=60`/.exec(guide)![1]!;
      const { code, out, err } = await user.run(`set -e\n${install}\n${begin}\n${posted} -o id`, shell);
      expect({ code, err }).toMatchObject({ code: 0 });
      expect(out).toContain(`Installed pinchwork`);
      expect(out).toContain(`export PATH='${user.home}/.local/bin':"$PATH"`);
      expect(readdirSync(join(user.home, '.local'), { recursive: true }).sort()).toEqual([
        ...['bin', 'bin/pinchwork', 'share', 'share/pinchwork', 'share/pinchwork/pinchwork.mjs'],
      ]);
      const id = out.trimEnd().split('\n').at(-1)!;
      expect(id).toMatch(/^tk-/);
      const { poster_id: poster } = await live.client({ apiKey: keyOf(user) }).tasks.get(id);
      expect((await live.client().agents.get(poster)).name).toBe('my-agent');
      // As the script says: nothing is left but the key, which the user has made.
      const undo = /^To undo it: (.*)$/m.exec(out)![1]!;
      await user.run(undo, shell);
      expect(readdirSync(join(user.home, '.local'), { recursive: true }).sort()).toEqual(['bin', 'share']);
    },
  );
});

const keyOf = ({ home }: Newcomer) =>
  /pwk-\S+/.exec(readFileSync(join(home, '.config/pinchwork/config.yaml'), 'utf8'))![0].replace(/["']$/, '');

describe('install.sh', () => {
  it('installs again over itself, also where names have quotes and spaces', async () => {
    const user = new Newcomer();
    const prefix = join(user.home, `it's "here" $HOME`);
    for (const _ of ['first', 'again']) {
      const { code, out } = await user.run(installLine(), 'sh', { PINCHWORK_INSTALL_DIR: prefix });
      expect(code).toBe(0);
      expect(out).toContain('Begin with: pinchwork register');
    }
    expect((await user.run(installLine(), 'sh', { PINCHWORK_INSTALL_DIR: 'here' })).code).toBe(0);
    expect((await user.run(`cd / && "$HOME/here/bin/pinchwork" --version`)).out).toMatch(/^pinchwork \d/);
    const { out } = await user.run(`"$PREFIX/bin/pinchwork" profile list; "$PREFIX/bin/pinchwork" skill`, 'sh', {
      PREFIX: prefix,
    });
    expect(out).toContain(`This guide is for the marketplace at\n\`${live.url}\``);
    const path = `${prefix}/bin:${user.bin}`;
    expect((await user.run(installLine(), 'sh', { PINCHWORK_INSTALL_DIR: prefix, PATH: path })).out).not.toContain(
      'export',
    );
  });

  it('refuses without Node 20, and writes nothing', async () => {
    const old = join(temporaryFolder('old'), 'node');
    const older = `Object.defineProperty(process, 'versions', { value: { node: '18.20.4' } })`;
    const lines = [
      '#!/bin/sh',
      'if [ "$1" = --version ]; then echo v18.20.4; exit; fi',
      `exec '${process.execPath}' --import "data:text/javascript,${encodeURIComponent(older).replaceAll("'", '%27')}" "$@"`,
    ];
    writeFileSync(old, lines.join('\n'), { mode: 0o755 });
    for (const [user, says] of [
      [new Newcomer({ without: ['node'] }), 'there is no node here'],
      [new Newcomer({ node: old }), 'this is v18.20.4'],
    ] as const) {
      const { code, err } = await user.run(installLine());
      expect(code).toBe(1);
      expect(err).toContain(says);
      expect(err).toContain(`${live.url}/skill.md`);
      expect(readdirSync(user.home)).toEqual([]);
    }
  });

  it('refuses without HOME, without curl and wget, and in the place of another program', async () => {
    const script = await (await fetch(`${live.url}/install.sh`)).text();
    const user = new Newcomer();
    expect((await user.run(script, 'sh', { HOME: '' })).err).toContain('PINCHWORK_INSTALL_DIR=');
    expect((await new Newcomer({ without: ['curl'] }).run(script)).err).toContain('neither curl nor wget');
    mkdirSync(join(user.home, '.local/bin'), { recursive: true });
    writeFileSync(join(user.home, '.local/bin/pinchwork'), 'theirs');
    expect(await user.run(script)).toMatchObject({ code: 1, err: expect.stringContaining('another program') });
    expect(readFileSync(join(user.home, '.local/bin/pinchwork'), 'utf8')).toBe('theirs');
  });

  it('installs no program that has another checksum, or that cannot be downloaded', async () => {
    const script = await (await fetch(`${live.url}/install.sh`)).text();
    const refusal = JSON.stringify({ error: 'It is not built here', hint: 'Its operator builds it.' });
    for (const [answers, says, refused] of [
      [
        { '/cli/pinchwork.mjs': 'console.log("evil")', '/cli/pinchwork.mjs.sha256': `${'0'.repeat(64)}  x\n` },
        'SHA-256',
        '',
      ],
      [{ '/cli/pinchwork.mjs': 'console.log("evil")' }, 'could not be downloaded', ''],
      [{}, 'could not be downloaded\nTry again later.', ''],
      [{}, 'could not be downloaded\nIt is not built here. Its operator builds it.\n', refusal],
    ] as const) {
      const server = createServer(({ url }, reply) => {
        const body = (answers as Record<string, string>)[url!];
        reply.writeHead(body === undefined ? 404 : 200).end(body ?? refused);
      }).listen(0, '127.0.0.1');
      onTestFinished(() => void server.close());
      await new Promise((resolve) => server.once('listening', resolve));
      const user = new Newcomer();
      const elsewhere = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      const { code, err } = await user.run(script.replaceAll(live.url, elsewhere));
      expect(code).toBe(1);
      expect(err).toContain(says);
      const left = readdirSync(user.home, { recursive: true, withFileTypes: true }).filter((each) => each.isFile());
      expect(left).toEqual([]);
    }
  });

  it('is not run where the line of the guide gets the answer of a server that refuses', async () => {
    const [line] = blocksOf(await (await fetch(`${live.url}/skill.md`)).text(), 'bash') as [string];
    const server = createServer((_, reply) => void reply.writeHead(503).end('touch "$HOME/run"\n'));
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const user = new Newcomer();
    await user.run(line.replaceAll(live.url, `http://127.0.0.1:${(server.address() as AddressInfo).port}`));
    expect(readdirSync(user.home)).toEqual([]);
  });

  it('does nothing where its download was cut', async () => {
    const script = await (await fetch(`${live.url}/install.sh`)).text();
    const user = new Newcomer();
    // Each cut but the last is before the line that calls what is defined above it.
    for (const part of [0.3, 0.6, 0.9, 0.99]) await user.run(script.slice(0, Math.floor(script.length * part)));
    expect(readdirSync(user.home)).toEqual([]);
  });
});

describe('the template of the Homebrew formula', () => {
  it('installs what is published, and has no other places to fill in than those of a release', () => {
    const formula = readFileSync(new URL('../homebrew/pinchwork.rb', import.meta.url), 'utf8');
    expect([...formula.matchAll(/\{\{([^}]*)\}\}/g)].map(([, place]) => place)).toEqual([
      'homepage',
      'url of the package pinchwork-VERSION.tgz',
      'SHA-256 of that package',
    ]);
    expect(readFileSync(new URL('../build.ts', import.meta.url), 'utf8')).toContain(
      "bin: { pinchwork: 'pinchwork.mjs' }",
    );
    expect(formula).toContain('libexec.install "pinchwork.mjs"');
  });

  it('is a program that Ruby understands', async ({ skip }) => {
    skip(noTool('ruby'), 'there is no ruby');
    const file = fileURLToPath(new URL('../homebrew/pinchwork.rb', import.meta.url));
    expect((await promisify(execFile)('ruby', ['-c', file])).stdout).toBe('Syntax OK\n');
  });

  it('closes each of its blocks', () => {
    const lines = readFileSync(new URL('../homebrew/pinchwork.rb', import.meta.url), 'utf8').split('\n');
    const opens = lines.filter((line) => /^\s*(class|def) |\bdo$/.test(line)).length;
    expect(lines.filter((line) => /^\s*end$/.test(line)).length).toBe(opens);
    expect(lines.filter((line) => line.includes('<<~SH')).length).toBe(
      lines.filter((line) => line.trim() === 'SH').length,
    );
    for (const line of lines) expect((line.match(/"/g) ?? []).length % 2, line).toBe(0);
  });
});
