import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import audit from '../../packages/server/src/audit/audit.ts';
import { openReader } from '../../packages/server/src/storage/open.ts';
import { type Cleanup, runWithCleanup } from '../cleanup.ts';
import { type Engine, openEngine } from '../engines.ts';
import { describeMachine } from '../machine.ts';
import type { EngineName } from '../options.ts';
import { startServerOn } from '../sides.ts';
import { expectStatus } from '../http.ts';
import { type Case, helpedCases, ordinaryCases } from './cases.ts';
import { type Crowd, measureCrowd } from './crowd.ts';
import { type Figures, measureCases } from './measure.ts';
import { type BoardOptions, readBoardOptions, smallBoard, usage } from './options.ts';
import { boardReport } from './report.ts';
import { Requests } from './requests.ts';
import { buildWorld, type World } from './world.ts';

/** The measurements of one board. */
export interface Measured {
  readonly tasks: number;
  readonly cases: readonly (Pick<Case, 'name' | 'kind'> & { readonly figures: Figures })[];
  readonly crowd: Crowd;
}

/** Turns off the limits on claims, on abandoned claims and on system tasks. */
const settings = {
  PINCHWORK_MAX_ABANDONS_BEFORE_COOLDOWN: '1000000',
  PINCHWORK_MAX_OPEN_CLAIMS: 'off',
  PINCHWORK_SYSTEM_TASKS_PER_POSTER_PER_DAY: '10000',
  PINCHWORK_SYSTEM_CREDITS_PER_HOUR: 'off',
};

/**
 * The benchmark of the board: how long pickup, browsing, search and posting take on a very large board, compared with a
 * small one. A missed target is only marked. A task that two workers got is an error, and so is a worker that found
 * none.
 */
async function main(options: BoardOptions, cleanup: Cleanup): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'pinchwork-bench-'));
  cleanup.add(() => rmSync(folder, { recursive: true, force: true }));
  console.log(`The board, ${options.agents.toLocaleString('en-US')} agents, ${options.rounds} rounds`);
  console.log(`${describeMachine(folder)}\n`);
  for (const name of options.engines) await benchEngine(name, options, folder, cleanup);
}

async function benchEngine(name: EngineName, options: BoardOptions, folder: string, cleanup: Cleanup): Promise<void> {
  const engine = await openEngine(name, folder, cleanup);
  console.log(engine.title);
  const small = await measureBoard(engine, smallBoard, options, cleanup);
  const large = await measureBoard(engine, options.tasks[name], options, cleanup);
  console.log(`${boardReport(small, large)}\n`);
}

async function measureBoard(engine: Engine, tasks: number, options: BoardOptions, cleanup: Cleanup): Promise<Measured> {
  const url = await engine.freshUrl();
  const startedAt = performance.now();
  const world = await buildWorld(url, options.agents, tasks, Date.now());
  const seconds = (performance.now() - startedAt) / 1_000;
  console.log(`  ${tasks.toLocaleString('en-US')} open tasks, built in ${seconds.toFixed(0)} s`);
  if (tasks <= smallBoard) await checkInvariants(url);
  const child = await startServerOn(url, cleanup, settings);
  try {
    return await measure(child.url, world, tasks, options);
  } catch (error) {
    throw new Error(`The server failed: ${String(error)}\n${child.complaints()}`, { cause: error });
  } finally {
    await child.stop();
  }
}

/** Checks that the generated market is a valid one. */
async function checkInvariants(url: string): Promise<void> {
  const reader = await openReader(url);
  const { broken } = await audit(reader, { now: Date.now() });
  await reader.close();
  if (broken.length > 0) throw new Error(`What was built breaks an invariant: ${JSON.stringify(broken[0])}`);
}

async function measure(url: URL, world: World, tasks: number, options: BoardOptions): Promise<Measured> {
  const ticker = world.workers[0]!;
  const ordinary = await briefly(url, (requests) => ordinaryCases(world, requests));
  const figures = await measureCases(url, ordinary, ticker, options);
  const crowd = await measureCrowd(url, world, tasks);
  if (crowd.takenTwice > 0) throw new Error(`${crowd.takenTwice} tasks were taken twice`);
  if (crowd.emptyHanded > 0) throw new Error(`${crowd.emptyHanded} workers found nothing while there was work`);
  const helper = { name: 'helper', accepts_system_tasks: true };
  await briefly(url, async (requests) => expectStatus(await requests.post('/v1/register', undefined, helper), 201));
  const helped = helpedCases(world);
  figures.push(...(await measureCases(url, helped, ticker, options)));
  const cases = [...ordinary, ...helped].map(({ name, kind }, i) => ({ name, kind, figures: figures[i]! }));
  return { tasks, cases, crowd };
}

/** On a connection of its own. */
async function briefly<T>(url: URL, work: (requests: Requests) => Promise<T>): Promise<T> {
  const requests = await Requests.open(url);
  try {
    return await work(requests);
  } finally {
    requests.close();
  }
}

await runWithCleanup(async (cleanup) => {
  const options = readBoardOptions(process.argv.slice(2));
  if (options === undefined) console.log(usage);
  else await main(options, cleanup);
});
