import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Cleanup, runWithCleanup } from './cleanup.ts';
import { openEngine } from './engines.ts';
import { median, percentile } from './figures.ts';
import { Connection, expectStatus, fieldsOf, postTemplate, type Reply, taskIdOf } from './http.ts';
import { describeMachine } from './machine.ts';
import { wholeNumber } from './options.ts';
import { table, verdict } from './report.ts';
import { startServerOn } from './sides.ts';

/**
 * The cost of pickups that wait: the memory of idle ones, how long a posting takes to reach one of many, and how many
 * claims there are with many that wait, beside as many claims by pickups that do not wait.
 */
const usage = `npm run bench:waits -- [options]

  --waits N      idle waits held open, each of an agent of its own (10000)
  --agents N     agents that wait while claims are timed and counted (1000)
  --postings N   postings timed for each row (300)
  --seconds N    seconds of load in each of three rounds (3)
  --help         this text`;

const targets = { idleMiB: 400, sameServerMs: 10, otherServerMs: 50, ratio: 0.8 };
const mebibyte = 1024 * 1024;
/** Connections that register agents, open waits, or post. */
const lanes = 16;
/** After this time the server has handled all connections. */
const settleMs = 5_000;
/** After this time V8 has collected the garbage of the connections: what is left is what idle waits hold. */
const restMs = 120_000;
const rounds = 3;
const settings = { PINCHWORK_INITIAL_CREDITS: '1000000', PINCHWORK_MAX_OPEN_CLAIMS: 'off' };
const longWait = '/v1/tasks/pickup?wait=300';

interface Amounts {
  readonly waits: number;
  readonly agents: number;
  readonly postings: number;
  readonly seconds: number;
}

async function main({ waits, agents, postings, seconds }: Amounts, cleanup: Cleanup): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'pinchwork-bench-'));
  cleanup.add(() => rmSync(folder, { recursive: true, force: true }));
  console.log(`${describeMachine(folder)}\n`);
  const memory = [['idle waits', 'just begun', 'wanted at rest', 'measured', 'each', '']];
  const delays = [[`posting to answer, ${agents} wait`, 'wanted p99', 'p50', 'p99', '']];
  const rates = [['claims/s', 'by pickups without wait', `by ${agents} that wait`, 'ratio', 'wanted', '']];

  const sqlite = await openEngine('sqlite', folder, cleanup);
  memory.push(await measureMemory(await sqlite.freshUrl(), waits, cleanup));
  console.log(`${table(memory)}\n`);

  for (const name of ['sqlite', 'postgres'] as const) {
    const engine = name === 'sqlite' ? sqlite : await openEngine(name, folder, cleanup);
    const database = await engine.freshUrl();
    const one = await startServerOn(database, cleanup, settings);
    const keys = await register(one.url, agents);
    const crowd = await Crowd.open(one.url, keys);
    delays.push(delayRow(`${name}, same server`, targets.sameServerMs, await measureDelays(one.url, crowd, postings)));
    const alone = await startServerOn(await engine.freshUrl(), cleanup, settings);
    rates.push(await compareRates(name, alone.url, { url: one.url, crowd, seconds }));
    await alone.stop();
    crowd.close();
    if (name === 'postgres') {
      const other = await startServerOn(database, cleanup, settings);
      const there = await Crowd.open(other.url, keys);
      const measured = await measureDelays(one.url, there, postings);
      delays.push(delayRow(`${name}, other server`, targets.otherServerMs, measured));
      there.close();
      await other.stop();
    }
    await one.stop();
  }
  console.log(`Milliseconds from when a task is sent until a wait is answered:\n${table(delays)}\n\n${table(rates)}`);
}

/** Runs `work` for the numbers below `count`, on `lanes` connections at once. */
async function inLanes(url: URL, count: number, work: (connection: Connection, i: number) => Promise<void>) {
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      const connection = await Connection.open(url);
      for (let i = lane; i < count; i += lanes) await work(connection, i);
      connection.close();
    }),
  );
}

async function register(url: URL, count: number): Promise<string[]> {
  const request = postTemplate(url.host, undefined, { name: 'worker' })('/v1/register');
  const keys: string[] = [];
  await inLanes(url, count, async (connection, i) => {
    keys[i] = fieldsOf(expectStatus(await connection.send(request), 201)).api_key as string;
  });
  return keys;
}

/** The memory of a server that has done nothing but let pickups wait: another one has registered their agents. */
async function measureMemory(database: string, waits: number, cleanup: Cleanup): Promise<string[]> {
  const first = await startServerOn(database, cleanup, settings);
  const keys = await register(first.url, waits);
  await first.stop();
  const server = await startServerOn(database, cleanup, settings);
  await sleep(settleMs);
  const before = server.memory();
  const crowd = await Crowd.open(server.url, keys);
  await sleep(settleMs);
  const begun = server.memory();
  await sleep(restMs);
  const after = server.memory();
  crowd.close();
  await server.stop();
  return [
    waits.toLocaleString('en-US'),
    `${(begun / mebibyte).toFixed(0)} MiB`,
    `<= ${targets.idleMiB} MiB`,
    `${(after / mebibyte).toFixed(0)} MiB`,
    `${((after - before) / 1024 / waits).toFixed(1)} KiB`,
    verdict(after / mebibyte <= targets.idleMiB),
  ];
}

/** Agents that always wait for work: each begins again as soon as it was answered. */
class Crowd {
  readonly #connections: Connection[] = [];
  /** Called with each task that one of them got, and when. */
  onTask: (taskId: string, at: number) => void = () => undefined;
  #isOpen = true;

