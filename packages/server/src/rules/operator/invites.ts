import { type Selectable, sql } from 'kysely';
import type { Config } from '../../ground/config.ts';
import { DomainError } from '../../ground/errors.ts';
import type { Tx } from '../../storage/database.ts';
import { counting, insertion, type Params, prepared } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';
import { hashKey } from '../agents/keys.ts';

/** Invites: who may register, and with how many credits. The database holds their codes as SHA-256 only. */
export type InviteRow = Selectable<Schema['invites']>;

export const insertInvite = insertion('invites', 'id', 'code_hash', 'credits', 'uses', 'created_at', 'expires_at');

/** Counts a use of an invite that is valid and not used up. Several at once wait for each other. */
const useInvite = prepared('useInvite', (db, p: { code_hash: string; now: number }) =>
  db
    .updateTable('invites')
    .set((eb) => ({ used: eb('used', '+', 1) }))
    .where('code_hash', '=', p.code_hash)
    .where('revoked_at', 'is', null)
    .where('used', '<', sql.ref<number>('uses'))
    .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', p.now)]))
    .returning('credits'),
);

/** Revokes an invite; one that was revoked before stays as it was. */
export const revokeById = prepared('revokeInvite', (db, p: { id: string; at: number }) =>
  db
    .updateTable('invites')
    .set({ revoked_at: sql<number>`coalesce(revoked_at, ${p.at})` })
    .where('id', '=', p.id)
    .returningAll(),
);

interface Page extends Params {
  /** The id before which the page begins. */
  before: string;
  limit: number;
  offset: number;
}

/** A page of the invites, newest first. */
export const invitesPage = prepared('invitesPage', (db, p: Page) =>
  db.selectFrom('invites').selectAll().where('id', '<', p.before).orderBy('id', 'desc').limit(p.limit).offset(p.offset),
);

export const countInvites = counting('countInvites', (db) => db.selectFrom('invites').select('id'));

/**
 * Decides whether somebody may register, and uses up the invite that it brings.
 *
 * @returns the invite's terms; undefined without one.
 * @throws DomainError `registration_closed`, `invite_required`, `invite_invalid`.
 */
export async function takeInvite(
  tx: Tx,
  mode: Config['registration'],
  code: string | undefined,
  now: number,
): Promise<{ readonly credits: number | null } | undefined> {
  if (mode === 'closed') {
    throw new DomainError('registration_closed', 'Registration is closed', 'Ask the operator of this server.');
  }
  if (code === undefined) {
    if (mode === 'open') return undefined;
    throw new DomainError(
      'invite_required',
      'Registration needs an invite here',
      'Send the code as "invite"; the operator of this server gives it out.',
    );
  }
  const invite = await tx.first(useInvite, { code_hash: hashKey(code), now });
  if (invite === undefined) {
    throw new DomainError(
      'invite_invalid',
      'This invite is not valid: it is unknown, used up, expired or revoked',
      'Ask the operator of this server for another.',
    );
  }
  return invite;
}
