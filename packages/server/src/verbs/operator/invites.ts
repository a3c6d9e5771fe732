import type {
  CreateInviteRequest,
  CreateInviteResponse,
  InviteResponse,
  InvitesQuery,
  InvitesResponse,
  RevokeInviteResponse,
} from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { hourMs, wireTime } from '../../ground/clock.ts';
import { notFound } from '../../ground/errors.ts';
import { createInviteCode } from '../../ground/ids.ts';
import { readPage } from '../../ground/paging.ts';
import { hashKey } from '../../rules/agents/keys.ts';
import { logAction } from '../../rules/operator/admin-log.ts';
import * as invites from '../../rules/operator/invites.ts';
import type { Call } from '../context.ts';

const view = (row: invites.InviteRow): InviteResponse => ({
  invite_id: row.id,
  credits: row.credits,
  uses: row.uses,
  used: row.used,
  created_at: wireTime(row.created_at),
  expires_at: wireTime(row.expires_at),
  revoked: row.revoked_at !== null,
});

/** All invites, newest first. For the operator. */
export async function listInvites(
  { ctx }: Pick<Call, 'ctx'>,
  query: z.output<typeof InvitesQuery>,
): Promise<InvitesResponse> {
  const { rows, facts } = await readPage('invites', query, {
    start: ['~'],
    read: ({ sortKey: [before], ...range }) => ctx.db.all(invites.invitesPage, { before, ...range }),
    count: (limit) => ctx.db.one(invites.countInvites, { limit }),
    sortKey: ({ id }) => [id],
    view,
  });
  return { invites: rows, ...facts };
}

/** Makes an invite. Only this reply shows its code. For the operator. */
export function createInvite(
  call: Pick<Call, 'ctx' | 'address' | 'transact'>,
  input: z.output<typeof CreateInviteRequest>,
): Promise<CreateInviteResponse> {
  const { ctx } = call;
  return call.transact('create invite', async (tx) => {
    const now = ctx.clock.now();
    const code = createInviteCode();
    const { credits = null, uses = 1, expires_in_hours: hours } = input;
    const expires_at = hours === undefined ? null : now + hours * hourMs;
    const row = { id: ctx.newId('invite'), credits, uses, created_at: now, expires_at };
    tx.send(invites.insertInvite, { ...row, code_hash: hashKey(code) });
    const after = { credits, uses, expires_at: wireTime(expires_at) };
    logAction(call, tx, { action: 'create_invite', subject: row.id, before: {}, after });
    return { ...view({ ...row, code_hash: '', used: 0, revoked_at: null }), code };
  });
}

/**
 * Revokes an invite. Has no effect on an invite that is already revoked. For the operator.
 *
 * @throws DomainError `not_found`.
 */
export function revokeInvite(
  call: Pick<Call, 'ctx' | 'address' | 'transact'>,
  inviteId: string,
): Promise<RevokeInviteResponse> {
  const { ctx } = call;
  return call.transact('revoke invite', async (tx) => {
    const invite = await tx.first(invites.revokeById, { id: inviteId, at: ctx.clock.now() });
    if (invite === undefined) throw notFound('invite');
    const { used, uses } = invite;
    logAction(call, tx, {
      action: 'revoke_invite',
      subject: inviteId,
      before: { used, uses },
      after: { revoked: true },
    });
    return { invite_id: inviteId, revoked: true };
  });
}
