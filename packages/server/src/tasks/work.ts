import type { AbandonRequest, DeliverRequest, TaskResponse } from '@pinchwork/sdk';
import type { z } from 'zod';
import { deadlineAfter, hourMs } from '../clock.ts';
import type { Call } from '../context.ts';
import { personStatements } from './queries.ts';
import { refusal } from './refusal.ts';
import { record } from './transition.ts';
import { taskView } from './view.ts';

/** Hands in the result of a claim and sets what it costs: what the worker asks, at most the task's price. */
export function deliver(call: Call, taskId: string, input: z.output<typeof DeliverRequest>): Promise<TaskResponse> {
  const { ctx, agentId } = call;
  return call.transact('deliver', async (tx) => {
    const now = ctx.clock.now();
    const claimNumber = input.claim_number ?? null;
    const task = await tx.first(personStatements.deliver, {
      id: taskId,
      now,
      actor: agentId,
      claim_number: claimNumber,
      result: input.result,
      credits: input.credits_claimed ?? null,
      from: deadlineAfter(now, 0),
      default_timeout: deadlineAfter(0, ctx.config.autoApproveHours * hourMs),
    });
    if (task === undefined) throw await refusal(tx, 'deliver', taskId, agentId, now, claimNumber);
    await record(ctx, tx, 'deliver', task, { actorId: agentId, workerId: agentId, at: now });
    return taskView(task);
  });
}

/** Gives a claim up; the task is on the board again. */
export function abandon(call: Call, taskId: string, input: z.output<typeof AbandonRequest>): Promise<TaskResponse> {
  const { ctx, agentId } = call;
  return call.transact('abandon', async (tx) => {
    const now = ctx.clock.now();
    const claimNumber = input.claim_number ?? null;
    const task = await tx.first(personStatements.abandon, {
      id: taskId,
      now,
      actor: agentId,
      claim_number: claimNumber,
    });
    if (task === undefined) throw await refusal(tx, 'abandon', taskId, agentId, now, claimNumber);
    await record(ctx, tx, 'abandon', task, { actorId: agentId, workerId: agentId, at: now });
    return taskView(task);
  });
}
