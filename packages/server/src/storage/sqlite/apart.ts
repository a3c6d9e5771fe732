import { parentPort, workerData } from 'node:worker_threads';
import { present } from '../../ground/present.ts';
import type { ApartJob } from '../database.ts';
import { openSqliteReader } from './reader.ts';

/** The message to a thread. It answers with a `JobOutcome`. */
export interface JobOrder {
  readonly job: string;
  readonly input: unknown;
}
export type JobOutcome = { readonly output: unknown } | { readonly error: unknown };

/** A worker thread of the embedded database. It runs jobs one after the other on its own read-only connection. */
const reader = openSqliteReader((workerData as { path: string }).path);
const parent = present(parentPort, 'The thread that started this one');
parent.on('message', ({ job, input }: JobOrder) => {
  void outcomeOf(job, input).then((outcome) => parent.postMessage(outcome));
});

async function outcomeOf(job: string, input: unknown): Promise<JobOutcome> {
  try {
    const { default: run } = (await import(job)) as { default: ApartJob<unknown, unknown> };
    return { output: await run(reader, input) };
  } catch (error) {
    return { error };
  }
}
