import { execFile } from 'node:child_process';
import { constants, copyFileSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import BetterSqlite from 'better-sqlite3';
import type { LedgerPosition } from '../../packages/server/src/audit/positions.ts';
import { auditRecent } from '../../packages/server/src/audit/recent.ts';
import { openSqliteReader } from '../../packages/server/src/storage/sqlite/reader.ts';
import type { Child } from '../children.ts';
import { type Cleanup, runWithCleanup } from '../cleanup.ts';
import { median } from '../figures.ts';
import { Connection, expectStatus, getRequest, postTemplate } from '../http.ts';
import { type Lane, prepareLanes } from '../lifecycle.ts';
import { measure } from '../load.ts';
import { describeMachine } from '../machine.ts';
import { adminKey, mainScript, startServerOn } from '../sides.ts';
import { runBeside } from './beside.ts';
import { bytesReport } from './bytes.ts';
import { filledMarket } from './fill.ts';
import { type GrowthOptions, readGrowthOptions, usage } from './options.ts';
import { growthReport, type Grown } from './report.ts';

const connections = 32;
const othersConnections = 8;
/** How long others are measured alone, and beside recent audits. */
const quietMs = 4_000;
const starts = 3;
/** Claims and looks at the board in a round. */
const samples = 50;

/** A filled market with its server. */
interface Market {
  readonly tasks: number;
  readonly path: string;
  readonly child: Child;
  readonly startMs: number;
  readonly lanes: readonly Lane[];
  readonly rounds: Record<'cpuMs' | 'perSecond' | 'claimMs' | 'browseMs', number[]>;
}

/** The benchmark of growth: what each thing costs with few and with many finished tasks. Missed targets are marked. */
async function main(options: GrowthOptions, cleanup: Cleanup): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'pinchwork-bench-'));
  cleanup.add(() => rmSync(folder, { recursive: true, force: true }));
  console.log(`Growth on SQLite, ${options.rounds} rounds\n${describeMachine(folder)}\n`);
  const markets: Market[] = [];
  for (const tasks of options.tasks) {
    const kept = await filledMarket(options.data, tasks, cleanup);
    if (tasks === options.tasks[Math.min(1, options.tasks.length - 1)]) console.log(`${bytesReport(kept, tasks)}\n`);
    markets.push(await open(tasks, kept, folder, cleanup));
  }
  for (let round = 0; round < options.rounds; round++) {
    for (const market of markets) await watched(market, () => measureRound(market, options.seconds));
  }
  const grown: Grown[] = [];
  for (const market of markets) grown.push(await watched(market, () => measureLongWork(market, folder)));
  console.log(growthReport(grown));
}

/** Adds what the server said to an error. */
async function watched<T>({ tasks, child }: Market, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new Error(`The server with ${tasks} tasks failed: ${String(error)}\n${child.complaints()}`, { cause: error });
  }
}

async function open(tasks: number, kept: string, folder: string, cleanup: Cleanup): Promise<Market> {
  const path = join(folder, `${tasks}.db`);
  copyFileSync(kept, path, constants.COPYFILE_FICLONE);
  const times: number[] = [];
  for (;;) {
    const child = await startServerOn(path, cleanup);
    times.push(child.startMs);
    if (times.length < starts) {
      await child.stop();
      continue;
    }
    const lanes = await prepareLanes(child.url, connections, adminKey);
    await measure([child], lanes, 2);
    const rounds = { cpuMs: [], perSecond: [], claimMs: [], browseMs: [] };
    return { tasks, path, child, startMs: median(times), lanes, rounds };
  }
}

