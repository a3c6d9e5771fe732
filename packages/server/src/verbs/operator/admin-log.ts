import type { AdminAction, AdminLogQuery, AdminLogResponse } from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { storedFields } from '../../ground/stored.ts';
import { wireTime } from '../../ground/clock.ts';
import { readPage } from '../../ground/paging.ts';
import * as queries from '../../rules/operator/queries.ts';
import type { Call } from '../context.ts';

/** All operators share one admin key; only the address tells them apart. */
const actor = 'admin';

export const actionView = (row: queries.ActionRow): AdminAction => ({
  id: row.id,
  action: row.action,
  subject: row.subject,
  actor,
  address: row.address,
  created_at: wireTime(row.created_at),
  before: storedFields(row.before),
  after: storedFields(row.after),
});

/** A page of the actions with the admin key, newest first. For the operator. */
export async function showAdminLog(
  { ctx }: Pick<Call, 'ctx'>,
  query: z.output<typeof AdminLogQuery>,
): Promise<AdminLogResponse> {
  const { rows, facts } = await readPage('adminLog', query, {
    start: ['~'],
    read: ({ sortKey: [before], ...range }) => ctx.db.all(queries.actionsPage, { before, ...range }),
    count: (limit) => ctx.db.one(queries.countActions, { limit }),
    sortKey: ({ id }) => [id],
    view: actionView,
  });
  return { actions: rows, ...facts };
}
