import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { restore as restoreFile } from '../../src/backup/sqlite-restore.ts';
import { version } from '../../src/ground/version.ts';
import { Client } from '../support/client.ts';
import { runCommand } from '../support/command.ts';
import { onBothEngines, sqlite } from '../support/engines.ts';
import { makeBusy } from '../support/busy.ts';
import { laterSteps } from '../support/later-step.ts';
import { Market, postTask } from '../support/market.ts';
import { PersistentPosters } from '../support/persistent.ts';
import { mainFile, ServerProcess, startServer } from '../support/process.ts';
import { readTables } from '../support/tables.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const on = (database: string) => ({ PINCHWORK_DATABASE_URL: database });
const backup = (database: string, file: string) => runCommand(['backup', file], on(database));
const restore = (database: string, file: string, ...more: string[]) =>
  runCommand(['restore', file, ...more], on(database));

/** Runs the command in this process, which is faster. */
const restoreHere = (database: string, file: string, known?: typeof laterSteps) =>
  restoreFile(file, database, { force: true, programVersion: version, known, now: new Date() });

/** Whether this user may change the owner of files. */
const isRoot = process.getuid?.() === 0;

/** A data file with a market that no server uses. */
async function closedMarket(): Promise<string> {
  const url = await sqlite.freshUrl();
  const market = await Market.open(url);
  await makeBusy(market);
  await market.close();
  return url;
}

/** A backup and its tables. */
async function goodBackup() {
  const url = await closedMarket();
  const file = join(temporaryFolder('backup'), 'market.db');
  expect((await backup(url, file)).code).toBe(0);
  return { url, file, tables: await readTables(url) };
}

describe('a backup', () => {
  it('of a running server is the whole market at one moment', async () => {
    const database = await sqlite.freshUrl();
    const { url } = await startServer(database, { PINCHWORK_INITIAL_CREDITS: '1000000' });
    const agent = await new Client(url).register();
    const posters = new PersistentPosters(agent, 8, { max_credits: 1, context: 'x'.repeat(5_000) });
    await posters.untilMore('created', 500);

    for (let i = 0; i < 3; i++) {
      const file = join(temporaryFolder('backup'), 'market.db');
      const answeredBefore = posters.created;
      const { code, stdout } = await backup(database, file);
      const answeredAfter = posters.created;
      expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^Saved .* and checked it\.\n$/) });
      expect(answeredAfter).toBeGreaterThan(answeredBefore);

      const restored = await sqlite.freshUrl();
      expect(await restore(restored, file)).toMatchObject({ code: 0 });
      const audit = await runCommand(['audit', '--at-rest'], on(restored));
      expect(audit).toMatchObject({ code: 0, stdout: expect.stringContaining('Everything is in order.') });
      const [row] = await sqlite.query(restored, 'select count(*) as tasks from tasks');
      expect(row!.tasks).toBeGreaterThanOrEqual(answeredBefore);
      // Tasks created after the backup, or during it, are not in it.
      expect(row!.tasks).toBeLessThanOrEqual(answeredAfter + 8);
    }
    await posters.stop();
  });

  it('is one file that only its owner can read, and leaves the data file unchanged', async () => {
    const { url, file, tables } = await goodBackup();
    expect(readdirSync(dirname(file))).toEqual(['market.db']);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(await readTables(url)).toEqual(tables);
    expect(await readTables(file)).toEqual(tables);
  });

  it('does not overwrite files', async () => {
    const url = await closedMarket();
    const file = join(temporaryFolder('backup'), 'letter.txt');
    writeFileSync(file, 'Dear agent');
    const { code, stderr } = await backup(url, file);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('does not overwrite files') });
    expect(readFileSync(file, 'utf8')).toBe('Dear agent');
    expect(readdirSync(dirname(file))).toEqual(['letter.txt']);
  });

  it('from a missing file, or to a missing folder, is refused and leaves no file', async () => {
    const folder = temporaryFolder('backup');
    const nothing = await backup(join(folder, 'no.db'), join(folder, 'b.db'));
    expect(nothing).toMatchObject({ code: 1, stderr: expect.stringContaining('There is no data file') });
    const nowhere = await backup(await closedMarket(), join(folder, 'no', 'b.db'));
    expect(nowhere).toMatchObject({ code: 1, stderr: expect.stringContaining('No backup was made') });
    expect(readdirSync(folder)).toEqual([]);
  });
});

