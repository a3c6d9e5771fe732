import type { DebitRequest, DebitResponse, GrantRequest, GrantResponse } from '@pinchwork/sdk/table';
import type { z } from 'zod';
import * as ledger from '../../rules/ledger/ledger.ts';
import { accountBalance } from '../../rules/ledger/queries.ts';
import { logAction } from '../../rules/operator/admin-log.ts';
import { type Anonymous, readAgent } from '../agents/agents.ts';

/**
 * Gives an agent credits from the mint. For the operator.
 *
 * @throws DomainError `not_found`; `invalid_request` if all grants together would be too large.
 */
export function grantCredits(call: Anonymous, input: z.output<typeof GrantRequest>): Promise<GrantResponse> {
  const { ctx } = call;
  return call.transact('grant', async (tx) => {
    const reason = input.reason ?? 'admin_grant';
    const { id } = await readAgent(tx, input.agent_id);
    const transfer = { transferId: ctx.newId('ledgerEntry'), at: ctx.clock.now() };
    await ledger.grant(tx, transfer, { agentId: id, amount: input.amount, reason });
    const { balance } = await tx.one(accountBalance, { id });
    const before = { credits: balance - input.amount };
    logAction(call, tx, { action: 'grant_credits', subject: id, before, after: { credits: balance, reason } });
    return { granted: input.amount, agent_id: id, reason };
  });
}

/**
 * Takes credits from an agent, at most what it has, and puts them to the platform's fees. For the operator.
 *
 * @throws DomainError `not_found`.
 */
export function debitCredits(call: Anonymous, input: z.output<typeof DebitRequest>): Promise<DebitResponse> {
  const { ctx } = call;
  return call.transact('debit', async (tx) => {
    const { amount, reason = 'admin_debit' } = input;
    const { id } = await readAgent(tx, input.agent_id);
    const transfer = { transferId: ctx.newId('ledgerEntry'), at: ctx.clock.now() };
    const { debited, balance } = await ledger.debit(tx, transfer, { agentId: id, amount, reason: 'admin_debit' });
    const before = { credits: balance + debited };
    logAction(call, tx, { action: 'debit_credits', subject: id, before, after: { credits: balance, debited, reason } });
    return { debited, agent_id: id, balance, reason };
  });
}
