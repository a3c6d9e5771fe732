import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from './http.ts';
import { type Lane, runLifecycle, type Verb, verbs } from './lifecycle.ts';

/** Load before the window opens: all lanes begin with a create, and become unsynchronised in this time. */
const rampMs = 500;

export interface Measured {
  /** Whole lifecycles per second. */
  readonly perSecond: number;
  /** Milliseconds from sending a request to having its whole reply, for each request that ended in the window. */
  readonly latencies: Readonly<Record<Verb, readonly number[]>>;
  /** CPU time of the measured processes per lifecycle; undefined on systems without /proc. */
  readonly cpuMs: number | undefined;
  /** The same of the database server; undefined also where the processes hold the database. */
  readonly databaseCpuMs: number | undefined;
  /** The fraction of one core that the load generator used. Near 1, it is the bottleneck. */
  readonly generatorLoad: number;
}

/** A process, or several, whose processor time is measured. */
interface Worker {
  /** Processor time it has taken so far, in milliseconds. */
  cpuMs?(): number | undefined;
}

/** A process that is put under load. */
interface Target extends Worker {
  readonly url: URL;
}

/**
 * Keeps each lane busy with whole lifecycles, for `seconds` after a short ramp. Counts the lifecycles that ended within
 * the window. A lane has a connection to each target and sends its requests one after the other, each to the next
 * target, so that every task passes through all of them, as behind a load balancer.
 *
 * Opens new connections: idle ones may have been closed since the last round.
 *
 * @param database the server of their database.
 * @throws Error when a request fails; the load stops at once.
 */
export async function measure(
  targets: readonly Target[],
  lanes: readonly Lane[],
  seconds: number,
  database: Worker = {},
): Promise<Measured> {
  const latencies: Record<Verb, number[]> = { create: [], pickup: [], deliver: [], approve: [] };
  const connections = await Promise.all(lanes.map(() => Promise.all(targets.map(({ url }) => Connection.open(url)))));
  const opensAt = performance.now() + rampMs;
  const closesAt = opensAt + seconds * 1_000;
  let ended = 0;
  let stopped = false;

  const run = async (lane: Lane, own: readonly Connection[], first: number) => {
    let turn = first;
    const send = async (verb: Verb, request: string) => {
      const sentAt = performance.now();
      const reply = await own[turn++ % own.length]!.send(request);
      const now = performance.now();
      if (now >= opensAt && now < closesAt) latencies[verb].push(now - sentAt);
      return reply;
    };
    while (!stopped && performance.now() < closesAt) {
      await runLifecycle(lane, send);
      const now = performance.now();
      if (now >= opensAt && now < closesAt) ended++;
    }
  };

  try {
    const work = Promise.all(lanes.map((lane, i) => run(lane, connections[i]!, i)));
    const cpu = cpuInWindow(targets, database, seconds);
    await work;
    const { targetMs, databaseMs, ownMs } = await cpu;
    return {
      perSecond: ended / seconds,
      latencies,
      cpuMs: targetMs === undefined ? undefined : targetMs / ended,
      databaseCpuMs: databaseMs === undefined ? undefined : databaseMs / ended,
      generatorLoad: ownMs / (seconds * 1_000),
    };
  } finally {
    stopped = true;
    for (const connection of connections.flat()) connection.close();
  }
}

/** How much processor time the targets, their database and this process take in the window. */
async function cpuInWindow(targets: readonly Target[], database: Worker, seconds: number) {
  await sleep(rampMs, undefined, { ref: false });
  const before = [cpuOf(targets), cpuOf([database])] as const;
  const ownBefore = process.cpuUsage();
  await sleep(seconds * 1_000, undefined, { ref: false });
  const after = [cpuOf(targets), cpuOf([database])] as const;
  const { user, system } = process.cpuUsage(ownBefore);
  return {
    targetMs: difference(before[0], after[0]),
    databaseMs: difference(before[1], after[1]),
    ownMs: (user + system) / 1_000,
  };
}

const difference = (before: number | undefined, after: number | undefined) =>
  before === undefined || after === undefined ? undefined : after - before;

function cpuOf(targets: readonly Worker[]): number | undefined {
  const times = targets.map((target) => target.cpuMs?.());
  return times.reduce((sum, ms) => (sum === undefined || ms === undefined ? undefined : sum + ms), 0);
}

/** Puts the latencies of several windows together. */
export function mergeLatencies(windows: readonly Measured[]): Record<Verb, number[]> {
  return Object.fromEntries(
    verbs.map((verb) => [verb, windows.flatMap(({ latencies }) => latencies[verb]).sort((a, b) => a - b)]),
  ) as Record<Verb, number[]>;
}
