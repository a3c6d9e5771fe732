import type { MyTasksResponse } from '@pinchwork/sdk/table';
import { isId } from '@pinchwork/sdk/table';
import { type PageRequest, readPage } from '../../ground/paging.ts';
import { contextKey, contextPage, countContext, readA2aFacts } from '../../rules/tasks/contexts.ts';
import type { Call } from '../context.ts';
import { showPage } from './read.ts';

/** After every id. */
const newest = '~';

/** A page of the tasks that the caller has posted in one conversation, newest first. */
export async function listContext(
  call: Pick<Call, 'ctx' | 'agentId'>,
  contextId: string,
  query: PageRequest,
): Promise<MyTasksResponse> {
  const { ctx, agentId } = call;
  const context_key = contextKey({ agentId, contextId }) ?? '';
  const first = await firstOf(call, contextId);
  const { rows, facts } = await readPage('tasks of a conversation', query, {
    start: [newest],
    read: async ({ sortKey: [before], limit }) => {
      const named = await ctx.db.all(contextPage, { context_key, before, limit });
      // The first task of a conversation is older than all tasks that name it.
      return named.length < limit ? [...named, ...first.filter(({ id }) => id < before)] : named;
    },
    count: async (limit) => {
      const { total } = await ctx.db.one(countContext, { context_key, limit });
      return { total: total + first.length };
    },
    sortKey: ({ id }) => [id],
    view: (row) => row,
  });
  return { tasks: await showPage(call, rows), ...facts };
}

/** A task whose client named no conversation is the first of its own, which has its id. */
async function firstOf({ ctx, agentId }: Pick<Call, 'ctx' | 'agentId'>, contextId: string): Promise<{ id: string }[]> {
  if (!isId('task', contextId)) return [];
  const task = (await readA2aFacts(ctx.db, [contextId])).get(contextId);
  return task?.poster_id === agentId && task.context_key === null ? [{ id: contextId }] : [];
}
