import {
  type CreateTaskRequest,
  type CreateTaskResponse,
  type DryRunResponse,
  isAwaited,
  type TaskResponse,
} from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { present } from '../../ground/present.ts';
import { deadlineAfter, hourMs, minuteMs, wireTime } from '../../ground/clock.ts';
import { type Call, OtherSuccess } from '../context.ts';
import { leastNamed } from '../../rules/agents/helpers.ts';
import { checkBudget, spend } from '../../rules/agents/keys.ts';
import type { Work } from '../../storage/ground.ts';
import { feeOf, insufficientCredits } from '../../rules/ledger/ledger.ts';
import { accountBalance } from '../../rules/ledger/queries.ts';
import { arrangeMatching, type NewTask } from '../../rules/platform-tasks/post.ts';
import { checkChosen, offerTask } from '../../rules/matching/offers.ts';
import { suggestedCredits } from '../../rules/market/prices.ts';
import { insertTask } from '../../rules/tasks/inserts.ts';
import type { RecordedTask } from '../../rules/tasks/queries.ts';
import { personStatements } from '../../rules/tasks/statements.ts';
import { checkAcceptance } from './acceptance.ts';
import { awaitResult, takePlace } from './read.ts';
import { refusal } from '../../rules/tasks/refusal.ts';
import { moveCreditsAndRecord } from '../../rules/lifecycle/transition.ts';
import { checkPush, storePush } from '../../rules/pushes/config.ts';
import { contextKey } from '../../rules/tasks/contexts.ts';
import { hasTerms, insertTerms, readTerms, type Terms, verificationMode } from '../../rules/tasks/terms.ts';
import { taskView } from '../../rules/tasks/view.ts';

const defaultCredits = 50;

/**
 * Posts a task and moves its `max_credits` to escrow (contract sections 2 and 4).
 *
 * @param wait seconds to wait for the task to be delivered or to end; undefined to answer at once.
 * @throws DomainError `insufficient_credits` if the poster's balance is below `max_credits`, `budget_exceeded` if the
 *   key's budget does not cover it, `too_many_streams` with `wait` if the poster has too many waits and streams open.
 */
export async function createTask(
  call: Call,
  { wait, ...input }: z.output<typeof CreateTaskRequest>,
): Promise<CreateTaskResponse | OtherSuccess<TaskResponse | DryRunResponse>> {
  if (input.dry_run === true) return new OtherSuccess('dry run', await dryRun(call, input));
  if (wait === undefined) return post(call, input);
  // First, because nothing is posted if there is no place.
  const place = takePlace(call);
  const created = await post(call, input).catch((error: unknown) => {
    place.end();
    throw error;
  });
  try {
    const task = await awaitResult(call, { taskId: created.task_id, waitSeconds: wait, place });
    return new OtherSuccess(isAwaited(task.status) ? 'awaited' : 'time is up', task);
  } catch (error) {
    // The task is posted even if the wait fails. An error would make the client post it again.
    call.ctx.log.warn(error, 'a wait for a new task broke off');
    return created;
  }
}

/**
 * Says what posting the task would hold and cost, and changes nothing (contract section 3a, `dry_run`).
 *
 * @throws DomainError as `createTask` does.
 */
async function dryRun(call: Call, input: PostInput): Promise<DryRunResponse> {
  const { ctx, agentId, key } = call;
  const held = input.max_credits ?? defaultCredits;
  await checkAcceptance(call, termsOf(input));
  if (input.for_agents !== undefined) await checkChosen(ctx.db, agentId, input.for_agents);
  if (key !== undefined) await checkBudget(ctx.db, key, held, ctx.clock.now());
  const { balance } = await ctx.db.one(accountBalance, { id: agentId });
  if (balance < held) throw insufficientCredits(held, balance);
  return {
    dry_run: true,
    held,
    fee: feeOf(held, ctx.config.platformFeePpm),
    balance: balance - held,
    suggested_credits: await suggestedCredits(ctx.db, input.tags ?? []),
  };
}

