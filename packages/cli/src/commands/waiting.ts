import { PinchworkError, type TaskResponse } from '@pinchwork/sdk';
import { type Context, Unmet } from '../command/row.ts';
import { exitCodes } from '../exit-codes.ts';
import { Failure } from '../failure.ts';

type Status = TaskResponse['status'];

const withoutResult: readonly Status[] = ['expired', 'cancelled'];

interface WaitInput {
  /** Undefined: it is delivered or has ended. */
  readonly until?: Status | undefined;
  readonly timeoutSeconds?: number | undefined;
}

/**
 * Waits for a task, and shows its state meanwhile.
 *
 * @returns the task; with a failure if it ended in another state than the one waited for
 * @throws Failure after `timeoutSeconds`
 */
export async function awaited(
  { client, progress, signal, tell }: Context,
  id: string,
  { until, timeoutSeconds }: WaitInput,
): Promise<TaskResponse | Unmet<TaskResponse>> {
  const seen = { state: '' };
  const isOver = (task: TaskResponse) => {
    seen.state = task.progress == null ? task.status : `${task.status} ${task.progress} %`;
    // A task that has ended ends every wait.
    return task.status === (until ?? 'delivered');
  };
  try {
    const task = await progress(
      `Waiting for ${id}`,
      client.tasks.wait(id, { until: isOver, timeoutSeconds }, { signal }),
      () => seen.state,
    );
    const hasFailed = until === undefined ? withoutResult.includes(task.status) : task.status !== until;
    return hasFailed ? new Unmet(task, endedOtherwise(task)) : task;
  } catch (error) {
    if (signal.aborted) await tell(`The task goes on. Wait again with: pinchwork wait ${id}`);
    if (!(error instanceof PinchworkError) || error.code !== 'timeout' || error.reply === undefined) throw error;
    throw new Failure(error.message, {
      code: 'timeout',
      exitCode: exitCodes.timedOut,
      hint: 'The task goes on.',
      next: `pinchwork wait ${id}`,
    });
  }
}

const endedOtherwise = ({ task_id, status }: TaskResponse) =>
  new Failure(`${task_id} is ${status}`, { code: 'task_ended', exitCode: exitCodes.failed });
