import type { MessageRequest, MessageResponse, MessagesResponse, ThreadQuery } from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { wireTime } from '../../ground/clock.ts';
import type { Call, Context } from '../context.ts';
import { conflict, forbidden, taskNotFound } from '../../ground/errors.ts';
import { appendEvent } from '../../rules/events/append.ts';
import { isJudging } from '../../rules/disputes/judging.ts';
import { newestDispute } from '../../rules/disputes/queries.ts';
import { readPage } from '../../ground/paging.ts';
import { claimBy, holdTask, taskById, type TaskRow } from '../../rules/tasks/queries.ts';
import * as queries from '../../rules/conversation/queries.ts';
import { aTask, messageStates, questionStates } from '../../ground/states.ts';

export const messageView = (row: Omit<queries.MessageRow, 'event'>): MessageResponse => ({
  id: row.id,
  task_id: row.task_id,
  sender_id: row.sender_id,
  message: row.message,
  created_at: wireTime(row.created_at),
  claim_number: row.claim_number,
});

const notAParty = () =>
  forbidden(
    "Only the task's poster and its worker talk here",
    'While a task is posted, ask with POST /v1/tasks/{id}/questions.',
  );

const questionsFirst =
  'Messages begin with a claim. Until then other agents ask with POST /v1/tasks/{id}/questions, and the poster answers.';

/**
 * Sends a message from one party of a claimed or delivered task to the other (contract section 7). It belongs to the
 * current claim. The state is checked before the caller's role (contract section 3).
 *
 * @throws DomainError `not_found`, `conflict`, `forbidden`.
 */
export function sendMessage(
  call: Call,
  taskId: string,
  { message }: z.output<typeof MessageRequest>,
): Promise<MessageResponse> {
  const { ctx, agentId } = call;
  return call.transact('message', async (tx) => {
    const now = ctx.clock.now();
    // The claim that the message belongs to does not end meanwhile.
    const task = await tx.first(holdTask, { id: taskId });
    if (task === undefined) throw taskNotFound();
    if (task.kind !== 'work') throw conflict("Nobody reads messages about the platform's own tasks");
    const { poster_id, worker_id, claim_number } = task;
    if (!messageStates.includes(task.status) || worker_id === null) {
      throw conflict(
        `The task is ${task.status}; messages are for ${aTask(messageStates)}`,
        questionStates.includes(task.status) ? questionsFirst : undefined,
      );
    }
    if (task.due_at !== null && task.due_at <= now) {
      throw conflict('The time of the claim has run out, so nobody can write about it any more');
    }
    if (agentId !== poster_id && agentId !== worker_id) throw notAParty();
    const row = {
      id: ctx.newId('message'),
      task_id: taskId,
      claim_number,
      worker_id,
      sender_id: agentId,
      // Where the task's texts were removed, what is written later is not kept either.
      message: task.texts_removed === null ? message : '',
      created_at: now,
    };
    const recipient = agentId === poster_id ? worker_id : poster_id;
    const event = { agentId: recipient, taskId, type: 'task_message', data: { message_id: row.id } } as const;
    tx.send(queries.insertMessage, { ...row, event: await appendEvent({ ctx, tx, now }, event) });
    return messageView(row);
  });
}

/**
 * The messages about a task, oldest first. The poster reads all; a current or former worker reads those of its own
 * claims, a judge those of the disputed worker while it judges (contract section 2, "Who sees what").
 *
 * @throws DomainError `not_found`; `forbidden` for agents that never had a claim on it.
 */
export async function listMessages(
  call: Pick<Call, 'ctx' | 'agentId'>,
  taskId: string,
  query: z.output<typeof ThreadQuery>,
): Promise<MessagesResponse> {
  const { ctx, agentId } = call;
  const task = await ctx.db.first(taskById, { id: taskId });
  if (task === undefined) throw taskNotFound();
  // A judge reads what the worker of the disputed claim reads.
  const judged = task.poster_id === agentId ? undefined : await judgedWorker(ctx, task, agentId);
  const scope = task.poster_id === agentId ? 'all' : 'own';
  const thread = { task_id: taskId, agent: judged ?? agentId };
  const { rows, facts } = await readPage('messages', query, {
    start: [''],
    read: ({ sortKey: [after], ...range }) => ctx.db.all(queries.messagesPage(scope), { ...thread, after, ...range }),
    count: (limit) => ctx.db.one(queries.countMessages(scope), { ...thread, limit }),
    sortKey: ({ id }) => [id],
    view: messageView,
  });
  if (scope === 'own' && facts.total === 0 && judged === undefined && !(await isOrWasWorker(ctx, task, agentId)))
    throw notAParty();
  return { messages: rows, ...facts };
}

/** The worker of the dispute that an agent judges now, if it does. */
async function judgedWorker({ db }: Context, task: TaskRow, agentId: string): Promise<string | undefined> {
  if (task.rejection_count === 0 || task.worker_id === agentId) return undefined;
  if (!(await isJudging(db, task.id, agentId))) return undefined;
  return (await db.first(newestDispute, { task_id: task.id }))?.worker_id;
}

async function isOrWasWorker({ db }: Context, task: TaskRow, agentId: string): Promise<boolean> {
  if (task.worker_id === agentId) return true;
  return (await db.first(claimBy, { task_id: task.id, worker: agentId })) !== undefined;
}
