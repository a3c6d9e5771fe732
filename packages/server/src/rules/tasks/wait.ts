import { secondMs } from '../../ground/clock.ts';
import type { Ground } from '../../storage/ground.ts';
import type { TaskRow } from './queries.ts';
import { taskById } from './queries.ts';
import type { Subscription, TaskWatch } from './watch.ts';

/** A request that waits for a task to change. */
interface Wait {
  readonly taskId: string;
  /** The longest wait; limited to `maxWaitSeconds`. */
  readonly seconds: number;
  /** Aborted when the caller no longer listens. */
  readonly signal: AbortSignal;
}

type WaitContext = Ground & { readonly watch: TaskWatch };

/**
 * Waits until `settled` holds for a task, the time is up, the caller has gone, or the server stops. Holds no database
 * connection while it waits.
 *
 * @param subscription its place among the waits; it is given back.
 * @returns the task as it is then; undefined if it does not exist.
 * @throws DomainError `agent_suspended`, `unauthorized` if the agent is suspended or its key ends during the wait.
 */
export async function waitForTask(
  ctx: WaitContext,
  subscription: Subscription,
  { taskId, seconds, signal }: Wait,
  settled: (task: TaskRow) => boolean,
): Promise<TaskRow | undefined> {
  ctx.watch.follow(subscription, taskId);
  const time = { isUp: false };
  // A timer, not a comparison of times, so that a clock that is set back does not make the wait longer.
  const cancel = ctx.clock.after(Math.min(seconds, ctx.config.maxWaitSeconds) * secondMs, () => {
    time.isUp = true;
    subscription.wake();
  });
  try {
    for (;;) {
      const task = await ctx.db.first(taskById, { id: taskId });
      if (subscription.refusal !== undefined) throw subscription.refusal;
      if (task === undefined || settled(task) || time.isUp || isOver(ctx, subscription, signal)) return task;
      subscription.seen = task.version;
      await subscription.changed(signal);
    }
  } finally {
    cancel();
    subscription.end();
  }
}

const isOver = (ctx: WaitContext, subscription: Subscription, signal: AbortSignal) =>
  signal.aborted || subscription.ended || ctx.watch.closed;

/**
 * Follows a task: yields it as it is, and again after each change, until the caller has gone, the server stops, or the
 * reader has had enough. Holds no database connection between changes.
 *
 * @param subscription its place among the waits; it is given back.
 * @throws DomainError `agent_suspended`, `unauthorized` if the agent is suspended or its key ends meanwhile.
 */
export async function* followTask(
  ctx: WaitContext,
  subscription: Subscription,
  { taskId, signal }: Omit<Wait, 'seconds'>,
): AsyncGenerator<TaskRow, void, undefined> {
  ctx.watch.follow(subscription, taskId);
  try {
    for (let seen: number | undefined; ;) {
      const task = await ctx.db.first(taskById, { id: taskId });
      const { refusal } = subscription;
      if (refusal !== undefined) throw refusal;
      if (task === undefined) return;
      if (task.version !== seen) {
        seen = task.version;
        subscription.seen = seen;
        yield task;
      }
      if (isOver(ctx, subscription, signal)) return;
      await subscription.changed(signal);
    }
  } finally {
    subscription.end();
  }
}