/** A limit on the size of files simulates a full disk. Available on Linux only. */
describe.runIf(spawnSync('prlimit', ['--version']).status === 0)('on a full disk', () => {
  const squeezed = async (words: readonly string[], database: string) => {
    const args = ['--fsize=100000', process.execPath, mainFile, ...words];
    const child = new ServerProcess(on(database), { command: 'prlimit', args });
    return { ...(await child.ended), stderr: child.stderr };
  };

  it('a backup reports that it failed, and leaves no file', async () => {
    const folder = temporaryFolder('backup');
    const { code, stderr } = await squeezed(['backup', join(folder, 'market.db')], await closedMarket());
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^No backup was made: /) });
    expect(readdirSync(folder)).toEqual([]);
  });

  it('a restore reports that it failed, and the data is unchanged', async () => {
    const { file } = await goodBackup();
    const folder = temporaryFolder('backup');
    const data = join(folder, 'market.db');
    expect((await restore(data, file)).code).toBe(0);
    const before = await readTables(data);
    const { code, stderr } = await squeezed(['restore', file, '--force'], data);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringMatching(/^Nothing was restored: /) });
    expect(await readTables(data)).toEqual(before);
    expect(readdirSync(folder).filter((name) => /restoring|before/.test(name))).toEqual([]);
  });
});

describe('a restored market', () => {
  it('equals the backup, and a server continues from it', async () => {
    const { url, file, tables } = await goodBackup();
    await sqlite.vandalise(url, 'delete from messages');
    const { code, stdout } = await restore(url, file, '--force');
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^Restored .* the books are in order\./),
    });
    expect(await readTables(url)).toEqual(tables);
    const server = await startServer(url);
    await postTask(await new Client(server.url).register());
  });

  it('replaces data only with --force, and then keeps the old data and its log beside it', async () => {
    const { file } = await goodBackup();
    const data = await sqlite.freshUrl();
    const { server, url } = await startServer(data);
    const agent = await new Client(url).register('in the log only');
    await server.kill();
    expect(statSync(`${data}-wal`).size).toBeGreaterThan(0);

    const refused = await restore(data, file);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('--force') });
    expect(statSync(`${data}-wal`).size).toBeGreaterThan(0);

    const { code, stdout } = await restore(data, file, '--force');
    expect(code).toBe(0);
    const kept = /The previous data is now (.*)\.\n$/.exec(stdout)![1]!;
    expect(dirname(kept)).toBe(dirname(data));
    expect(await sqlite.query(kept, 'select id from agents')).toEqual([{ id: agent.id }]);
    expect(await readTables(data)).toEqual(await readTables(file));
  });

  it.runIf(isRoot)('belongs to whom the file belonged that it replaces', async () => {
    const { url, file } = await goodBackup();
    chownSync(url, 12_345, 23_456);
    const { path, keptAs } = await restoreHere(url, file);
    for (const each of [path, keptAs!]) expect(statSync(each)).toMatchObject({ uid: 12_345, gid: 23_456 });
  });

  it('is never opened with the log of a deleted data file', async () => {
    const { file, tables } = await goodBackup();
    const data = await sqlite.freshUrl();
    const { server, url } = await startServer(data);
    await new Client(url).register();
    await server.kill();
    rmSync(data);
    expect(await restore(data, file)).toMatchObject({ code: 1, stderr: expect.stringContaining('--force') });
    expect((await restore(data, file, '--force')).code).toBe(0);
    expect(await readTables(data)).toEqual(tables);
  });

  it('gets the schema of the program that restores it', async () => {
    const { file } = await goodBackup();
    const data = await sqlite.freshUrl();
    await restoreHere(data, file, laterSteps);
    expect(await sqlite.query(data, 'select name from kysely_migration order by name')).toEqual(
      Object.keys(laterSteps).map((name) => ({ name })),
    );
    expect(await sqlite.query(file, 'select name from kysely_migration')).toHaveLength(1);
  });

  it('may come from a newer program that allows this one', async () => {
    const { file } = await goodBackup();
    await sqlite.vandalise(file, `insert into kysely_migration values ('9999_later', 'now')`);
    expect((await restore(await sqlite.freshUrl(), file)).code).toBe(0);
    await sqlite.vandalise(file, `update meta set value = '99.0.0' where key = 'oldest_program'`);
    const refused = await restore(await sqlite.freshUrl(), file);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('needs Pinchwork 99.0.0') });
  });
});

