import { hourMs } from '../../ground/clock.ts';
import type { Work } from '../../storage/ground.ts';
import { callPushesOf } from './queries.ts';

/** Signals the pusher that a configuration may be due. */
export const pushesDue = Symbol('push configurations due');

/** A configuration never waits longer than this for its next attempt. */
export const longestWaitMs = 2 * hourMs;

/**
 * Makes the push configurations of a task due, after a transition. Call it for tasks with
 * `has_terms`: a task with a configuration has them, and others pay nothing.
 */
export async function callPushes({ tx, now }: Work, taskId: string): Promise<void> {
  const called = await tx.run(callPushesOf, { task_id: taskId, now, latest: now + longestWaitMs });
  if (called > 0) tx.signal(pushesDue);
}
