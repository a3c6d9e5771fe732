import type { ChangeAgentRequest, ChangeAgentResponse } from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { endKey, holdAgent, insertKey, liveKeys } from '../../rules/agents/key-queries.ts';
import { drawKey, firstKey } from '../../rules/agents/keys.ts';
import { setNamedHelper, setNamedJudge } from '../../rules/agents/queries.ts';
import { invalid } from '../../ground/errors.ts';
import { logAction } from '../../rules/operator/admin-log.ts';
import type { Work } from '../../storage/ground.ts';
import { type Anonymous, readAgent } from './agents.ts';
import { endHere, tell } from './keys.ts';

/**
 * Changes an agent for the operator. With `reissue_key` it gets a new key with all scopes, and all its others end.
 * `accepts_system_tasks` names it for system tasks, `judges_disputes` as a judge, or takes that back; what the agent itself says stays.
 *
 * @throws DomainError `not_found`; `invalid_request` if nothing is to be changed.
 */
export function changeAgent(
  call: Anonymous,
  agentId: string,
  { reissue_key = false, accepts_system_tasks, judges_disputes }: z.output<typeof ChangeAgentRequest>,
): Promise<ChangeAgentResponse> {
  const { ctx } = call;
  if (!reissue_key && accepts_system_tasks === undefined && judges_disputes === undefined) {
    throw invalid('Nothing is to be changed', 'Give reissue_key: true, accepts_system_tasks, or judges_disputes.');
  }
  return call.transact('change agent', async (tx) => {
    const work = { ctx, tx, now: ctx.clock.now() };
    // Locked first, so that it is not deleted in between.
    await tx.first(holdAgent, { id: agentId });
    const { is_named_helper, is_named_judge } = await readAgent(tx, agentId);
    if (accepts_system_tasks !== undefined) {
      tx.send(setNamedHelper, { id: agentId, named: Number(accepts_system_tasks) });
      logAction(call, tx, {
        action: 'change_agent',
        subject: agentId,
        before: { accepts_system_tasks: is_named_helper === 1 },
        after: { accepts_system_tasks },
      });
    }
    if (judges_disputes !== undefined) {
      tx.send(setNamedJudge, { id: agentId, named: Number(judges_disputes) });
      logAction(call, tx, {
        action: 'change_agent',
        subject: agentId,
        before: { judges_disputes: is_named_judge === 1 },
        after: { judges_disputes },
      });
    }
    const api_key = reissue_key ? await reissueKey(call, work, agentId) : undefined;
    return {
      agent_id: agentId,
      ...(api_key === undefined ? {} : { api_key }),
      ...(accepts_system_tasks === undefined ? {} : { accepts_system_tasks }),
      ...(judges_disputes === undefined ? {} : { judges_disputes }),
    };
  });
}

/** Ends all keys of an agent, whose row the caller has locked. @returns a new one with all scopes. */
async function reissueKey(call: Anonymous, work: Pick<Work, 'tx' | 'now'>, agentId: string): Promise<string> {
  const { ctx } = call;
  const { tx, now } = work;
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
  const ids = ended.map(({ id }) => id);
  endHere(ctx, tx, agentId, ids);
  return drawn.key;
}
