import { sql } from 'kysely';
import { numberedCount, numberedText, type Params, perShape, prepared } from '../../storage/prepared.ts';

/**
 * A window that has ended, or that ends later than any window that begins now. The latter means that the clock was set
 * back; the window must not last longer for that.
 */
const ended = ({ now, latest }: { now: number; latest: number }) =>
  sql<boolean>`(rate_windows.ends_at <= ${now} or rate_windows.ends_at > ${latest})`;

/** Counts a request in its window, or begins a new window; no row if the limit is used up. */
export const takeStrictly = prepared(
  'takeStrictly',
  (db, p: { key: string; now: number; ends_at: number; latest: number; limit: number }) =>
    db
      .insertInto('rate_windows')
      .values({ key: p.key, count: 1, ends_at: p.ends_at })
      .onConflict((conflict) =>
        conflict
          .column('key')
          .doUpdateSet({
            count: sql<number>`case when ${ended(p)} then 1 else rate_windows.count + 1 end`,
            ends_at: sql<number>`case when ${ended(p)} then excluded.ends_at else rate_windows.ends_at end`,
          })
          .where((eb) => eb.or([ended(p), eb('rate_windows.count', '<', p.limit)])),
      )
      .returning(['count', 'ends_at']),
);

/** The windows with the keys of a JSON list, also those that have ended. */
export const windowsOf = prepared('windowsOf', (db, p: { keys: string }, engine) =>
  db.selectFrom('rate_windows').selectAll().where(engine.isListed('key', p.keys)),
);

interface TallyParams extends Params {
  now: number;
  /** The latest possible end of a window of this length. */
  latest: number;
}

/** Adds `tallies` tallies to their windows: parameters `key_0`, `count_0`, `ends_at_0`, `key_1`, … */
export const addTallies = perShape((tallies: number) =>
  prepared(`add${tallies}Tallies`, (db, p: TallyParams) =>
    db
      .insertInto('rate_windows')
      .values(
        Array.from({ length: tallies }, (_, i) => ({
          key: numberedText(p, 'key', i),
          count: numberedCount(p, 'count', i),
          ends_at: numberedCount(p, 'ends_at', i),
        })),
      )
      .onConflict((conflict) =>
        conflict.column('key').doUpdateSet({
          count: sql<number>`case when ${ended(p)} then excluded.count else rate_windows.count + excluded.count end`,
          ends_at: sql<number>`case when ${ended(p)} then excluded.ends_at else rate_windows.ends_at end`,
        }),
      )
      .returning(['key', 'count', 'ends_at']),
  ),
);