/** The terms of a new task (contract section 3a). */
const termsOf = ({
  acceptance,
  auto_approve,
  for_agents,
  grace_minutes,
  heartbeat_minutes,
  verification,
}: PostInput): Omit<Terms, 'context_key'> => ({
  acceptance: acceptance === undefined ? null : JSON.stringify(acceptance),
  auto_approve: auto_approve === true ? 1 : null,
  for_agents: for_agents === undefined ? null : JSON.stringify(for_agents),
  grace_minutes: grace_minutes ?? null,
  heartbeat_minutes: heartbeat_minutes ?? null,
  verification: verification ?? (for_agents === undefined ? null : 'off'),
});

/** Looks for agents that suit a new task, or offers it to those that its poster has chosen. @returns the task as it is then. */
async function findWorkers(work: Work, task: NewTask, { for_agents }: PostInput, terms: Terms): Promise<RecordedTask> {
  if (for_agents !== undefined) return offerTask(work, task, for_agents);
  const mayBeAsked = verificationMode(terms) !== 'off';
  await arrangeMatching(work, { ...task, has_helper: mayBeAsked && task.has_helper });
  return task;
}

type PostInput = Omit<z.output<typeof CreateTaskRequest>, 'wait'>;

async function post(call: Call, input: PostInput): Promise<CreateTaskResponse> {
  const { ctx, agentId } = call;
  const terms = { ...termsOf(input), context_key: contextKey(call) };
  await checkAcceptance(call, terms);
  const push = call.push && (await checkPush(ctx, call.push));
  return call.transact('create', async (tx) => {
    const now = ctx.clock.now();
    const work = { ctx, tx, now };
    const { need, deadline_minutes } = input;
    const has_terms = Number(push !== undefined || hasTerms(terms));
    const max_credits = input.max_credits ?? defaultCredits;
    if (input.for_agents !== undefined) await checkChosen(tx, agentId, input.for_agents);
    if (call.key !== undefined) await checkBudget(tx, call.key, max_credits, now);
    const deadline_at = deadline_minutes === undefined ? null : deadlineAfter(now, deadline_minutes * minuteMs);
    const task = await tx.first(insertTask, {
      id: ctx.newId('task'),
      poster_id: agentId,
      need,
      context: input.context ?? null,
      tags: JSON.stringify(input.tags ?? []),
      has_terms,
      max_credits,
      fee_ppm: ctx.config.platformFeePpm,
      created_at: now,
      expires_at: deadlineAfter(now, ctx.config.taskExpireHours * hourMs),
      deadline_at,
      review_timeout_minutes: input.review_timeout_minutes ?? null,
      claim_timeout_minutes: input.claim_timeout_minutes ?? null,
      least_named: leastNamed(ctx.config),
    });
    if (task === undefined) throw new Error('The insert returned no task');
    if (has_terms === 1) tx.send(insertTerms, { task_id: task.id, ...terms });
    const posted = await findWorkers(work, { ...task, need }, input, terms);
    await moveCreditsAndRecord(work, 'post', posted, { actorId: agentId, workerId: null });
    if (call.key !== undefined) await spend(tx, call.key, max_credits, now);
    if (push !== undefined) {
      const { budgetId } = present(call.key, 'The key of the call');
      await storePush(work, posted, { agentId, budgetId }, push);
    }
    const { balance } = await tx.one(accountBalance, { id: agentId });
    return { task_id: task.id, status: task.status, need, max_credits, balance, deadline: wireTime(deadline_at) };
  });
}

/**
 * Cancels a posted task and returns its escrow to the poster. @throws DomainError `not_found`, `conflict`,
 * `forbidden`.
 */
export function cancelTask(call: Call, taskId: string): Promise<TaskResponse> {
  const { ctx, agentId } = call;
  return call.transact('cancel', async (tx) => {
    const now = ctx.clock.now();
    const work = { ctx, tx, now };
    const task = await tx.first(personStatements.cancel, { id: taskId, now, actor: agentId });
    if (task === undefined) throw await refusal(work, 'cancel', { taskId, actorId: agentId });
    await moveCreditsAndRecord(work, 'cancel', task, { actorId: agentId, workerId: null });
    return taskView(task, await readTerms(tx, task));
  });
}
