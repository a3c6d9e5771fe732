import { setTimeout as sleep } from 'node:timers/promises';
import type { Cleanup } from './cleanup.ts';
import type { Engine } from './engines.ts';
import { median } from './figures.ts';
import { startServer } from './sides.ts';

const starts = 5;
/** After this time V8 has collected most garbage of the start. */
const settleMs = 3_000;

export interface Startup {
  /**
   * The time from the spawn until the server prints that it listens: the median of five starts, each on a new database.
   */
  readonly startMs: number;
  /** Resident memory after a start and a few seconds without requests. */
  readonly idleBytes: number;
}

export async function measureStartup(engine: Engine, cleanup: Cleanup): Promise<Startup> {
  const times: number[] = [];
  for (;;) {
    const child = await startServer(engine, cleanup);
    times.push(child.startMs);
    if (times.length < starts) {
      await child.stop();
      continue;
    }
    await sleep(settleMs);
    const idleBytes = child.memory();
    await child.stop();
    return { startMs: median(times), idleBytes };
  }
}
