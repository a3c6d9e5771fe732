import type { TaskResponse, TaskStatus } from '../replies/index.ts';
import type { Calls, Input } from './calls.ts';
import { PinchworkError } from './error.ts';
import type { CallOptions } from './options.ts';
import { progress } from './rows.ts';

/** How long one request of a wait is held, in seconds: a change that falls between two of them is seen no later. */
const longestWaitSeconds = 20;

/** What a wait waits for. */
export interface WaitInput {
  /** A state, or a condition. Default: the task is delivered or has ended. A task that has ended ends every wait. */
  readonly until?: TaskStatus | ((task: TaskResponse) => boolean) | undefined;
  /** Seconds after which it gives up. Default: none. */
  readonly timeoutSeconds?: number | undefined;
}

/** What to do with a delivery. */
export type Review = { readonly approve: Input<'tasks.approve'> } | { readonly reject: Input<'tasks.reject'> };

/** The settings of `tasks.run`. */
export interface RunOptions {
  /** Aborts the wait and takes the task back if nobody has picked it up. */
  readonly signal?: AbortSignal | undefined;
  /** Seconds after which it gives up; the task stays as it is. Default: none. */
  readonly timeoutSeconds?: number | undefined;
  /** Looks at each delivery. Without it, `run` returns the first delivery, and the review is left to the caller. */
  readonly review?: ((task: TaskResponse) => Review | Promise<Review>) | undefined;
  /** Called once, when the task is posted. */
  readonly onPosted?: ((taskId: string) => void) | undefined;
}

/** Calls for a task from its post to its end. */
export interface TaskHelpers {
  /**
   * Waits until a task is delivered or has ended, or for what `until` says.
   *
   * @throws PinchworkError with the code `timeout` after `timeoutSeconds`; `reply` is the task as it is
   */
  wait(id: string, input?: WaitInput, options?: CallOptions): Promise<TaskResponse>;
  /**
   * Posts a task and returns it when its result is there.
   *
   * @throws PinchworkError with the code `task_ended` if it expired or was cancelled, with the reason in the message
   */
  run(input: Input<'tasks.create'>, options?: RunOptions): Promise<TaskResponse & { readonly result: string }>;
}

export function taskHelpers(tasks: Calls['tasks']): TaskHelpers {
  const wait: TaskHelpers['wait'] = async (id, { until, timeoutSeconds = Infinity } = {}, options = {}) => {
    const isOver = conditionOf(until);
    const endsAt = Date.now() + timeoutSeconds * 1_000;
    let task = await tasks.get(id, {}, options);
    // The first wait is short: the state may have changed before the server began it.
    for (let seconds = 2; !isOver(task); seconds = Math.min(longestWaitSeconds, seconds * 2)) {
      const left = Math.ceil((endsAt - Date.now()) / 1_000);
      if (left <= 0) {
        throw new PinchworkError(`The task ${id} is still ${task.status} after ${timeoutSeconds} s`, {
          code: 'timeout',
          reply: task,
          hint: 'It goes on; wait for it again with the same id.',
        });
      }
      task = await tasks.get(id, { wait: Math.min(seconds, left) }, options);
    }
    return task;
  };
  return { wait, run: (input, options = {}) => runTask({ ...tasks, wait }, input, options) };
}

/** Whether a task is in the state, or has ended. */
function conditionOf(until: WaitInput['until']): (task: TaskResponse) => boolean {
  const hasEnded = (task: TaskResponse) => progress[task.status] === 'ended';
  if (until === undefined) return ({ status }) => progress[status] !== 'under way';
  if (typeof until === 'string') return (task) => task.status === until || hasEnded(task);
  return (task) => until(task) || hasEnded(task);
}

type Delivered = TaskResponse & { readonly result: string };

async function runTask(
  tasks: Calls['tasks'] & Pick<TaskHelpers, 'wait'>,
  input: Input<'tasks.create'>,
  { signal, timeoutSeconds = Infinity, review, onPosted }: RunOptions,
): Promise<Delivered> {
  const endsAt = Date.now() + timeoutSeconds * 1_000;
  // The request must be completed: nobody could take back a task whose id is lost.
  signal?.throwIfAborted();
  const { task_id: id } = await tasks.create({ ...input, wait: undefined });
  onPosted?.(id);
  try {
    for (;;) {
      const task = await tasks.wait(id, { timeoutSeconds: (endsAt - Date.now()) / 1_000 }, { signal });
      if (task.result === null) throw endedWithout(task);
      if (review === undefined || progress[task.status] === 'ended') return task as Delivered;
      const verdict = await review(task);
      if ('approve' in verdict) return (await tasks.approve(id, verdict.approve, { signal })) as Delivered;
      await tasks.reject(id, verdict.reject, { signal });
    }
  } catch (error) {
    if (signal?.aborted) await takeBack(tasks, id);
    throw error;
  }
}

/** Cancels a task unless somebody works on it already. */
async function takeBack(tasks: Calls['tasks'], id: string): Promise<void> {
  await tasks.cancel(id).catch((refusal: unknown) => {
    if (!(refusal instanceof PinchworkError)) throw refusal;
  });
}

const endings: Readonly<Record<string, string>> = {
  expired: 'expired: nobody finished it in time',
  cancelled: 'was cancelled',
};

function endedWithout(task: TaskResponse): PinchworkError {
  return new PinchworkError(
    `The task ${task.task_id} ${endings[task.status] ?? `is ${task.status} without a result`}`,
    {
      code: 'task_ended',
      reply: task,
      hint: `Your ${task.max_credits} credits are back. A longer deadline or more credits may find a worker.`,
    },
  );
}
