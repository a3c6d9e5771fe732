import { type DisputeRequest, type DisputeResponse, limits } from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { deadlineAfter, hourMs, wireTime } from '../../ground/clock.ts';
import { DomainError } from '../../ground/errors.ts';
import { present } from '../../ground/present.ts';
import { holdAgent } from '../../rules/agents/key-queries.ts';
import { checkBudgetOfDay, spend } from '../../rules/agents/keys.ts';
import { scheduleEnd } from '../../rules/disputes/end-time.ts';
import { depositFor, judgesFor } from '../../rules/disputes/outcome.ts';
import { countOpenOf, insertDispute } from '../../rules/disputes/queries.ts';
import { disputeDue } from '../../rules/lifecycle/seats.ts';
import { moveCreditsAndRecord } from '../../rules/lifecycle/transition.ts';
import { tellWaiting } from '../../rules/platform-tasks/judges.ts';
import type { MovedTask } from '../../rules/tasks/queries.ts';
import { refusal } from '../../rules/tasks/refusal.ts';
import { personStatements } from '../../rules/tasks/statements.ts';
import { readTerms } from '../../rules/tasks/terms.ts';
import type { Work } from '../../storage/ground.ts';
import type { Call } from '../context.ts';

/**
 * Disputes the last rejection of a claim, in its grace (contract section 3a). The worker pays a deposit. Judges are drawn
 * right after the commit, by a job.
 *
 * @throws DomainError `not_found`, `forbidden`, `conflict`, `too_many_disputes`, `insufficient_credits`, `budget_exceeded`.
 */
export function disputeRejection(
  call: Call,
  taskId: string,
  { reason }: z.output<typeof DisputeRequest>,
): Promise<DisputeResponse> {
  const { ctx, agentId, key } = call;
  return call.transact('dispute', async (tx) => {
    const now = ctx.clock.now();
    const work = { ctx, tx, now };
    const { hours, depositPercent, defaultShare } = ctx.config.disputes;
    const deadline = deadlineAfter(now, hours * hourMs);
    const task = await tx.first(personStatements.dispute, { id: taskId, now, actor: agentId, deadline });
    if (task === undefined) throw await refusal(work, 'dispute', { taskId, actorId: agentId });
    // Only a delivery that a machine has checked has a share by default.
    const share = (await readTerms(tx, task)).acceptance === null ? 0 : defaultShare;
    // Its lock keeps away other disputes that it begins at the same moment.
    await tx.first(holdAgent, { id: agentId });
    await refuseAtLimit(work, agentId);
    const deposit = depositFor(task.max_credits, depositPercent);
    if (key !== undefined) await checkBudgetOfDay(tx, key, deposit, now);
    const kept = task.texts_removed === null ? reason : '';
    const row = disputeRow(work, task, { reason: kept, deposit, deadline, share });
    tx.send(insertDispute, row);
    scheduleEnd(work, row, []);
    await moveCreditsAndRecord(work, 'dispute', task, {
      actorId: agentId,
      workerId: agentId,
      dispute: {
        id: row.id,
        status: row.status,
        reason: kept,
        workerShare: null,
        credits: 0,
        explanation: null,
        deposit: { amount: deposit, to: 'account' },
      },
    });
    if (key !== undefined) await spend(tx, key, deposit, now);
    if (row.judges === 0) tellWaiting(work, row);
    else tx.signal(disputeDue);
    return { dispute_id: row.id, task_id: taskId, status: task.status, deposit, deadline: wireTime(deadline) };
  });
}

interface Terms {
  readonly reason: string;
  readonly deposit: number;
  readonly deadline: number;
  readonly share: number;
}

function disputeRow({ ctx, now }: Work, task: MovedTask, { reason, deposit, deadline, share }: Terms) {
  const { disputes, systemTasks } = ctx.config;
  const judges = systemTasks.infraAgents === 'off' ? 0 : judgesFor(task.max_credits, disputes.judges);
  return {
    id: ctx.newId('dispute'),
    task_id: task.id,
    claim_number: task.claim_number,
    poster_id: task.poster_id,
    worker_id: present(task.worker_id, 'The worker'),
    reason,
    deposit,
    charged: present(task.credits_charged, 'The charge'),
    judges,
    default_share: share,
    opened_at: now,
    half_at: deadlineAfter(now, (disputes.hours * hourMs) / 2),
    deadline_at: deadline,
    status: 'open' as const,
    look_at: judges === 0 ? null : now,
    waits_since: judges === 0 ? now : null,
  };
}

/** @throws DomainError `too_many_disputes` if an agent has as many open disputes as it may. */
async function refuseAtLimit({ tx }: Work, agentId: string): Promise<void> {
  const { total } = await tx.one(countOpenOf, { worker_id: agentId, limit: limits.openDisputes });
  if (total < limits.openDisputes) return;
  throw new DomainError(
    'too_many_disputes',
    `You have ${limits.openDisputes} open disputes; more are not possible at once`,
    'Wait until one of them is decided, or withdraw one with POST /v1/tasks/{id}/abandon.',
  );
}
