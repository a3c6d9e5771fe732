import type { AbandonRequest, DeliverRequest, HeartbeatRequest, TaskResponse } from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { deadlineAfter, hourMs, secondMs } from '../../ground/clock.ts';
import { invalid } from '../../ground/errors.ts';
import { transitions } from '../../ground/machine.ts';
import { present } from '../../ground/present.ts';
import type { Call } from '../context.ts';
import { checkResult, type ClaimWithTerms, claimWithTerms, type ToCheck } from './acceptance.ts';
import type { Tx } from '../../storage/database.ts';
import type { Work } from '../../storage/ground.ts';
import { leastNamed } from '../../rules/agents/helpers.ts';
import { disputeOf, endDispute } from '../../rules/disputes/end.ts';
import { seatsOf } from '../../rules/disputes/queries.ts';
import { addDispute } from '../../rules/disputes/view.ts';
import { appendEvent } from '../../rules/events/append.ts';
import { apply, readSystemAnswer } from '../../rules/platform-tasks/system-answer.ts';
import { arrangeVerification } from '../../rules/platform-tasks/post.ts';
import { withTexts } from '../../rules/platform-tasks/render.ts';
import { type MovedTask, taskById } from '../../rules/tasks/queries.ts';
import {
  actionStatements,
  noteProgressTold,
  personStatements,
  platformStatements,
} from '../../rules/tasks/statements.ts';
import { refusal } from '../../rules/tasks/refusal.ts';
import { deliverAndApprove, moveCreditsAndRecord } from '../../rules/lifecycle/transition.ts';
import { plainTerms, readTerms, type Terms, verificationMode } from '../../rules/tasks/terms.ts';
import { taskView } from '../../rules/tasks/view.ts';

/**
 * Delivers the result of a claim. The charge is `credits_claimed`, at most the task's `max_credits` (contract section
 * 3). A result for a task with an acceptance is compared with it before the transaction that delivers it, so that no
 * other transaction waits for the comparison.
 *
 * @param isBareAnswer whether the whole body is a JSON object used as the result. Only system tasks accept that: for
 *   other tasks it is more likely a delivery with misspelt field names.
 * @throws DomainError `not_found`, `conflict`, `forbidden`; `not_acceptable` if the result does not fit the task's
 *   acceptance, `invalid_request` if the answer to a system task does not fit.
 */
export async function deliver(
  call: Call,
  taskId: string,
  input: z.output<typeof DeliverRequest>,
  isBareAnswer: boolean,
): Promise<TaskResponse> {
  const attempt: Attempt = { taskId, input, isBareAnswer, checked: null };
  const first = await tryToDeliver(call, attempt);
  if ('reply' in first) return first.reply;
  await checkResult(call, { taskId, result: input.result, ...first });
  const second = await tryToDeliver(call, { ...attempt, checked: first });
  // Once checked, a result is delivered or refused.
  return 'reply' in second ? second.reply : neverTwice(taskId);
}

function neverTwice(taskId: string): never {
  throw new Error(`The result for ${taskId} was to be checked twice`);
}

/** With whether an infra agent could check it. */
type DeliveredTask = MovedTask & { readonly has_helper?: number | boolean };

interface Attempt {
  readonly taskId: string;
  readonly input: z.output<typeof DeliverRequest>;
  readonly isBareAnswer: boolean;
  /** The claim whose result was compared with the acceptance, and the terms of its task; null where nothing was. */
  readonly checked: ClaimWithTerms | null;
}

