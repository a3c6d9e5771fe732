import type { AdminAction, AdminLogQuery, AdminLogResponse } from '@pinchwork/sdk';
import type { z } from 'zod';
import { wireTime } from '../../ground/clock.ts';
import type { Call } from '../../context.ts';
import type { Tx } from '../../storage/database.ts';
import { counted, countLimit, cutPage, decodeCursor } from '../../ground/paging.ts';
import * as queries from './queries.ts';

/** There is one admin key, so all that is known of who holds it is the address. */
const actor = 'admin';

/** Something done with the admin key. What it found and what it left hold no keys. */
interface Action {
  readonly action: AdminAction['action'];
  /** The id of the agent or report that it was done to. */
  readonly subject: string;
  readonly before: Readonly<Record<string, unknown>>;
  readonly after: Readonly<Record<string, unknown>>;
}

/**
 * Writes an action into the operator's log, in the transaction that carries it out: what was refused or only answered
 * again leaves no row. An action that finds everything as it would have it is logged all the same.
 */
export function logAction(
  { ctx, address }: Pick<Call, 'ctx' | 'address'>,
  tx: Tx,
  { action, subject, before, after }: Action,
): void {
  tx.send(queries.insertAction, {
    id: ctx.newId('adminAction'),
    action,
    subject,
    address,
    before: JSON.stringify(before),
    after: JSON.stringify(after),
    created_at: ctx.clock.now(),
  });
}

const readObject = (json: string) => JSON.parse(json) as Record<string, unknown>;

const view = (row: queries.ActionRow): AdminAction => ({
  id: row.id,
  action: row.action,
  subject: row.subject,
  actor,
  address: row.address,
  created_at: wireTime(row.created_at),
  before: readObject(row.before),
  after: readObject(row.after),
});

/** What was done with the admin key, newest first. For the operator. */
export async function showAdminLog(
  { ctx }: Pick<Call, 'ctx'>,
  query: z.output<typeof AdminLogQuery>,
): Promise<AdminLogResponse> {
  const [before] = decodeCursor('adminLog', query, ['~'] as const);
  const [rows, total] = await Promise.all([
    ctx.db.all(queries.actionsPage, { before, limit: query.limit + 1, offset: query.offset }),
    ctx.db.first(queries.countActions, { limit: countLimit }),
  ]);
  const { page, next_cursor } = cutPage('adminLog', rows, query, ({ id }) => [id]);
  return { actions: page.map(view), ...counted(total!.total), next_cursor };
}
