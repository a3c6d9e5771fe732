import { sql } from 'kysely';
import { transitions } from '../../ground/machine.ts';
import { transition, transitionNames } from '../../ground/transitions.ts';
import { insertion, numberedText, type Params, perShape, preparedSql } from '../../storage/prepared.ts';
import { type Between, bounded, payments } from './queries.ts';

/** The SQL of prices: what approved tasks cost under each of their tags, and how long they took. */

/** The transitions that approve an agent's task. A ruling is none of them. */
const approvals = transitionNames.filter((name) => transition(name).standing === 'approval');

export interface Sale {
  readonly id: string;
  readonly tags: string;
  readonly poster_id: string;
  readonly worker_id: string;
  readonly created_at: number;
  readonly first_claim: number;
  readonly last_claim: number;
  readonly delivered_at: number;
  readonly approved_at: number;
  readonly credits: number;
}

/** What was approved in a range of transfers, among tasks with tags. */
export const salesBetween = preparedSql<Between, Sale>(
  'salesBetween',
  (p) => sql`select * from (
    select t.id, t.tags, t.poster_id, t.worker_id, t.created_at, t.delivered_at, t.credits_charged as credits,
      (select c.at from task_transitions c where c.task_id = t.id and c.transition = ${sql.lit(claim)}
        order by c.version limit 1) as first_claim,
      (select c.at from task_transitions c where c.task_id = t.id and c.transition = ${sql.lit(claim)}
        order by c.version desc limit 1) as last_claim,
      (select a.at from task_transitions a where a.task_id = t.id and a.version = t.version
        and (${sql.join(
          approvals.map((name) => sql`a.transition = ${sql.lit(name)}`),
          sql` or `,
        )})) as approved_at
    from (${payments(p)}) as s cross join tasks t
    where t.id = s.task_id and t.tags <> '[]' and t.delivered_at is not null) as sales
    where approved_at is not null`,
  { ...bounded, replan: true },
);
const claim = 'claim' satisfies keyof typeof transitions;

export const insertPrice = insertion(
  'market_prices',
  'tag',
  'approved_at',
  'task_id',
  'poster_id',
  'worker_id',
  'credits',
  'to_claim_ms',
  'to_delivery_ms',
  'to_approval_ms',
);

interface Pair extends Params {
  tag: string;
  poster_id: string;
  worker_id: string;
  /** How many to keep. */
  most: number;
}

/** Removes the older prices of a poster and a worker under a tag. */
export const trimPrices = preparedSql<Pair, unknown>(
  'trimPrices',
  (
    p,
  ) => sql`delete from market_prices where tag = ${p.tag} and poster_id = ${p.poster_id} and worker_id = ${p.worker_id}
    and (approved_at, task_id) <= (select o.approved_at, o.task_id from market_prices o
      where o.tag = ${p.tag} and o.poster_id = ${p.poster_id} and o.worker_id = ${p.worker_id}
      order by o.approved_at desc, o.task_id desc limit 1 offset ${p.most})`,
  { bounded: 'the few prices of one poster and worker under a tag' },
);

/** Removes the oldest prices under a tag. */
export const trimTag = preparedSql<{ tag: string; most: number }, unknown>(
  'trimTag',
  (p) => sql`delete from market_prices where tag = ${p.tag} and (approved_at, task_id) <= (
    select o.approved_at, o.task_id from market_prices o where o.tag = ${p.tag}
      order by o.approved_at desc, o.task_id desc limit 1 offset ${p.most})`,
  { bounded: 'the prices that are kept under a tag' },
);

export interface Price {
  readonly credits: number;
  readonly to_claim_ms: number;
  readonly to_delivery_ms: number;
  readonly to_approval_ms: number;
}

/** The newest prices of tasks with `count` tags, among the newest `examine` with the first. */
export const pricesOf = perShape((shape: `${number}/${number}`) => {
  const [count = 1, examine = 1] = shape.split('/').map(Number);
  return preparedSql<Params & { limit: number }, Price>(
    `pricesOf ${shape}`,
    (p) => {
      const others = Array.from(
        { length: count - 1 },
        (_, i) => sql`(select o.task_id from market_prices o where o.tag = ${numberedText(p, 'tag', i + 1)}
          and o.approved_at = m.approved_at and o.task_id = m.task_id) is not null`,
      );
      return sql`select m.credits, m.to_claim_ms, m.to_delivery_ms, m.to_approval_ms from (
          select * from market_prices where tag = ${numberedText(p, 'tag', 0)}
          order by approved_at desc, task_id desc limit ${sql.lit(examine)}) as m
        where ${sql.join([sql`1 = 1`, ...others], sql` and `)}
        order by m.approved_at desc, m.task_id desc limit ${p.limit}`;
    },
    { bounded: 'the newest `examine` prices with a tag' },
  );
});
