import { type ExpressionBuilder, sql } from 'kysely';
import type { Tx } from '../../storage/database.ts';
import { type Params, prepared } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';

/**
 * How far one agent trusts another, from 0 to 1, from their past tasks (contract section 5). Private: only the trusting
 * agent can read it.
 */
const initialScore = 0.5;
/** The part of the distance to 1 by which trust rises, and the part of itself by which it falls. */
const step = 0.1;

const raise = (score: number) => score + (1 - score) * step;
const lower = (score: number) => score * (1 - step);

interface TrustChange {
  /** The score after the first interaction of a pair. */
  readonly first: number;
  /** The same rule in SQL, applied to the stored score. */
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

/**
 * Changes one direction, or both if `mutual`: the smaller id's row first, the order in which every transaction locks.
 */
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

/** Raises the trust of two agents in each other, after an approval. */
export function raiseMutualTrust(tx: Tx, one: string, other: string, at: number): void {
  const [truster, trusted] = one < other ? [one, other] : [other, one];
  tx.send(raiseBoth, { truster, trusted, at });
}

/** Raises (`more`) or lowers (`less`) the truster's trust in the other agent; `at` becomes the time of the change. */
export function changeTrustIn(tx: Tx, pair: PairParams, change: 'more' | 'less'): void {
  tx.send(change === 'more' ? raiseOne : lowerOne, pair);
}