/** Delivers, unless the result has to be compared with the task's acceptance first. */
async function tryToDeliver(
  call: Call,
  { taskId, input, isBareAnswer, checked }: Attempt,
): Promise<{ readonly reply: TaskResponse } | ToCheck> {
  const { ctx, agentId } = call;
  const found: { toCheck?: ToCheck } = {};
  // Null is not a success: the idempotency key is released, and the next transaction takes it again.
  const reply = await call.transact('deliver', async (tx): Promise<TaskResponse | null> => {
    const now = ctx.clock.now();
    const work = { ctx, tx, now };
    if (isBareAnswer && (await tx.first(taskById, { id: taskId }))?.kind === 'work') throw namelessResult();
    const params = {
      id: taskId,
      now,
      actor: agentId,
      claim_number: input.claim_number ?? null,
      result: input.result,
      credits: input.credits_claimed ?? null,
      from: deadlineAfter(now, 0),
      default_timeout: deadlineAfter(0, ctx.config.autoApproveHours * hourMs),
      checked_claim: checked?.claimNumber ?? null,
      least_named: leastNamed(ctx.config),
    };
    let terms = checked?.terms;
    let task = await tx.first(personStatements.deliver, params);
    if (task === undefined && checked === null) {
      const claim = await claimWithTerms(tx, { taskId, agentId, claimNumber: params.claim_number, now });
      if (claim !== undefined && claim.terms.acceptance !== null) {
        found.toCheck = { ...claim, acceptance: claim.terms.acceptance };
        return null;
      }
      if (claim !== undefined)
        task = await tx.first(personStatements.deliver, { ...params, checked_claim: claim.claimNumber });
      terms = claim?.terms;
    }
    if (task === undefined) return answerOrRefuse(call, work, taskId, input);
    return completeDelivery(work, task, terms ?? (await readTerms(tx, task)));
  });
  if (reply !== null) return { reply };
  return present(found.toCheck, 'What the result must be compared with');
}

/** What follows from a delivery: a check by an infra agent, or the approval at once. */
async function completeDelivery(work: Work, task: DeliveredTask, terms: Terms): Promise<TaskResponse> {
  const workerId = present(task.worker_id, 'The worker');
  if (terms.auto_approve === 1 && task.texts_removed === null) {
    const approved = await work.tx.one(platformStatements.approveAtOnce, {
      id: task.id,
      now: work.now,
      version: task.version,
    });
    await deliverAndApprove(work, task, approved);
    return addDispute(work.tx, taskView(approved, terms), approved, workerId);
  }
  if (verificationMode(terms) !== 'off') await arrangeVerification(work, task);
  await moveCreditsAndRecord(work, 'deliver', task, { actorId: workerId, workerId });
  return addDispute(work.tx, taskView(task, terms), task, workerId);
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
  return taskView(await withTexts(tx, task), plainTerms);
}

/** Abandons a claim, or withdraws its dispute: the task is on the board again. @throws DomainError `not_found`, `conflict`, `forbidden`. */
export function abandon(call: Call, taskId: string, input: z.output<typeof AbandonRequest>): Promise<TaskResponse> {
  const { ctx, agentId } = call;
  return call.transact('abandon', async (tx) => {
    const now = ctx.clock.now();
    const work = { ctx, tx, now };
    const claimNumber = input.claim_number ?? null;
    const params = { id: taskId, now, actor: agentId, claim_number: claimNumber };
    const own = await tx.first(personStatements.abandon, params);
    const name = own === undefined ? await meantByAbandon(tx, taskId) : 'abandon';
    const task = own ?? (name === 'abandon' ? undefined : await tx.first(personStatements[name], params));
    if (task === undefined) throw await refusal(work, name, { taskId, actorId: agentId, claimNumber });
    if (name === 'withdrawDispute') await withdrawDispute(work, task, agentId);
    else await moveCreditsAndRecord(work, name, task, { actorId: agentId, workerId: agentId });
    // A system task that is no longer needed has just been withdrawn, so read its new state.
    const left = name === 'abandonSystem' ? await tx.one(taskById, { id: taskId }) : task;
    const view = taskView(await withTexts(tx, left), await readTerms(tx, left));
    return addDispute(tx, view, left, agentId);
  });
}

/** What giving up means for a task: its dispute is withdrawn, or it is a system task. */
async function meantByAbandon(tx: Tx, taskId: string): Promise<'abandon' | 'withdrawDispute' | 'abandonSystem'> {
  const task = await tx.first(taskById, { id: taskId });
  if (task !== undefined && task.kind !== 'work') return 'abandonSystem';
  return task?.status === transitions.withdrawDispute.from ? 'withdrawDispute' : 'abandon';
}

/** Ends a dispute for the worker that withdraws it. Its deposit is lost once a judge has answered. */
async function withdrawDispute(work: Work, task: MovedTask, workerId: string): Promise<void> {
  const dispute = await disputeOf(work.tx, task.id);
  const seats = await work.tx.all(seatsOf, { dispute_id: dispute.id });
  await endDispute(work, 'withdrawDispute', task, {
    dispute,
    status: 'withdrawn',
    share: null,
    credits: 0,
    explanation: null,
    forfeits: seats.some(({ status }) => status === 'answered'),
    actorId: workerId,
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
    return taskView(task, await readTerms(tx, task));
  });
}
