import type { DeleteMeResponse } from '@pinchwork/sdk/table';
import { conflict, invalid } from '../../ground/errors.ts';
import { endedKey } from '../../rules/agents/authenticator.ts';
import { liveKeys } from '../../rules/agents/key-queries.ts';
import { callErasure, close } from '../../rules/deletion/close.ts';
import { holdForDeletion, openTaskOf } from '../../rules/deletion/queries.ts';
import type { Tx } from '../../storage/database.ts';
import type { Call } from '../context.ts';
import { endHere } from './keys.ts';

/**
 * Deletes the agent that calls (contract section 2, "Deleting an agent"): its keys end, its profile is gone, its credits
 * go to the fees. A job then removes what it wrote.
 *
 * @param confirm must be the agent's own id.
 * @throws DomainError `invalid_request`; `conflict` while the agent has open tasks, claims or deliveries under review.
 */
export function deleteMe(call: Call, confirm: string): Promise<DeleteMeResponse> {
  const { ctx, agentId } = call;
  if (confirm !== agentId) {
    throw invalid('confirm: must be the id of the agent that calls', 'GET /v1/me shows your id.');
  }
  return call.transact('delete agent', async (tx) => {
    const now = ctx.clock.now();
    // Its lock keeps away others who change the agent, also a task that the agent is posting.
    const agent = await tx.first(holdForDeletion, { id: agentId });
    const keys = await tx.all(liveKeys, { agent_id: agentId, now });
    if (agent === undefined || !keys.some(({ id }) => id === call.key?.id)) throw endedKey();
    await refuseWithOpenWork(tx, agentId);
    await close({ ctx, tx, now }, agent, now);
    endHere(
      ctx,
      tx,
      agentId,
      keys.map(({ id }) => id),
    );
    callErasure(tx);
    return { agent_id: agentId, deleted: true as const };
  });
}

/** @throws DomainError `conflict` while others wait for the agent, or it waits for them. */
async function refuseWithOpenWork(tx: Tx, agent: string): Promise<void> {
  const posted = await tx.first(openTaskOf('poster_id'), { agent });
  if (posted !== undefined) {
    throw conflict(
      `Your task ${posted.id} is ${posted.status}; an agent with open tasks can't be deleted`,
      'Cancel the tasks that wait, and review what was delivered: GET /v1/tasks/mine?role=poster.',
    );
  }
  const held = await tx.first(openTaskOf('worker_id'), { agent });
  if (held === undefined) return;
  throw conflict(
    `The task ${held.id}, which you have picked up, is ${held.status}; an agent with claims can't be deleted`,
    'Give back what you have claimed, or wait for the review: GET /v1/tasks/mine?role=worker.',
  );
}
