import { statSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { percentile } from '../figures.ts';
import { Connection } from '../http.ts';
import { type Lane, runLifecycle } from '../lifecycle.ts';

/** Others at work: lifecycles one after the other on each lane, with a pause after each. */
const othersPauseMs = 40;
const lookMs = 20;

export interface Beside {
  readonly ms: number;
  /** The requests of others meanwhile. */
  readonly p50: number;
  readonly p99: number;
  readonly perSecond: number;
  /** The largest size of the log meanwhile, in MB. */
  readonly logMb: number;
}

/** Runs `work` while others send requests on `lanes`, and looks at the log of the data file. */
export async function runBeside(
  url: URL,
  lanes: readonly Lane[],
  dataFile: string,
  work: () => Promise<unknown>,
): Promise<Beside> {
  const times: number[] = [];
  const over = new AbortController();
  let lifecycles = 0;
  let logBytes = 0;
  const others = lanes.map(async (lane) => {
    const connection = await Connection.open(url);
    while (!over.signal.aborted) {
      await runLifecycle(lane, async (_verb, request) => {
        const sentAt = performance.now();
        const reply = await connection.send(request);
        times.push(performance.now() - sentAt);
        return reply;
      });
      lifecycles++;
      await sleep(othersPauseMs);
    }
    connection.close();
  });
  const looking = (async () => {
    while (!over.signal.aborted) {
      logBytes = Math.max(logBytes, statSync(`${dataFile}-wal`, { throwIfNoEntry: false })?.size ?? 0);
      await sleep(lookMs);
    }
  })();
  const begunAt = performance.now();
  try {
    await work();
  } finally {
    over.abort();
    await Promise.all([...others, looking]);
  }
  const ms = performance.now() - begunAt;
  times.sort((a, b) => a - b);
  return {
    ms,
    p50: percentile(times, 0.5),
    p99: percentile(times, 0.99),
    perSecond: (lifecycles / ms) * 1_000,
    logMb: logBytes / 1e6,
  };
}
