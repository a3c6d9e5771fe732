import { parentPort } from 'node:worker_threads';
import { present } from '../../ground/present.ts';
import type { ApartJob, OwnReader } from '../database.ts';
import { openSqliteReader } from './reader.ts';

/** The message to a thread. It answers with a `JobOutcome`. */
export interface JobOrder {
  /** The data file. */
  readonly path: string;
  readonly job: string;
  readonly input: unknown;
}
export type JobOutcome = { readonly output: unknown } | { readonly error: unknown };

/** A worker thread of the embedded database. It runs jobs one after the other on its own read-only connection. */
const parent = present(parentPort, 'The thread that started this one');
parent.on('message', (order: JobOrder) => {
  void outcomeOf(order).then((outcome) => parent.postMessage(outcome));
});

let open: { readonly path: string; readonly reader: OwnReader } | undefined;

async function readerOf(path: string): Promise<OwnReader> {
  if (open?.path !== path) {
    await open?.reader.close();
    open = { path, reader: openSqliteReader(path) };
  }
  return open.reader;
}

async function outcomeOf({ path, job, input }: JobOrder): Promise<JobOutcome> {
  try {
    const reader = await readerOf(path);
    // A file that `runApart` was given exports its job.
    const { default: run } = (await import(job)) as { default: ApartJob<unknown, unknown> };
    return { output: await run(reader, input) };
  } catch (error) {
    return { error };
  }
}
