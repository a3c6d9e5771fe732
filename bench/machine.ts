import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { median } from './figures.ts';

const syncs = 100;

/** The properties of the machine that affect the figures. */
export function describeMachine(folder: string): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown CPU';
  const load = loadavg()[0]!.toFixed(1);
  return (
    `${availableParallelism()} cores, ${model}; Node ${process.version} on ${process.platform}; ` +
    `fsync of 4 KiB ${syncMs(folder).toFixed(2)} ms (median); load average before the run ${load}`
  );
}

/** How long the disk takes to make a page durable. Near zero means a disk in memory, on which commits cost nothing. */
function syncMs(folder: string): number {
  const file = openSync(join(folder, 'fsync'), 'w');
  const page = Buffer.alloc(4_096, 1);
  const times = Array.from({ length: syncs }, () => {
    writeSync(file, page);
    const before = performance.now();
    fsyncSync(file);
    return performance.now() - before;
  });
  closeSync(file);
  return median(times);
}
