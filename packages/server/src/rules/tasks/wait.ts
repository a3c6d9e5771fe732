import { secondMs } from '../../ground/clock.ts';
import type { Ground } from '../../storage/ground.ts';
import { agentSuspended } from '../../ground/errors.ts';
import type { TaskRow } from './queries.ts';
import { taskById } from './queries.ts';
import type { Subscription, TaskWatch } from './watch.ts';

type WaitContext = Ground & { readonly watch: TaskWatch };

/**
 * Waits, without a connection to the database, until `settled` holds for a task, or the time is up, or nobody listens any more, or the server stops.
 *
 * @param agentId who waits.
 * @param waitSeconds cut to `MAX_WAIT_SECONDS`.
 * @returns the task as it is then; undefined when there is none.
 * @throws DomainError `agent_suspended` when whoever waits is suspended meanwhile.
 */
export async function waitForTask(
  ctx: WaitContext,
  taskId: string,
  agentId: string,
  waitSeconds: number,
  settled: (task: TaskRow) => boolean,
  signal: AbortSignal,
): Promise<TaskRow | undefined> {
  const subscription = ctx.watch.subscribe(taskId, agentId);
  const time = { isUp: false };
  // Not by comparing times: a clock that is set back must not make the wait longer.
  const cancel = ctx.clock.after(Math.min(waitSeconds, ctx.config.maxWaitSeconds) * secondMs, () => {
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
