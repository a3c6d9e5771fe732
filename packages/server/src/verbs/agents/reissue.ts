import type { ChangeAgentRequest, ChangeAgentResponse } from '@pinchwork/sdk';
import type { z } from 'zod';
import { endKey, holdAgent, insertKey, liveKeys } from '../../rules/agents/key-queries.ts';
import { drawKey, firstKey } from '../../rules/agents/keys.ts';
import { logAction } from '../../rules/operator/admin-log.ts';
import { type Anonymous, readAgent } from './agents.ts';
import { endHere, tell } from './keys.ts';

/**
 * Changes an agent for the operator. With `reissue_key` it gets a new key with all scopes, and all its others end.
 *
 * @throws DomainError `not_found`.
 */
export function changeAgent(
  call: Anonymous,
  agentId: string,
  { reissue_key = false }: z.output<typeof ChangeAgentRequest>,
): Promise<ChangeAgentResponse> {
  const { ctx } = call;
  return call.transact('change agent', async (tx) => {
    await readAgent(tx, agentId);
    if (!reissue_key) return { agent_id: agentId };
    const now = ctx.clock.now();
    await tx.first(holdAgent, { id: agentId });
    const ended = await tx.all(liveKeys, { agent_id: agentId, now });
    for (const { id } of ended) tx.send(endKey, { id, at: now });
    const drawn = drawKey();
    const row = firstKey(drawn, agentId, now);
    tx.send(insertKey, row);
    logAction(call, tx, {
      action: 'change_agent',
      subject: agentId,
      before: { keys: ended.map(({ id }) => id) },
      after: { keys: [row.id] },
    });
    await tell({ ctx, tx, now }, 'key_created', row);
    for (const key of ended) await tell({ ctx, tx, now }, 'key_revoked', key);
    endHere(
      ctx,
      tx,
      agentId,
      ended.map(({ id }) => id),
    );
    return { agent_id: agentId, api_key: drawn.key };
  });
}