describe('a refused restore changes nothing', () => {
  it.each([
    ['that is not there', (file: string) => rmSync(file), 'There is no file'],
    ['that is no database', (file: string) => writeFileSync(file, 'Dear agent, '.repeat(500)), 'not a database'],
    ['that is empty', (file: string) => writeFileSync(file, ''), 'holds no market'],
    [
      'that was cut off',
      (file: string) => writeFileSync(file, readFileSync(file).subarray(0, 100_000)),
      /damaged|malformed/,
    ],
    ['with other tables', (file: string) => sqlite.vandalise(file, 'drop table meta'), 'holds no market'],
    ['whose rows refer to nothing', (file: string) => sqlite.vandalise(file, 'delete from agents'), 'refers to agents'],
    [
      'whose books are not in order',
      (file: string) => sqlite.vandalise(file, 'update accounts set balance = balance + 1'),
      'not in order',
    ],
  ] as const)('by a file %s', async (_, spoil, reason) => {
    const { url, file, tables } = await goodBackup();
    await spoil(file);
    const beside = readdirSync(dirname(url)).filter((name) => name.includes('restoring') || name.includes('before'));
    await expect(restoreHere(url, file)).rejects.toThrow(reason);
    expect(await readTables(url)).toEqual(tables);
    expect(readdirSync(dirname(url)).filter((name) => /restoring|before/.test(name))).toEqual(beside);

    const fresh = await sqlite.freshUrl();
    await expect(restoreHere(fresh, file)).rejects.toThrow(reason);
    expect(existsSync(fresh)).toBe(false);
  });

  it('while a server uses the data file', async () => {
    const { file } = await goodBackup();
    const data = await sqlite.freshUrl();
    const { url } = await startServer(data);
    const agent = await new Client(url).register();
    const { code, stderr } = await restore(data, file, '--force');
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('Another Pinchwork server is using') });
    expect((await agent.get('/v1/me')).status).toBe(200);
  });
});

it.each([
  ['backup', 'pg_dump --format=custom --file=FILE "$PINCHWORK_DATABASE_URL"'],
  ['restore', 'pg_restore --no-owner --exit-on-error --dbname="$PINCHWORK_DATABASE_URL" FILE'],
])('%s names the tool of PostgreSQL where the market is there, and shows no password', async (command, line) => {
  const { code, stderr } = await runCommand([command, 'FILE'], on('postgres://user:sesame@localhost/market'));
  expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining(line) });
  expect(stderr).not.toContain('sesame');
});

onBothEngines('audit --at-rest', (engine) => {
  it('reports nothing as overdue, because no server was running', async () => {
    const url = await engine.freshUrl();
    const market = await Market.open(url);
    await makeBusy(market);
    await market.close();
    // Far in the market's future, as after a long time without a server.
    await engine.vandalise(url, `update tasks set expires_at = 1 where status = 'posted'`);
    expect(await runCommand(['audit'], on(url))).toMatchObject({ code: 1, stdout: expect.stringContaining('overdue') });
    expect(await runCommand(['audit', '--at-rest'], on(url))).toMatchObject({ code: 0 });
  });
});
