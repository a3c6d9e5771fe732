import { parentPort } from 'node:worker_threads';
import { present } from '../../ground/present.ts';
import type { ApartJob, OwnReader } from '../database.ts';
import { openSqliteReader } from './reader.ts';

/** The message to a thread. It answers with a `JobOutcome`. */
export interface JobOrder {
  /** The data file. */
  readonly path: string;
  /** Whether it rests between statements when the log waits for it (`rests.ts`). */
  readonly readsLong: boolean;
  readonly job: string;
  readonly input: unknown;
}
export type JobOutcome = { readonly output: unknown } | { readonly error: unknown };

/** A worker thread of the embedded database. It runs jobs one after the other on its own read-only connection. */
const parent = present(parentPort, 'The thread that started this one');
parent.on('message', (order: JobOrder) => {
  void outcomeOf(order).then((outcome) => parent.postMessage(outcome));
});

/** How the data file is read. */
type Reading = Pick<JobOrder, 'path' | 'readsLong'>;

let open: (Reading & { readonly reader: OwnReader }) | undefined;

async function readerOf({ path, readsLong }: Reading): Promise<OwnReader> {
  if (open?.path !== path || open.readsLong !== readsLong) {
    await open?.reader.close();
    open = { path, readsLong, reader: openSqliteReader(path, { readsLong }) };
  }
  return open.reader;
}

async function outcomeOf({ job, input, ...reading }: JobOrder): Promise<JobOutcome> {
  try {
    const reader = await readerOf(reading);
    // A file that `runApart` was given exports its job.
    const { default: run } = (await import(job)) as { default: ApartJob<unknown, unknown> };
    return { output: await run(reader, input) };
  } catch (error) {
    return { error };
  }
}
