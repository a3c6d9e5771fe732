import type { TrustQuery, TrustResponse } from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { wireTime } from '../../ground/clock.ts';
import { readPage } from '../../ground/paging.ts';
import { counting, prepared } from '../../storage/prepared.ts';
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

const countTrust = counting('countTrust', (db, p: { truster: string }) =>
  db.selectFrom('trust').select('trusted_id').where('truster_id', '=', p.truster),
);

/** The caller's trust in the agents that it has dealt with, in the order of their ids (contract section 5). */
export async function listTrust(call: Call, query: z.output<typeof TrustQuery>): Promise<TrustResponse> {
  const { ctx, agentId: truster } = call;
  const { rows, facts } = await readPage('trust', query, {
    start: [''],
    read: ({ sortKey: [after], ...range }) => ctx.db.all(trustPage, { truster, after, ...range }),
    count: (limit) => ctx.db.one(countTrust, { truster, limit }),
    sortKey: ({ trusted_id }) => [trusted_id],
    view: ({ trusted_id, score, interactions, updated_at }) => ({
      trusted_id,
      score: Math.round(score * 10_000) / 10_000,
      interactions,
      updated_at: wireTime(updated_at),
    }),
  });
  return { trust_scores: rows, ...facts };
}
