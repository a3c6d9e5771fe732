import {
  type AdminAgentRow,
  type AdminAgentsQuery,
  type AdminAgentsResponse,
  type AdminTaskRow,
  type AdminTasksQuery,
  type AdminTasksResponse,
  isId,
  limits,
} from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { wireTime } from '../../ground/clock.ts';
import { countFitting, excerpt, fitTexts } from '../../ground/page-size.ts';
import { counted, decodeRange, encodeCursor, type PageRequest, readPage, searchBudgetMs } from '../../ground/paging.ts';
import { present } from '../../ground/present.ts';
import type { AgentRow } from '../../rules/agents/queries.ts';
import type { Listed, Listing } from '../../rules/operator/list-job.ts';
import { agentsByIds, dueByIds, type ListOrder, startOf } from '../../rules/operator/list-queries.ts';
import { reputationOf } from '../../rules/reputation/reputation.ts';
import { searchingAs } from '../../rules/search/apart.ts';
import { fold } from '../../rules/search/fold.ts';
import { countMine, minePage, mineShape } from '../../rules/tasks/lists.ts';
import { readExcerpts } from '../../rules/tasks/page.ts';
import type { MovedTask } from '../../rules/tasks/queries.ts';
import { tagsOf } from '../../rules/tasks/view.ts';
import type { Reader } from '../../storage/database.ts';
import { fitted } from '../../storage/prepared.ts';
import type { Call, Context } from '../context.ts';

type OperatorCall = Pick<Call, 'ctx'>;
interface Row {
  readonly id: string;
}

const listJob = new URL('../../rules/operator/list-job.ts', import.meta.url);
/** Sizes of the statements for a list of ids. */
const idCounts = [1, 5, 20, limits.pageSize] as const;

const taskRow = (task: MovedTask, dueAt: number | null): AdminTaskRow => ({
  task_id: task.id,
  kind: task.kind,
  status: task.status,
  need: task.need,
  tags: tagsOf(task),
  max_credits: task.max_credits,
  credits_charged: task.credits_charged,
  poster_id: task.poster_id,
  worker_id: task.worker_id,
  created_at: wireTime(task.created_at),
  due_at: wireTime(dueAt),
  claim_number: task.claim_number,
  rejection_count: task.rejection_count,
  ...(task.texts_removed === null ? {} : { texts_removed: task.texts_removed }),
});

/** The tasks of some rows, in their order, with the beginnings of their needs. */
export async function taskRows(db: Reader, rows: readonly Row[]): Promise<AdminTaskRow[]> {
  if (rows.length === 0) return [];
  const { size, params } = fitted(
    idCounts,
    'id',
    rows.map(({ id }) => id),
  );
  const due = new Map((await db.all(dueByIds(size), params)).map((row) => [row.id, row.due_at]));
  return (await readExcerpts(db, rows)).map((task) => excerpt(taskRow(task, due.get(task.id) ?? null)));
}

export const agentRow = (agent: AgentRow & { balance: number }): AdminAgentRow => ({
  id: agent.id,
  name: agent.name,
  good_at: agent.good_at,
  credits: agent.balance,
  suspended: agent.suspended_at !== null,
  suspension_reason: agent.suspension_reason,
  accepts_system_tasks: agent.accepts_system_tasks === 1,
  tasks_posted: agent.tasks_posted,
  tasks_completed: agent.tasks_completed,
  reputation: reputationOf(agent),
  rating_count: agent.rating_count,
  total_earned: agent.earned,
  total_spent: agent.spent,
  created_at: wireTime(agent.created_at),
});

async function agentRows(db: Reader, rows: readonly Row[]): Promise<AdminAgentRow[]> {
  if (rows.length === 0) return [];
  const ids = rows.map(({ id }) => id);
  const { size, params } = fitted(idCounts, 'id', ids);
  const found = new Map((await db.all(agentsByIds(size), params)).map((agent) => [agent.id, agent]));
  return ids.flatMap((id) => {
    const agent = found.get(id);
    return agent === undefined ? [] : [agentRow(agent)];
  });
}

