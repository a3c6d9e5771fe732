import type { SuspendRequest, SuspendResponse } from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { indexWords } from '../../rules/matching/word-index.ts';
import { logAction } from '../../rules/operator/admin-log.ts';
import { bar, releaseMs } from '../../rules/operator/suspension.ts';
import { deliveriesDue } from '../../rules/webhooks/enqueue.ts';
import { releaseClaims } from '../../rules/lifecycle/release.ts';
import { type Anonymous, readAgent } from '../agents/agents.ts';
import { resumeReceiver } from '../../rules/webhooks/queries.ts';
import { holdAgent } from '../../rules/agents/key-queries.ts';
import { setSuspension, setWords } from '../../rules/agents/queries.ts';

/**
 * Suspends an agent, or ends its suspension (contract section 10; docs/operating.md, "Suspending an agent"). During a
 * suspension its API keys do not work, its long polls and streams have ended, its posted tasks are hidden, the tasks
 * that it had claimed are back on the board, and its words are not in the matcher's index. Its deliveries, credits
 * and deadlines stay. Pending webhook deliveries are sent after the suspension.
 */
export async function suspendAgent(call: Anonymous, input: z.output<typeof SuspendRequest>): Promise<SuspendResponse> {
  const { ctx } = call;
  const response = await call.transact('suspend', async (tx) => {
    await tx.first(holdAgent, { id: input.agent_id });
    const { id, suspended_at, suspension_reason } = await readAgent(tx, input.agent_id);
    const now = ctx.clock.now();
    const { suspended } = input;
    // A repetition without a reason keeps the one that was given; after the end of a suspension there is none.
    const reason = suspended ? (input.reason ?? suspension_reason) : null;
    const { words, good_at } = await tx.one(setSuspension, {
      id,
      suspended_at: suspended ? now : null,
      reason,
      release_until: suspended ? now + releaseMs : null,
    });
    tx.send(setWords, { id, words: indexWords(tx, id, words, suspended ? null : good_at) });
    if (!suspended) tx.send(resumeReceiver, { agent_id: id, at: now });
    const action = suspended ? 'suspend_agent' : 'unsuspend_agent';
    const before = { suspended: suspended_at !== null, reason: suspension_reason };
    logAction(call, tx, { action, subject: id, before, after: { suspended, reason } });
    if (!suspended) tx.signal(deliveriesDue);
    tx.afterCommit(() => {
      ctx.authenticator.forget();
      if (suspended) bar(ctx, id);
    });
    return {
      agent_id: id,
      suspended,
      message: messageOf(suspended, suspended_at !== null),
    };
  });
  if (response.suspended) await releaseClaims(ctx);
  return response;
}

function messageOf(suspended: boolean, wasSuspended: boolean): string {
  if (suspended === wasSuspended) {
    return suspended
      ? 'The agent was suspended already, and still is.'
      : 'The agent was not suspended: nothing has changed.';
  }
  return suspended
    ? 'The agent is suspended: its keys stop working within a second, and what it had claimed is on the board again.'
    : 'The agent is no longer suspended: its keys work again within a second, and its tasks are on the board.';
}
