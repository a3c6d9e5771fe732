import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { commands } from '../../src/commands/commands.ts';
import { version } from '../../src/ground/version.ts';
import { runCommand } from '../support/command.ts';
import { onBothEngines, sqlite } from '../support/engines.ts';
import { mainFile, ServerProcess, startServer } from '../support/process.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

describe('the command line', () => {
  it.each([
    [['frobnicate'], '"frobnicate" is not a command'],
    [['toString'], '"toString" is not a command'],
    [['help', 'frobnicate'], '"frobnicate" is not a command'],
    [['start', 'now'], 'start takes only options'],
    [['audit', '--fix'], "Unknown option '--fix'"],
    [['--colour', 'red'], "Unknown option '--colour'"],
    [['backup'], 'backup takes one FILE'],
    [['backup', 'a', 'b'], 'backup takes one FILE'],
    [['restore', 'a', '--force=yes'], "Option '--force' does not take an argument"],
    [['move'], 'move needs --to'],
    [['move', '--to'], "Option '--to <value>' argument missing"],
    [['move', '--to', 'other.db'], '--to must be a URL like postgres://'],
  ])('%j is refused with a sentence and exit code 2', async (words, sentence) => {
    const { code, stdout, stderr } = await runCommand(words);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(sentence);
    expect(stderr).toMatch(/^[^\n]+\. Try "pinchwork-server --help"\.\n$/);
  });

  it('has help for every command and for each of its options', async () => {
    const { code, stdout } = await runCommand(['--help']);
    expect(code).toBe(0);
    for (const { usage, summary } of Object.values(commands)) {
      expect(stdout).toContain(usage);
      expect(stdout).toContain(summary);
    }
    expect(await runCommand(['help'])).toEqual(await runCommand(['-h']));
    const restore = await runCommand(['restore', '--help']);
    expect(restore).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Usage: .* restore FILE[^]*--force /) });
    expect(await runCommand(['help', 'restore'])).toEqual(restore);
  });

  it('prints its version, also as the program that npm installs', async () => {
    expect(await runCommand(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n` });
    const bin = fileURLToPath(new URL('../../../../node_modules/.bin/', import.meta.url));
    const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
    const { stdout } = await promisify(execFile)(join(bin, 'pinchwork-server'), ['-v'], { env });
    expect(stdout).toBe(`${version}\n`);
  });

  it('prefers options to the environment, and the environment to .env', async () => {
    const cwd = temporaryFolder('run');
    const lines = [
      'PINCHWORK_DATABASE_URL=from-the-file.db',
      'PINCHWORK_HOST="127.0.0.2" # quoted',
      'PINCHWORK_CONTACT=mailto:file@market.example',
      'OTHER=x',
      'PINCHWORK_COLOUR=red',
    ];
    writeFileSync(join(cwd, '.env'), lines.join('\n'));
    const env = { PINCHWORK_PORT: '1', PINCHWORK_CONTACT: 'mailto:environment@market.example' };
    const args = [mainFile, '--port', '0', '--data', 'from-the-option.db'];
    const server = new ServerProcess(env, { command: process.execPath, args, cwd });
    const url = await server.listening;
    expect(new URL(url).hostname).toBe('127.0.0.2');
    expect(await (await fetch(`${url}/terms`)).text()).toContain('environment@market.example');
    expect(server.stderr).toBe('PINCHWORK_COLOUR is not a setting of Pinchwork and is ignored.\n');
    expect(readdirSync(cwd).filter((name) => name.endsWith('.db'))).toEqual(['from-the-option.db']);
    // Every command that reads the data uses these settings.
    const migrated = new ServerProcess({}, { command: process.execPath, args: [mainFile, 'migrate'], cwd });
    await migrated.ended;
    expect(migrated.stdout).toContain(join(cwd, 'from-the-file.db'));
  });

  it('ignores a .env that is a folder, and reports why it cannot read another', async () => {
    const cwd = temporaryFolder('run');
    mkdirSync(join(cwd, '.env'));
    const migrate = async () => {
      const child = new ServerProcess(
        { PINCHWORK_DATABASE_URL: await sqlite.freshUrl() },
        { command: process.execPath, args: [mainFile, 'migrate'], cwd },
      );
      return { ...(await child.ended), stderr: child.stderr };
    };
    expect(await migrate()).toMatchObject({ code: 0 });
    rmdirSync(join(cwd, '.env'));
    symlinkSync('.env', join(cwd, '.env'));
    expect(await migrate()).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^Can't read the settings in .*\.env: /),
    });
  });

  it('with a bad setting is refused with a sentence and exit code 1', async () => {
    const { code, stderr } = await runCommand(['migrate'], { PINCHWORK_PORT: 'x' });
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^PINCHWORK_PORT must be [^\n]+\n$/) });
  });
});

onBothEngines('migrate', (engine) => {
  it('creates the schema, does not serve, and can run again', async () => {
    const url = await engine.freshUrl();
    for (let i = 0; i < 2; i++) {
      const { code, stdout } = await runCommand(['migrate'], { PINCHWORK_DATABASE_URL: url });
      expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^The schema of .* is up to date/) });
    }
    expect(await engine.query(url, 'select id from agents')).toEqual([]);
  });
});

it('migrate does not touch an embedded database that a server uses', async () => {
  const url = await sqlite.freshUrl();
  await startServer(url);
  const { code, stderr } = await runCommand(['migrate'], { PINCHWORK_DATABASE_URL: url });
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('Another Pinchwork server is using') });
});