interface Wanted {
  readonly list: 'tasks' | 'agents';
  readonly order: ListOrder;
  readonly status: string | undefined;
  readonly search: string;
}

/** A page of a list that is read window by window, for a bounded time. */
async function readListing<V extends object>(
  ctx: Context,
  query: PageRequest,
  { list, order, status, search }: Wanted,
  rowsOf: (rows: readonly Row[]) => Promise<V[]>,
) {
  const name = `all ${list} by ${order}` as const;
  const { sortKey: from, offset } = decodeRange(name, query, startOf(order));
  const want = offset + query.limit + 1;
  const job = { list, order, status: status ?? 'any', part: fold(search), from, want, budgetMs: searchBudgetMs };
  const searchApart = searchingAs(ctx, { agentId: 'admin' });
  const { rows, end, total, isCounted } = await searchApart<Listing, Listed>(listJob, () => job);
  const page = rows.slice(offset, offset + query.limit);
  const views = fitTexts(await rowsOf(page));
  const shown = views.slice(0, countFitting(views));
  const last = rows.length === want || shown.length < page.length ? page[shown.length - 1] : undefined;
  const isPartial = last === undefined && end !== undefined;
  return {
    rows: shown,
    facts: {
      ...counted(total),
      ...(isCounted ? {} : { total_capped: true as const }),
      ...(isPartial ? { search_partial: true as const } : {}),
      next_cursor:
        last !== undefined
          ? encodeCursor(name, last.key)
          : isPartial
            ? encodeCursor(name, present(end, 'The end of the search'), Math.max(0, offset - rows.length))
            : null,
    },
  };
}

/** The one row that an id means. */
const only = <V>(rows: V[]) => ({ rows, facts: { total: rows.length, next_cursor: null } });

/**
 * A page of all agents' tasks, without system tasks. `search` finds the task with an id, the tasks of an agent with an
 * id, or a text in need and context. For the operator.
 */
export async function listTasksAsAdmin(
  { ctx }: OperatorCall,
  query: z.output<typeof AdminTasksQuery>,
): Promise<AdminTasksResponse> {
  const { search = '', status, sort_by: order } = query;
  const { rows, facts } = isId('task', search)
    ? only(await taskRows(ctx.db, [{ id: search }]))
    : isId('agent', search)
      ? await tasksOfAgent(ctx, query, search)
      : await readListing(ctx, query, { list: 'tasks', order, status, search }, (page) => taskRows(ctx.db, page));
  return { tasks: rows, ...facts };
}

/** The tasks that an agent posted or works on, newest first. */
async function tasksOfAgent({ db }: Context, query: z.output<typeof AdminTasksQuery>, agent: string) {
  const shape = mineShape(undefined, query.status);
  const all = { agent, before_created_at: Number.MAX_SAFE_INTEGER, before_id: '' };
  const { rows, facts } = await readPage('tasks of an agent', query, {
    start: [all.before_created_at, all.before_id] as const,
    read: ({ sortKey: [before_created_at, before_id], limit, offset }) =>
      db.all(minePage(shape), { agent, before_created_at, before_id, reach: offset + limit, limit, offset }),
    count: (limit) => db.one(countMine(shape), { ...all, reach: limit, limit }),
    sortKey: ({ created_at, id }) => [created_at, id],
    view: (row) => row,
  });
  return { rows: fitTexts(await taskRows(db, rows)), facts };
}

/** A page of all agents, suspended ones too. `search` finds an id, or a text in name and `good_at`. For the operator. */
export async function listAgentsAsAdmin(
  { ctx }: OperatorCall,
  query: z.output<typeof AdminAgentsQuery>,
): Promise<AdminAgentsResponse> {
  const { search = '', status, sort_by: order } = query;
  const { rows, facts } = isId('agent', search)
    ? only(await agentRows(ctx.db, [{ id: search }]))
    : await readListing(ctx, query, { list: 'agents', order, status, search }, (page) => agentRows(ctx.db, page));
  return { agents: rows, ...facts };
}
