import { isId } from '@pinchwork/sdk/table';
import { taskNotFound } from '../ground/errors.ts';
import { present } from '../ground/present.ts';
import type { Key } from '../rules/agents/keys.ts';
import { checkPush, type PushRequest, storePush } from '../rules/pushes/config.ts';
import { deletePush, pushesOf, type PushRow } from '../rules/pushes/queries.ts';
import { holdTask, taskById } from '../rules/tasks/queries.ts';
import { insertTerms, markTerms, plainTerms } from '../rules/tasks/terms.ts';
import type { Tx } from '../storage/database.ts';
import type { Context } from './context.ts';

/** Push notification configurations of A2A: webhooks of one task, for its poster (contract section 14). */

/** Who calls. */
interface Poster {
  readonly ctx: Context;
  readonly agentId: string;
  readonly key: Key | undefined;
}

/** A configuration as its client sees it: without its secrets, like a webhook. */
export interface PushView {
  readonly taskId: string;
  readonly id: string;
  readonly url: string;
  /** The scheme of the credentials; null without any. */
  readonly scheme: string | null;
}

const view = ({ task_id, name, url, auth_scheme }: PushRow): PushView => ({
  taskId: task_id,
  id: name,
  url,
  scheme: auth_scheme,
});

/** @throws DomainError `not_found` for a task that is not the caller's own. */
async function holdOwn(tx: Tx, agentId: string, id: string) {
  const task = isId('task', id) ? await tx.first(holdTask, { id }) : undefined;
  if (task?.poster_id !== agentId) throw taskNotFound();
  return task;
}

/**
 * Sets a configuration of a task.
 *
 * @throws DomainError `not_found`, `invalid_request`, `conflict` for too many.
 */
export async function setPushConfig(
  { ctx, agentId, key }: Poster,
  taskId: string,
  request: PushRequest,
): Promise<PushView> {
  const push = await checkPush(ctx, request);
  return ctx.db.transact('set push', async (tx) => {
    const now = ctx.clock.now();
    const { id } = await holdOwn(tx, agentId, taskId);
    const task = await tx.one(taskById, { id });
    if (task.has_terms === 0) {
      // Its transitions look for configurations only where the task has terms.
      tx.send(markTerms, { id });
      tx.send(insertTerms, { task_id: id, ...plainTerms });
    }
    const { budgetId } = present(key, 'The key of the call');
    return view(await storePush({ ctx, tx, now }, task, { agentId, budgetId }, push));
  });
}

/** The configurations of a task. @throws DomainError `not_found`. */
export async function listPushConfigs(
  { ctx, agentId }: Pick<Poster, 'ctx' | 'agentId'>,
  taskId: string,
): Promise<PushView[]> {
  const task = isId('task', taskId) ? await ctx.db.first(taskById, { id: taskId }) : undefined;
  if (task?.poster_id !== agentId) throw taskNotFound();
  return (await ctx.db.all(pushesOf, { task_id: taskId })).map(view);
}

/** One of them. @param name empty: the one that has the name of its task. @throws DomainError `not_found`. */
export async function showPushConfig(
  poster: Pick<Poster, 'ctx' | 'agentId'>,
  taskId: string,
  name: string,
): Promise<PushView> {
  const found = (await listPushConfigs(poster, taskId)).find(({ id }) => id === (name === '' ? taskId : name));
  if (found === undefined) throw taskNotFound();
  return found;
}

/** Deletes a configuration. One that is not there is deleted already. @throws DomainError `not_found` for the task. */
export function deletePushConfig(
  { ctx, agentId }: Pick<Poster, 'ctx' | 'agentId'>,
  taskId: string,
  name: string,
): Promise<void> {
  return ctx.db.transact('delete push', async (tx) => {
    const { id } = await holdOwn(tx, agentId, taskId);
    tx.send(deletePush, { task_id: id, name: name === '' ? id : name });
  });
}
