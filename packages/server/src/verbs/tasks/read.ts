import { isAwaited, type MyTasksQuery, type MyTasksResponse, type TaskResponse } from '@pinchwork/sdk/table';
import type { z } from 'zod';
import type { Call, Context } from '../context.ts';
import { taskNotFound } from '../../ground/errors.ts';
import { excerpt, fitTexts } from '../../ground/page-size.ts';
import { readPage } from '../../ground/paging.ts';
import { isJudging } from '../../rules/disputes/judging.ts';
import { addDispute } from '../../rules/disputes/view.ts';
import { withTexts } from '../../rules/platform-tasks/render.ts';
import { countMine, minePage, mineShape } from '../../rules/tasks/lists.ts';
import { isEnded } from '../../ground/states.ts';
import { readExcerpt, readExcerpts, readReviews } from '../../rules/tasks/page.ts';
import { type MovedTask, taskById, type TaskRow } from '../../rules/tasks/queries.ts';
import { readTerms, readTermsOfAll } from '../../rules/tasks/terms.ts';
import { isParty, taskView } from '../../rules/tasks/view.ts';
import { waitForTask } from '../../rules/tasks/wait.ts';
import type { Subscription } from '../../rules/tasks/watch.ts';

/**
 * Reads a task for its poster, its worker, or an agent that holds its verification or a seat in its dispute. @throws DomainError `not_found` for
 * all other agents.
 */
export async function readOwn(ctx: Context, agentId: string, taskId: string): Promise<TaskRow> {
  const task = await ctx.db.first(taskById, { id: taskId });
  if (task === undefined || !(await maySee(ctx, task, agentId))) throw taskNotFound();
  return task;
}

const maySee = async (ctx: Context, task: TaskRow, agentId: string) =>
  isParty(task, agentId) ||
  (task.verifier_id === agentId && (await isVerifying(ctx, task, agentId))) ||
  (task.rejection_count > 0 && (await isJudging(ctx.db, task.id, agentId)));

/** Whether the agent holds the verification of this task now: it was not given back, answered or dropped. */
async function isVerifying({ db }: Context, { verifying_id }: TaskRow, agentId: string): Promise<boolean> {
  const check = verifying_id === null ? undefined : await db.first(taskById, { id: verifying_id });
  return check?.worker_id === agentId && !isEnded(check.status);
}

/**
 * Shows a task to its poster, its worker, or an agent that holds its verification or a seat in its dispute.
 *
 * @param waitSeconds the longest wait for the task to change; a task that has ended is shown at once.
 * @throws DomainError `not_found`; `too_many_streams`; `agent_suspended` if the caller is suspended during the wait.
 */
export async function showTask(call: Call, taskId: string, waitSeconds?: number): Promise<TaskResponse> {
  const { ctx, agentId } = call;
  const task = await readOwn(ctx, agentId, taskId);
  if (waitSeconds === undefined || isEnded(task.status)) return show(ctx, task, agentId);
  const moved = (now: TaskRow) => now.version !== task.version;
  const { signal } = call;
  const then = await waitForTask(ctx, takePlace(call), { taskId, seconds: waitSeconds, signal }, moved);
  // A worker that lost the task during the wait may not see it any more.
  if (then === undefined || !(await maySee(ctx, then, agentId))) throw taskNotFound();
  return show(ctx, then, agentId);
}

/**
 * Takes a place among the waits and streams of the caller.
 *
 * @throws DomainError `too_many_streams`.
 */
export const takePlace = ({ ctx, agentId, key }: Call): Subscription =>
  ctx.watch.subscribe({ agentId, keyId: key?.id });

/** A task as an agent that may read it sees it. */
export async function show({ db }: Context, task: TaskRow, agentId: string): Promise<TaskResponse> {
  const reviews = await readReviews(db, [task]);
  const view = taskView(await withTexts(db, task), await readTerms(db, task), reviews.get(task.id));
  return addDispute(db, view, task, agentId);
}

interface Awaited {
  readonly taskId: string;
  readonly waitSeconds: number;
  /** The caller's place among the waits. */
  readonly place: Subscription;
}

/** Waits until a new task is delivered, has ended, or the time is up. @returns the task as it is then. */
export async function awaitResult(
  call: Pick<Call, 'ctx' | 'agentId' | 'signal'>,
  { taskId, waitSeconds, place }: Awaited,
): Promise<TaskResponse> {
  const isDone = ({ status }: TaskRow) => isAwaited(status);
  const { ctx, agentId, signal } = call;
  const task = await waitForTask(ctx, place, { taskId, seconds: waitSeconds, signal }, isDone);
  if (task === undefined) throw taskNotFound();
  return show(ctx, task, agentId);
}

/**
 * A page of the caller's own tasks, as poster and as worker, newest first. It is never shorter than asked for: long texts
 * are cut (contract section 1, "Size of a page").
 */
export async function listMyTasks(call: Call, query: z.output<typeof MyTasksQuery>): Promise<MyTasksResponse> {
  const { ctx, agentId } = call;
  const shape = mineShape(query.role, query.status);
  const newest: readonly [number, string] = [Number.MAX_SAFE_INTEGER, ''];
  const all = { agent: agentId, before_created_at: newest[0], before_id: newest[1] };
  const { rows: page, facts } = await readPage('mine', query, {
    start: newest,
    read: ({ sortKey: [before_created_at, before_id], limit, offset }) =>
      ctx.db.all(minePage(shape), { ...all, before_created_at, before_id, reach: offset + limit, limit, offset }),
    count: (limit) => ctx.db.one(countMine(shape), { ...all, reach: limit, limit }),
    sortKey: ({ created_at, id }) => [created_at, id],
    view: (row) => row,
  });
  // On PostgreSQL, the tasks are read a moment later: leave out those that have another worker or status by then.
  const isStill = ({ status }: MovedTask) => query.status === undefined || status === query.status;
  return { tasks: await showPage(call, page, isStill), ...facts };
}

/** The tasks of a page as their party sees them, with the beginnings of their texts. */
export async function showPage(
  { ctx, agentId }: Pick<Call, 'ctx' | 'agentId'>,
  page: readonly { readonly id: string }[],
  isStill: (task: MovedTask) => boolean = () => true,
): Promise<TaskResponse[]> {
  const found = await readExcerpts(ctx.db, page);
  const rows = found.filter((task) => isParty(task, agentId) && isStill(task));
  const reviews = await readReviews(ctx.db, rows);
  const termsOf = await readTermsOfAll(ctx.db, rows);
  const tasks: TaskResponse[] = [];
  // One after the other, so that only one system task is in memory with all its texts.
  for (const row of rows) {
    const task = await withTexts(ctx.db, row, readExcerpt);
    const view = taskView(task, termsOf(row), reviews.get(row.id));
    tasks.push(excerpt(await addDispute(ctx.db, view, task, agentId)));
  }
  return fitTexts(tasks);
}