  static async open(url: URL, keys: readonly string[]): Promise<Crowd> {
    const crowd = new Crowd();
    const requests = keys.map((key) => postTemplate(url.host, key)(longWait));
    await inLanes(url, keys.length, async (_, i) => {
      const connection = await Connection.open(url);
      crowd.#connections.push(connection);
      void crowd.#wait(connection, requests[i]!);
    });
    // Nothing reports that a wait has begun.
    await sleep(1_000);
    return crowd;
  }

  async #wait(connection: Connection, request: string): Promise<void> {
    while (this.#isOpen) {
      const reply = await connection.send(request).catch((): Reply | undefined => undefined);
      if (reply === undefined) return;
      if (reply.status === 200) this.onTask(taskIdOf(reply), performance.now());
      else expectStatus(reply, 204);
    }
  }

  close(): void {
    this.#isOpen = false;
    for (const connection of this.#connections) connection.close();
  }
}

async function openPoster(url: URL): Promise<{ connection: Connection; create: string }> {
  const [key] = await register(url, 1);
  const connection = await Connection.open(url);
  return { connection, create: postTemplate(url.host, key, { need: 'Count the words', max_credits: 1 })('/v1/tasks') };
}

async function measureDelays(postAt: URL, crowd: Crowd, count: number): Promise<number[]> {
  const { connection, create } = await openPoster(postAt);
  const times: number[] = [];
  for (let i = -50; i < count; i++) {
    const got = new Promise<number>((resolve) => (crowd.onTask = (_, at) => resolve(at)));
    const start = performance.now();
    const posted = connection.send(create);
    const at = await got;
    expectStatus(await posted, 201);
    if (i >= 0) times.push(at - start);
    // Until the next wait of that agent has begun.
    await sleep(5);
  }
  connection.close();
  return times.sort((a, b) => a - b);
}

const delayRow = (what: string, targetMs: number, sorted: readonly number[]) => [
  what,
  `<= ${targetMs} ms`,
  ...[0.5, 0.99].map((share) => percentile(sorted, share).toFixed(1)),
  verdict(percentile(sorted, 0.99) <= targetMs),
];

/** Posts and has each task claimed, on all lanes, one task after the other. @returns claims a second. */
async function claimFor(
  url: URL,
  seconds: number,
  claim: (lane: number, taskId: string) => Promise<unknown>,
): Promise<number> {
  const posters = await Promise.all(Array.from({ length: lanes }, () => openPoster(url)));
  const start = performance.now();
  let claims = 0;
  await Promise.all(
    posters.map(async ({ connection, create }, lane) => {
      while (performance.now() - start < seconds * 1_000) {
        await claim(lane, taskIdOf(expectStatus(await connection.send(create), 201)));
        claims++;
      }
    }),
  );
  const taken = (performance.now() - start) / 1_000;
  for (const { connection } of posters) connection.close();
  return claims / taken;
}

/** Claims by pickups that do not wait, each after a posting. */
async function claimAlone(url: URL, seconds: number): Promise<number> {
  const workers = await Promise.all(
    (await register(url, lanes)).map(async (key) => ({ key, connection: await Connection.open(url) })),
  );
  const rate = await claimFor(url, seconds, async (lane) => {
    const { key, connection } = workers[lane]!;
    // Another lane may have claimed it: then there is another task, or a moment later.
    while (
      expectStatus(await connection.send(postTemplate(url.host, key)('/v1/tasks/pickup')), 200, 204).status === 204
    );
  });
  for (const { connection } of workers) connection.close();
  return rate;
}

/** Claims by a crowd that waits. */
async function claimByCrowd(url: URL, crowd: Crowd, seconds: number): Promise<number> {
  const early = new Set<string>();
  const waiting = new Map<string, () => void>();
  // A wait may be answered before its posting is.
  crowd.onTask = (id) => (waiting.get(id) ?? (() => void early.add(id)))();
  return claimFor(url, seconds, (_, id) =>
    early.delete(id) ? Promise.resolve() : new Promise<void>((resolve) => waiting.set(id, resolve)),
  );
}

/** Claims a second without waits and with a crowd that waits, on two servers, in turn. */
async function compareRates(
  name: string,
  alone: URL,
  { url, crowd, seconds }: { url: URL; crowd: Crowd; seconds: number },
) {
  const [without, by]: [number[], number[]] = [[], []];
  // The first round warms up.
  for (let round = -1; round < rounds; round++) {
    const figures = [await claimAlone(alone, seconds), await claimByCrowd(url, crowd, seconds)] as const;
    if (round < 0) continue;
    without.push(figures[0]);
    by.push(figures[1]);
  }
  const ratio = median(by.map((rate, i) => rate / without[i]!));
  const percent = (part: number) => `${(part * 100).toFixed(0)} %`;
  return [
    name,
    ...[without, by].map((rates) => Math.round(median(rates)).toLocaleString('en-US')),
    percent(ratio),
    `>= ${percent(targets.ratio)}`,
    verdict(ratio >= targets.ratio),
  ];
}

await runWithCleanup(async (cleanup) => {
  const { values } = parseArgs({
    options: {
      waits: { type: 'string', default: '10000' },
      agents: { type: 'string', default: '1000' },
      postings: { type: 'string', default: '300' },
      seconds: { type: 'string', default: '3' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) console.log(usage);
  else {
    const amounts = {
      waits: wholeNumber('--waits', values.waits, 20_000),
      agents: wholeNumber('--agents', values.agents, 10_000),
      postings: wholeNumber('--postings', values.postings, 100_000),
      seconds: wholeNumber('--seconds', values.seconds, 600),
    };
    await main(amounts, cleanup);
  }
});
