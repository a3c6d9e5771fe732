import { parentPort, workerData } from 'node:worker_threads';
import type { ApartJob } from '../database.ts';
import { openSqliteReader } from './sqlite.ts';
import type { JobOrder, JobOutcome } from './threads.ts';

/** A worker thread of the embedded database: jobs, one after the other, on a reading connection of its own. */
const reader = openSqliteReader((workerData as { path: string }).path);
parentPort!.on('message', ({ job, input }: JobOrder) => {
  void outcomeOf(job, input).then((outcome) => parentPort!.postMessage(outcome));
});

async function outcomeOf(job: string, input: unknown): Promise<JobOutcome> {
  try {
    const { default: run } = (await import(job)) as { default: ApartJob<unknown, unknown> };
    return { output: await run(reader, input) };
  } catch (error) {
    return { error };
  }
}
