import type { AdminAction, AdminLogQuery, AdminLogResponse } from '@pinchwork/sdk';
import type { z } from 'zod';
import { wireTime } from '../../ground/clock.ts';
import { counted, countLimit, cutPage, decodeCursor } from '../../ground/paging.ts';
import * as queries from '../../rules/operator/queries.ts';
import type { Call } from '../context.ts';

/** There is one admin key, so all that is known of who holds it is the address. */
const actor = 'admin';

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
