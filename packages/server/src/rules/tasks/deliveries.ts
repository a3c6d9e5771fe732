import { sql } from 'kysely';
import { deliveringTransitions } from '../../ground/transitions.ts';
import { counting, type Params, perShape, preparedSql } from '../../storage/prepared.ts';

/**
 * The deliveries of a task: one for each row of its history that delivered. The row after it rejected it
 * (`rejected_deliveries`); the latest that was not rejected is in the task's own row.
 */

/** Which deliveries of a task an agent may read: all, or those of its own claims. */
export type DeliveryScope = 'all' | 'own';

export interface DeliveryRow {
  readonly version: number;
  readonly worker_id: string;
  readonly claim_number: number;
  readonly result: string | null;
  readonly credits_charged: number;
  readonly delivered_at: number;
  readonly rejected_at: number | null;
  readonly reason: string | null;
  readonly feedback: string | null;
}

interface Reach extends Params {
  task_id: string;
  agent: string;
  /** Versions greater than this … */
  after: number;
}

const isDelivery = sql`h.transition in (${sql.join(deliveringTransitions.map((name) => sql.lit(name)))})`;

const from = (p: Reach, scope: DeliveryScope) => sql`
  from task_transitions h join tasks t on t.id = h.task_id
    left join rejected_deliveries d on d.task_id = h.task_id and d.version = h.version + 1
  where h.task_id = ${p.task_id} and h.version > ${p.after} and ${isDelivery}
    ${scope === 'own' ? sql`and h.worker_id = ${p.agent}` : sql``}`;

const result = sql`case when d.version is null then t.result else d.result end`;

/** The next deliveries with the bytes of their texts, oldest first, without reading the texts. */
export const deliverySizes = perShape((scope: DeliveryScope) =>
  preparedSql<Reach & { limit: number; offset: number }, { version: number; bytes: number }>(
    `deliverySizes ${scope}`,
    (p) => sql`select h.version, coalesce(octet_length(${result}), 0) + coalesce(octet_length(d.reason), 0)
        + coalesce(octet_length(d.feedback), 0) as bytes
      ${from(p, scope)} order by h.version limit ${p.limit} offset ${p.offset}`,
  ),
);

/** The deliveries up to a version, oldest first. */
export const deliveriesUpto = perShape((scope: DeliveryScope) =>
  preparedSql<Reach & { upto: number; limit: number; offset: number }, DeliveryRow>(
    `deliveriesUpto ${scope}`,
    (p) => sql`select h.version, h.worker_id, h.claim_number, ${result} as result,
        coalesce(d.credits_charged, t.credits_charged) as credits_charged, h.at as delivered_at,
        d.rejected_at, d.reason, d.feedback
      ${from(p, scope)} and h.version <= ${p.upto} order by h.version limit ${p.limit} offset ${p.offset}`,
  ),
);

export const countDeliveries = perShape((scope: DeliveryScope) =>
  counting(`countDeliveries ${scope}`, (db, p: { task_id: string; agent: string }) =>
    db
      .selectFrom('task_transitions')
      .select('version')
      .where('task_id', '=', p.task_id)
      .where('transition', 'in', deliveringTransitions)
      .$if(scope === 'own', (query) => query.where('worker_id', '=', p.agent)),
  ),
);
