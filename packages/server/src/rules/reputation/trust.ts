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

/** A rating that goes with an interaction; nothing if there is none. */
interface Given extends Params {
  /** 1 or 0. */
  ratings: number;
  stars: number;
}

interface PairParams extends Given {
  truster: string;
  trusted: string;
  at: number;
}

/** The tables that an upsert of trust may name. */
type Conflict = Schema & { excluded: Schema['trust'] };

const onConflict = (change: TrustChange, at: number) => (eb: ExpressionBuilder<Conflict, 'trust' | 'excluded'>) => ({
  score: change.next(storedScore),
  interactions: eb('trust.interactions', '+', 1),
  updated_at: at,
  ratings: eb('trust.ratings', '+', eb.ref('excluded.ratings')),
  stars: eb('trust.stars', '+', eb.ref('excluded.stars')),
});

/**
 * Changes one direction, or both if `mutual`: the smaller id's row first, the order in which every transaction locks.
 */
const changeTrust = (name: string, change: TrustChange, { mutual }: { mutual: boolean }) =>
  prepared(name, (db, p: PairParams & { ratings_back: number; stars_back: number }) => {
    const row = (truster_id: string, trusted_id: string, { ratings, stars }: Given) => ({
      truster_id,
      trusted_id,
      score: change.first,
      interactions: 1,
      updated_at: p.at,
      ratings,
      stars,
    });
    const given = { ratings: p.ratings, stars: p.stars };
    const back = { ratings: p.ratings_back, stars: p.stars_back };
    return db
      .insertInto('trust')
      .values(
        mutual ? [row(p.truster, p.trusted, given), row(p.trusted, p.truster, back)] : row(p.truster, p.trusted, given),
      )
      .onConflict((conflict) => conflict.columns(['truster_id', 'trusted_id']).doUpdateSet(onConflict(change, p.at)));
  });

const raiseBoth = changeTrust('raiseTrustOfBoth', up, { mutual: true });
const raiseOne = changeTrust('raiseTrust', up, { mutual: false });
const lowerOne = changeTrust('lowerTrust', down, { mutual: false });

const none: Given = { ratings: 0, stars: 0 };
const givenBack = ({ ratings, stars }: Given) => ({ ratings_back: ratings, stars_back: stars });

/** Raises the trust of two agents in each other, after an approval, and notes the rating that the first gave. */
export function raiseMutualTrust(
  tx: Tx,
  { rater, rated, rating }: { rater: string; rated: string; rating: number | null },
  at: number,
): void {
  const given = rating === null ? none : { ratings: 1, stars: rating };
  const params =
    rater < rated
      ? { truster: rater, trusted: rated, ...given, ...givenBack(none) }
      : { truster: rated, trusted: rater, ...none, ...givenBack(given) };
  tx.send(raiseBoth, { ...params, at });
}

/**
 * Raises (`more`) or lowers (`less`) the truster's trust in the other agent; `at` becomes the time of the change.
 *
 * @param rating the rating of the other agent that goes with it.
 */
export function changeTrustIn(
  tx: Tx,
  pair: { truster: string; trusted: string; at: number },
  change: 'more' | 'less',
  rating: number | null = null,
): void {
  const given = rating === null ? none : { ratings: 1, stars: rating };
  tx.send(change === 'more' ? raiseOne : lowerOne, { ...pair, ...given, ...givenBack(none) });
}

/** Adds a rating to a pair's row, which an approval or a rejection has made. Trust itself does not move. */
export const noteRatingOf = prepared('noteRatingOf', (db, p: { truster: string; trusted: string; stars: number }) =>
  db
    .updateTable('trust')
    .set((eb) => ({ ratings: eb('ratings', '+', 1), stars: eb('stars', '+', p.stars) }))
    .where('truster_id', '=', p.truster)
    .where('trusted_id', '=', p.trusted),
);
