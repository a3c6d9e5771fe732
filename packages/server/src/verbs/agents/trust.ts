import type { TrustQuery, TrustResponse } from '@pinchwork/sdk';
import { sql } from 'kysely';
import type { z } from 'zod';
import { wireTime } from '../../ground/clock.ts';
import { counted, countLimit, cutPage, decodeCursor } from '../../ground/paging.ts';
import { prepared } from '../../storage/prepared.ts';
import type { Call } from '../context.ts';

const trustPage = prepared('trustPage', (db, p: { truster: string; after: string; limit: number; offset: number }) =>
  db
    .selectFrom('trust')
    .select(['trusted_id', 'score', 'interactions', 'updated_at'])
    .where('truster_id', '=', p.truster)
    .where('trusted_id', '>', p.after)
    .orderBy('trusted_id')
    .limit(p.limit)
    .offset(p.offset),
);

const countTrust = prepared('countTrust', (db, p: { truster: string; limit: number }) =>
  db
    .selectFrom((eb) =>
      eb.selectFrom('trust').select('trusted_id').where('truster_id', '=', p.truster).limit(p.limit).as('counted'),
    )
    .select(sql<number>`count(*)`.as('total')),
);

/** Whom an agent has dealt with and how far it trusts them, in the order of their ids. */
export async function listTrust(call: Call, query: z.output<typeof TrustQuery>): Promise<TrustResponse> {
  const { ctx, agentId: truster } = call;
  const [after] = decodeCursor('trust', query, [''] as const);
  const [rows, total] = await Promise.all([
    ctx.db.all(trustPage, { truster, after, limit: query.limit + 1, offset: query.offset }),
    ctx.db.first(countTrust, { truster, limit: countLimit }),
  ]);
  const { page, next_cursor } = cutPage('trust', rows, query, (row) => [row.trusted_id]);
  return {
    trust_scores: page.map(({ trusted_id, score, interactions, updated_at }) => ({
      trusted_id,
      score: Math.round(score * 10_000) / 10_000,
      interactions,
      updated_at: wireTime(updated_at),
    })),
    ...counted(total!.total),
    next_cursor,
  };
}
