import {
  type BoardQuery,
  type BoardResponse,
  limits,
  type MyTasksQuery,
  type MyTasksResponse,
  type TaskResponse,
} from '@pinchwork/sdk';
import type { z } from 'zod';
import type { Ratings } from '../reputation/reputation.ts';
import type { Call, Context } from '../context.ts';
import { taskNotFound } from '../errors.ts';
import { counted, countLimit, decodeCursor, encodeCursor, type ListName, type PageRequest } from '../paging.ts';
import { boardPage, countBoard, countMine, minePage, mineShape, type PageRow, tagParams, tasksByIds } from './lists.ts';
import { isFinal } from './machine.ts';
import { taskById, type TaskRow } from './queries.ts';
import { boardView, taskView } from './view.ts';
import { waitForTask } from './wait.ts';

/** A page ends early when its tasks' texts are longer than this together: a hundred of the longest would be 260 MB. */
const pageCharacters = 4_000_000;

/** A task, for its poster and its worker alone; to everybody else it is not there. */
async function readOwn(ctx: Context, agentId: string, taskId: string): Promise<TaskRow> {
  const task = await ctx.db.first(taskById, { id: taskId });
  if (task === undefined || !isParty(task, agentId)) throw taskNotFound();
  return task;
}

const isParty = (task: TaskRow, agentId: string) => task.poster_id === agentId || task.worker_id === agentId;

/**
 * Shows a task to one of its parties.
 *
 * @param waitSeconds waits so long for the status to change; a task that has ended answers at once.
 */
export async function showTask(call: Call, taskId: string, waitSeconds?: number): Promise<TaskResponse> {
  const { ctx, agentId } = call;
  const task = await readOwn(ctx, agentId, taskId);
  if (waitSeconds === undefined || isFinal(task.status)) return taskView(task);
  const moved = (now: TaskRow) => now.version !== task.version;
  const then = await waitForTask(ctx, taskId, agentId, waitSeconds, moved, call.signal);
  // A worker who lost the task meanwhile is no party any more.
  if (then === undefined || !isParty(then, agentId)) throw taskNotFound();
  return taskView(then);
}

/** Waits for a new task's result: the task once it is delivered or has ended, else null when the time is up. */
export async function awaitResult(
  call: Call,
  taskId: string,
  waitSeconds: number,
): Promise<{ done: boolean; task: TaskResponse }> {
  const isDone = ({ status }: TaskRow) => status === 'delivered' || isFinal(status);
  const task = await waitForTask(call.ctx, taskId, call.agentId, waitSeconds, isDone, call.signal);
  if (task === undefined) throw taskNotFound();
  return { done: isDone(task), task: taskView(task) };
}

/** The board as an agent sees it: what it may pick up, oldest first. */
export async function listBoard(call: Call, query: z.output<typeof BoardQuery>): Promise<BoardResponse> {
  const { ctx, agentId } = call;
  const tags = query.tags ?? [];
  const board = { agent: agentId, now: ctx.clock.now(), ...tagParams(tags) };
  const [after_created_at, after_id] = decodeCursor('board', query, [-1, ''] as const);
  const [page, total] = await Promise.all([
    ctx.db.all(boardPage(tags.length), {
      ...board,
      after_created_at,
      after_id,
      limit: query.limit + 1,
      offset: query.offset,
    }),
    ctx.db.first(countBoard(tags.length), { ...board, limit: countLimit }),
  ]);
  const { rows, next_cursor } = await readPage(ctx, 'board', page, query, ({ status }) => status === 'posted');
  return { tasks: rows.map((task) => boardView(task, task)), ...counted(total!.total), next_cursor };
}

/** An agent's own tasks, as poster and as worker, newest first. */
export async function listMyTasks(call: Call, query: z.output<typeof MyTasksQuery>): Promise<MyTasksResponse> {
  const { ctx, agentId } = call;
  const shape = mineShape(query.role, query.status);
  const newest = [Number.MAX_SAFE_INTEGER, ''] as const;
  const [before_created_at, before_id] = decodeCursor('mine', query, newest);
  const limit = query.limit + 1;
  const [page, total] = await Promise.all([
    ctx.db.all(minePage(shape), {
      agent: agentId,
      before_created_at,
      before_id,
      reach: query.offset + limit,
      limit,
      offset: query.offset,
    }),
    ctx.db.first(countMine(shape), {
      agent: agentId,
      before_created_at: newest[0],
      before_id: newest[1],
      reach: countLimit,
      limit: countLimit,
    }),
  ]);
  const { rows, next_cursor } = await readPage(
    ctx,
    'mine',
    page,
    query,
    (task) => isParty(task, agentId) && (query.status === undefined || task.status === query.status),
  );
  return { tasks: rows.map(taskView), ...counted(total!.total), next_cursor };
}

/**
 * Reads the tasks of a page.
 *
 * @param page holds one row more than is asked for when the list goes on.
 * @param fits leaves out what has moved since the page was put together: on PostgreSQL that was another moment, and a
 *   task that was this agent's then may be somebody else's now.
 */
async function readPage(
  ctx: Context,
  list: ListName,
  page: PageRow[],
  { limit }: PageRequest,
  fits: (task: TaskRow) => boolean,
): Promise<{ rows: (TaskRow & Ratings)[]; next_cursor: string | null }> {
  let characters = 0;
  let count = 0;
  for (const { size } of page.slice(0, limit)) {
    characters += size;
    if (count > 0 && characters > pageCharacters) break;
    count++;
  }
  const last = page[count - 1];
  const next_cursor = last !== undefined && count < page.length ? encodeCursor(list, [last.created_at, last.id]) : null;
  const ids = page.slice(0, count).map(({ id }) => id);
  const found = new Map((await readByIds(ctx, ids)).map((task) => [task.id, task]));
  return { rows: ids.flatMap((id) => found.get(id) ?? []).filter(fits), next_cursor };
}

/** The few statements for a page's tasks: a page that is shorter repeats its last id. */
const idCounts = [1, 5, 20, limits.pageSize] as const;

async function readByIds(ctx: Context, ids: string[]): Promise<(TaskRow & Ratings)[]> {
  const last = ids.at(-1);
  if (last === undefined) return [];
  const count = idCounts.find((each) => each >= ids.length)!;
  const params = Object.fromEntries(Array.from({ length: count }, (_, i) => [`id_${i}`, ids[i] ?? last]));
  return ctx.db.all(tasksByIds(count), params);
}