async function measureRound({ child, lanes, rounds }: Market, seconds: number): Promise<void> {
  const { cpuMs, perSecond } = await measure([child], lanes, seconds);
  rounds.cpuMs.push(cpuMs ?? Number.NaN);
  rounds.perSecond.push(perSecond);
  const { host } = child.url;
  const connection = await Connection.open(child.url);
  const register = async (name: string) =>
    JSON.parse(
      expectStatus(await connection.send(postTemplate(host, undefined, { name })('/v1/register')), 201).body,
    ) as { agent_id: string; api_key: string };
  const [poster, worker] = [await register('poster'), await register('worker')];
  const grant = { agent_id: poster.agent_id, amount: 10_000 };
  expectStatus(await connection.send(postTemplate(host, adminKey, grant)('/v1/admin/credits/grant')), 200);
  const timed = async (request: string, status: number) => {
    const sentAt = performance.now();
    const { body } = expectStatus(await connection.send(request), status);
    return { ms: performance.now() - sentAt, body: JSON.parse(body) as { task_id: string } };
  };
  const post = postTemplate(host, poster.api_key, { need: 'Add these numbers', max_credits: 5 });
  const claims: number[] = [];
  const looks: number[] = [];
  for (let i = 0; i < samples; i++) {
    await timed(post('/v1/tasks'), 201);
    looks.push((await timed(getRequest(host, worker.api_key, '/v1/tasks/available'), 200)).ms);
    const { ms, body } = await timed(postTemplate(host, worker.api_key)('/v1/tasks/pickup'), 200);
    claims.push(ms);
    await timed(postTemplate(host, worker.api_key, { result: 'Seven' })(`/v1/tasks/${body.task_id}/deliver`), 200);
    await timed(postTemplate(host, poster.api_key)(`/v1/tasks/${body.task_id}/approve`), 200);
  }
  connection.close();
  rounds.claimMs.push(median(claims));
  rounds.browseMs.push(median(looks));
}

/** Audits and a backup, while others are at work. */
async function measureLongWork({ tasks, path, child, startMs, lanes, rounds }: Market, folder: string): Promise<Grown> {
  const others = lanes.slice(0, othersConnections);
  const beside = (work: () => Promise<unknown>) => runBeside(child.url, others, path, work);
  const quiet = await beside(() => sleep(quietMs));
  const whole = await beside(async () => {
    const connection = await Connection.open(child.url);
    const { body } = expectStatus(await connection.send(getRequest(child.url.host, adminKey, '/v1/admin/audit')), 200);
    if (!body.includes('"ok":true')) throw new Error(`The audit found something: ${body}`);
    connection.close();
  });
  const since = positionOf(path);
  const reader = openSqliteReader(path, { readsLong: true });
  let recentTasks = 0;
  const recent = await beside(async () => {
    const until = performance.now() + quietMs;
    while (performance.now() < until) {
      const { report } = await auditRecent(reader, { now: Date.now() }, since);
      if (!report.ok) throw new Error(`The recent audit found something: ${JSON.stringify(report.broken[0])}`);
      recentTasks += report.checked.tasks;
    }
  });
  await reader.close();
  const copy = join(folder, `${tasks}-backup.db`);
  const backup = await beside(() => backUp(path, copy));
  const bytes = statSync(copy).size;
  rmSync(copy);
  await child.stop();
  const of = (name: keyof Market['rounds']) => median(rounds[name]);
  const requests = { cpuMs: of('cpuMs'), perSecond: of('perSecond'), claimMs: of('claimMs'), browseMs: of('browseMs') };
  return { tasks, bytes, startMs, ...requests, quiet, whole, recent, recentTasks, backup };
}

function positionOf(path: string): LedgerPosition {
  const connection = new BetterSqlite(path, { readonly: true });
  const value = connection.prepare<[], string>("select value from meta where key = 'audited'").pluck().get();
  connection.close();
  if (value === undefined) throw new Error('The audit has kept no position');
  return JSON.parse(value) as LedgerPosition;
}

const backUp = (path: string, copy: string) =>
  promisify(execFile)(process.execPath, [mainScript, 'backup', copy], {
    env: { ...process.env, PINCHWORK_DATABASE_URL: path },
  });

await runWithCleanup(async (cleanup) => {
  const options = readGrowthOptions(process.argv.slice(2));
  if (options === undefined) console.log(usage);
  else await main(options, cleanup);
});
