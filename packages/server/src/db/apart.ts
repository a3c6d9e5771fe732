import { parentPort, workerData } from 'node:worker_threads';
import type { ApartJob } from './database.ts';
import { openSqliteReader } from './sqlite.ts';

/** A worker thread of the embedded database: one job on a reading connection of its own, then it ends. */
const { path, job, input } = workerData as { path: string; job: string; input: unknown };
const reader = openSqliteReader(path);
try {
  const { default: run } = (await import(job)) as { default: ApartJob<unknown, unknown> };
  parentPort!.postMessage(await run(reader, input));
} finally {
  await reader.close();
}
