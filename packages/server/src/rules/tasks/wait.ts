import { secondMs } from '../../ground/clock.ts';
import type { Ground } from '../../storage/ground.ts';
import { agentSuspended } from '../../ground/errors.ts';
import type { TaskRow } from './queries.ts';
import { taskById } from './queries.ts';
import type { Subscription, TaskWatch } from './watch.ts';

/** Who waits for which task, and how long. */
interface Wait {
  readonly taskId: string;
  readonly agentId: string;
  /** Cut to `MAX_WAIT_SECONDS`. */
  readonly seconds: number;
  /** Aborted when the caller no longer listens. */
  readonly signal: AbortSignal;
}

type WaitContext = Ground & { readonly watch: TaskWatch };

/**
 * Waits, without a connection to the database, until `settled` holds for a task, or the time is up, or nobody listens
 * any more, or the server stops.
 *
 * @returns the task as it is then; undefined when there is none.
 * @throws DomainError `agent_suspended` when whoever waits is suspended meanwhile.
 */
export async function waitForTask(
  ctx: WaitContext,
  { taskId, agentId, seconds, signal }: Wait,
  settled: (task: TaskRow) => boolean,
): Promise<TaskRow | undefined> {
  const subscription = ctx.watch.subscribe(taskId, agentId);
  const time = { isUp: false };
  // Not by comparing times: a clock that is set back must not make the wait longer.
  const cancel = ctx.clock.after(Math.min(seconds, ctx.config.maxWaitSeconds) * secondMs, () => {
    time.isUp = true;
    subscription.wake();
  });
  try {
    for (;;) {
      const task = await ctx.db.first(taskById, { id: taskId });
      if (subscription.barred) throw agentSuspended();
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
