import type { AbandonRequest, DeliverRequest, HeartbeatRequest, TaskResponse } from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { deadlineAfter, hourMs, secondMs } from '../../ground/clock.ts';
import { invalid } from '../../ground/errors.ts';
import type { Call } from '../context.ts';
import type { Work } from '../../storage/ground.ts';
import { leastNamed } from '../../rules/agents/helpers.ts';
import { appendEvent } from '../../rules/events/append.ts';
import { apply, readSystemAnswer } from '../../rules/platform-tasks/system-answer.ts';
import { arrangeVerification } from '../../rules/platform-tasks/post.ts';
import { withTexts } from '../../rules/platform-tasks/render.ts';
import { taskById } from '../../rules/tasks/queries.ts';
import { actionStatements, noteProgressTold, personStatements } from '../../rules/tasks/statements.ts';
import { refusal } from '../../rules/tasks/refusal.ts';
import { moveCreditsAndRecord } from '../../rules/lifecycle/transition.ts';
import { plainTerms, readTerms, verificationMode } from '../../rules/tasks/terms.ts';
import { taskView } from '../../rules/tasks/view.ts';

/**
 * Delivers the result of a claim. The charge is `credits_claimed`, at most the task's `max_credits` (contract section
 * 3).
 *
 * @param isBareAnswer whether the whole body is a JSON object used as the result. Only system tasks accept that: for
 *   other tasks it is more likely a delivery with misspelt field names.
 * @throws DomainError `not_found`, `conflict`, `forbidden`; `invalid_request` if the answer to a system task does not
 *   fit.
 */
export function deliver(
  call: Call,
  taskId: string,
  input: z.output<typeof DeliverRequest>,
  isBareAnswer: boolean,
): Promise<TaskResponse> {
  const { ctx, agentId } = call;
  return call.transact('deliver', async (tx) => {
    const now = ctx.clock.now();
    const work = { ctx, tx, now };
    const claimNumber = input.claim_number ?? null;
    if (isBareAnswer && (await tx.first(taskById, { id: taskId }))?.kind === 'work') throw namelessResult();
    const task = await tx.first(personStatements.deliver, {
      id: taskId,
      now,
      actor: agentId,
      claim_number: claimNumber,
      result: input.result,
      credits: input.credits_claimed ?? null,
      from: deadlineAfter(now, 0),
      default_timeout: deadlineAfter(0, ctx.config.autoApproveHours * hourMs),
      least_named: leastNamed(ctx.config),
    });
    if (task === undefined) return answerOrRefuse(call, work, taskId, input);
    const terms = await readTerms(tx, task);
    if (verificationMode(terms) !== 'off') await arrangeVerification(work, task);
    await moveCreditsAndRecord(work, 'deliver', task, { actorId: agentId, workerId: agentId });
    return taskView(task, agentId, terms);
  });
}

const namelessResult = () =>
  invalid(
    'result: is required',
    'Put the result into the field "result"; or, if all of the body is the result, send it as text/markdown.',
  );

/** Treats a delivery as the answer to a system task, which is checked, applied and paid at once; else refuses it. */
async function answerOrRefuse(
  { agentId }: Call,
  work: Work,
  taskId: string,
  input: z.output<typeof DeliverRequest>,
): Promise<TaskResponse> {
  const { tx, now } = work;
  const claimNumber = input.claim_number ?? null;
  const found = await tx.first(taskById, { id: taskId });
  if (found === undefined || found.kind === 'work')
    throw await refusal(work, 'deliver', { taskId, actorId: agentId, claimNumber });
  const params = { id: taskId, now, actor: agentId, claim_number: claimNumber, result: input.result };
  const task = await tx.first(personStatements.answer, params);
  if (task === undefined) throw await refusal(work, 'answer', { taskId, actorId: agentId, claimNumber });
  const answer = readSystemAnswer(found.kind, input.result);
  const also = await apply(work, task, answer, agentId);
  await moveCreditsAndRecord(work, 'answer', task, { actorId: agentId, workerId: agentId, also });
  return taskView(await withTexts(tx, task), agentId, plainTerms);
}

/** Abandons a claim: the task is on the board again. @throws DomainError `not_found`, `conflict`, `forbidden`. */
export function abandon(call: Call, taskId: string, input: z.output<typeof AbandonRequest>): Promise<TaskResponse> {
  const { ctx, agentId } = call;
  return call.transact('abandon', async (tx) => {
    const now = ctx.clock.now();
    const work = { ctx, tx, now };
    const claimNumber = input.claim_number ?? null;
    const params = { id: taskId, now, actor: agentId, claim_number: claimNumber };
    const own = await tx.first(personStatements.abandon, params);
    const task = own ?? (await tx.first(personStatements.abandonSystem, params));
    if (task === undefined) throw await refusal(work, 'abandon', { taskId, actorId: agentId, claimNumber });
    const moved = { actorId: agentId, workerId: agentId };
    await moveCreditsAndRecord(work, own === undefined ? 'abandonSystem' : 'abandon', task, moved);
    // A system task that is no longer needed has just been withdrawn, so read its new state.
    const left = own ?? (await tx.one(taskById, { id: taskId }));
    return taskView(await withTexts(tx, left), agentId, await readTerms(tx, left));
  });
}

/** The shortest time between two events about the progress of a task. */
const tellProgressMs = 10 * secondMs;

/**
 * Reports the progress of a claim, and begins its lease anew if the task asks for heartbeats (contract section 3a). The
 * poster is told at most every ten seconds; it reads the newest report with the task.
 *
 * @throws DomainError `not_found`, `conflict`, `forbidden`.
 */
export function heartbeat(call: Call, taskId: string, input: z.output<typeof HeartbeatRequest>): Promise<TaskResponse> {
  const { ctx, agentId } = call;
  return call.transact('heartbeat', async (tx) => {
    const now = ctx.clock.now();
    const work = { ctx, tx, now };
    const claimNumber = input.claim_number ?? null;
    const task = await tx.first(actionStatements.heartbeat, {
      id: taskId,
      now,
      actor: agentId,
      claim_number: claimNumber,
      from: deadlineAfter(now, 0),
      progress: input.progress ?? null,
      note: input.note ?? null,
    });
    if (task === undefined) throw await refusal(work, 'heartbeat', { taskId, actorId: agentId, claimNumber });
    const saysSomething = input.progress !== undefined || input.note !== undefined;
    const told = { id: taskId, now, before: now - tellProgressMs };
    if (saysSomething && (await tx.run(noteProgressTold, told)) > 0) {
      const data = { progress: task.progress, note: task.progress_note };
      await appendEvent(work, { agentId: task.poster_id, taskId, type: 'task_progress', data });
    }
    return taskView(task, agentId, await readTerms(tx, task));
  });
}
