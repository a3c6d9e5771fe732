import { type ListTasksRequest, TaskState } from '@a2a-js/sdk';
import { RequestMalformedError } from '@a2a-js/sdk/errors';
import { endpoints, limits, type TaskResponse, type TaskStatus } from '@pinchwork/sdk/table';
import { allStates, stateOf } from '../../ground/states.ts';
import { listContext } from '../../verbs/tasks/contexts.ts';
import type { Calls } from './calls.ts';
import { checkContextId } from './said.ts';
import { stateIn } from './task.ts';

/** A page of the tasks that a client has posted. */
interface TaskPage {
  readonly tasks: readonly TaskResponse[];
  readonly nextPageToken: string;
  readonly totalSize: number;
  readonly pageSize: number;
}

const usualPage = 50;

/**
 * Lists the client's tasks as poster, newest first. A state of A2A that stands for several of ours is listed one of ours
 * after the other.
 *
 * @throws RequestMalformedError for a size or a token that no page has.
 */
export async function listPage(
  calls: Calls,
  { status, pageSize = usualPage, pageToken, contextId }: ListTasksRequest,
): Promise<TaskPage> {
  if (pageSize < 1 || pageSize > limits.pageSize)
    throw new RequestMalformedError(`pageSize must be 1 to ${limits.pageSize}`);
  const isWanted = ({ status: state }: TaskResponse) =>
    status === TaskState.TASK_STATE_UNSPECIFIED || stateIn(stateOf(state).a2a.state) === status;
  if (contextId !== '') {
    checkContextId(contextId);
    await calls.admit(endpoints.listMyTasks);
    const query = { limit: pageSize, offset: 0, cursor: pageToken === '' ? undefined : pageToken };
    const { tasks, total, next_cursor } = await listContext(
      { ctx: calls.ctx, agentId: calls.client.agentId },
      contextId,
      query,
    );
    return { tasks: tasks.filter(isWanted), nextPageToken: next_cursor ?? '', totalSize: total, pageSize };
  }
  const states = status === TaskState.TASK_STATE_UNSPECIFIED ? [undefined] : statesIn(status);
  const [, number = '0', cursor] = /^(\d)\.(.*)$/s.exec(pageToken) ?? [];
  const index = Number(number);
  if (states.length === 0) return { tasks: [], nextPageToken: '', totalSize: 0, pageSize };
  if ((pageToken !== '' && cursor === undefined) || index >= states.length) {
    throw new RequestMalformedError('pageToken is not one of this list');
  }
  const page = (
    state: TaskStatus | undefined,
    query: { readonly limit: string; readonly cursor?: string | undefined },
  ) =>
    calls.call(endpoints.listMyTasks, {
      query: { role: 'poster', ...(state === undefined ? {} : { status: state }), ...withoutEmpty(query) },
    });
  const { tasks, total, next_cursor } = await page(states[index], { limit: String(pageSize), cursor });
  const others = states.filter((_, i) => i !== index);
  const totals = await Promise.all(others.map(async (state) => (await page(state, { limit: '1' })).total));
  return {
    tasks,
    nextPageToken: next_cursor !== null ? `${index}.${next_cursor}` : index + 1 < states.length ? `${index + 1}.` : '',
    totalSize: totals.reduce((sum, more) => sum + more, total),
    pageSize,
  };
}

const withoutEmpty = ({ limit, cursor }: { readonly limit: string; readonly cursor?: string | undefined }) =>
  cursor === undefined || cursor === '' ? { limit } : { limit, cursor };

/** Our states that A2A shows as this one. */
const statesIn = (wanted: TaskState): TaskStatus[] =>
  allStates.filter((status) => stateIn(stateOf(status).a2a.state) === wanted);
