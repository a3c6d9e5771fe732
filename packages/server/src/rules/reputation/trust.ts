import type { TrustQuery, TrustResponse } from '@pinchwork/sdk';
import { type ExpressionBuilder, sql } from 'kysely';
import type { z } from 'zod';
import { wireTime } from '../../ground/clock.ts';
import type { Call } from '../../context.ts';
import type { Tx } from '../../storage/database.ts';
import { type Params, prepared } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';
import { counted, countLimit, cutPage, decodeCursor } from '../../ground/paging.ts';

/**
 * How far one agent trusts another, from 0 to 1, by what they have done together (contract section 5). Private: only
 * the one who trusts ever reads it.
 */
const initialScore = 0.5;
/** Up: so much of the way to 1. Down: what is left after so much is taken away. */
const step = 0.1;

const raise = (score: number) => score + (1 - score) * step;
const lower = (score: number) => score * (1 - step);

interface TrustChange {
  /** The score of a pair that meets for the first time, after this. */
  readonly first: number;
  /** The same rule in SQL, upon the score that is there. */
  readonly next: (score: typeof storedScore) => ReturnType<typeof sql<number>>;
}

const storedScore = sql.ref<number>('trust.score');
const up: TrustChange = {
  first: raise(initialScore),
  next: (score) => sql<number>`${score} + (1 - ${score}) * ${sql.lit(step)}`,
};
const down: TrustChange = {
  first: lower(initialScore),
  next: (score) => sql<number>`${score} * ${sql.lit(1 - step)}`,
};

interface PairParams extends Params {
  truster: string;
  trusted: string;
  at: number;
}

const onConflict = (change: TrustChange, at: number) => (eb: ExpressionBuilder<Schema, 'trust'>) => ({
  score: change.next(storedScore),
  interactions: eb('trust.interactions', '+', 1),
  updated_at: at,
});

/** Changes one direction, or with `mutual` both, those of the smaller id first: every transaction locks in that order. */
const changeTrust = (name: string, change: TrustChange, { mutual }: { mutual: boolean }) =>
  prepared(name, (db, p: PairParams) => {
    const row = (truster_id: string, trusted_id: string) => ({
      ...{ truster_id, trusted_id, score: change.first, interactions: 1, updated_at: p.at },
    });
    return db
      .insertInto('trust')
      .values(mutual ? [row(p.truster, p.trusted), row(p.trusted, p.truster)] : row(p.truster, p.trusted))
      .onConflict((conflict) => conflict.columns(['truster_id', 'trusted_id']).doUpdateSet(onConflict(change, p.at)));
  });

const raiseBoth = changeTrust('raiseTrustOfBoth', up, { mutual: true });
const raiseOne = changeTrust('raiseTrust', up, { mutual: false });
const lowerOne = changeTrust('lowerTrust', down, { mutual: false });

/** An approval: both trust each other more. */
export function raiseMutualTrust(tx: Tx, one: string, other: string, at: number): void {
  const [truster, trusted] = one < other ? [one, other] : [other, one];
  tx.send(raiseBoth, { truster, trusted, at });
}

/** One trusts the other more, or less. */
export function changeTrustIn(tx: Tx, truster: string, trusted: string, more: boolean, at: number): void {
  tx.send(more ? raiseOne : lowerOne, { truster, trusted, at });
}

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
