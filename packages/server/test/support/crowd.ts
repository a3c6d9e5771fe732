import type { Engine } from './engines.ts';
import type { Agent, Market } from './market.ts';

/**
 * Inserts `count` tasks directly into the database, each a second older than the next, all older than any time of the
 * market's clock.
 *
 * @param need the text of a task, in SQL; `i` is the task's number, from 1, the oldest.
 */
export async function crowd(
  engine: Engine,
  market: Market,
  poster: Agent,
  { count, need = `'Nothing of note, number ' || i` }: { readonly count: number; readonly need?: string },
): Promise<void> {
  const now = market.clock.now();
  await engine.vandalise(
    market.url,
    `with recursive n (i) as (select 1 union all select i + 1 from n where i < ${count})
     insert into tasks (id, poster_id, need, tags, max_credits, fee_ppm, status, version, created_at, expires_at)
     select 'tk-' || substr('000000000000' || i, length('000000000000' || i) - 11), '${poster.id}', ${need}, '[]', 1, 0,
       'posted', 1, ${now} - 1000 * (${count} - i + 60), ${now + 24 * 3_600_000} from n`,
    ...(engine.name === 'PostgreSQL' ? ['analyze'] : []),
  );
}
