import { type DeliveryStatus, webhookTestEvent } from '@pinchwork/sdk';
import { type Selectable, sql } from 'kysely';
import { counting, insertion, type Params, perShape, prepared } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';

/** The two kinds of pending deliveries, with the same words as in the conditions of their partial indexes. */
const isFresh = sql<boolean>`next_at is not null and tries = 0 and event_number is not null`;
const isAgain = sql<boolean>`next_at is not null and (tries > 0 or event_number is null)`;

export type DeliveryRow = Selectable<Schema['webhook_deliveries']>;

/**
 * Turns an agent's webhook on, from its next event (`on` = 1), or off (0). It takes the lock under which events are
 * numbered, so that each event is clearly before or after the change.
 */
export const switchWebhook = prepared('switchWebhook', (db, p: { agent_id: string; on: number }) =>
  db
    .insertInto('event_cursors')
    .values({
      agent_id: p.agent_id,
      last_number: 0,
      webhook_from: sql<number | null>`case when ${p.on} = 1 then 1 end`,
    })
    .onConflict((conflict) =>
      conflict.column('agent_id').doUpdateSet({
        webhook_from: sql<number | null>`case when ${p.on} = 1
          then coalesce(event_cursors.webhook_from, event_cursors.last_number + 1) end`,
      }),
    ),
);

/** Inserts a pending delivery. */
export const insertDelivery = insertion(
  'webhook_deliveries',
  'agent_id',
  'id',
  'event_number',
  'event',
  'task_id',
  'data',
  'created_at',
  'status',
  'next_at',
);

/** Makes an endpoint due at `at`, unless it is due earlier. */
export const callEndpoint = prepared('callEndpoint', (db, p: { agent_id: string; at: number }) =>
  db
    .insertInto('webhook_endpoints')
    .values({ agent_id: p.agent_id, due_at: p.at })
    .onConflict((conflict) =>
      conflict.column('agent_id').doUpdateSet({
        due_at: sql<number>`case when webhook_endpoints.due_at < excluded.due_at
          then webhook_endpoints.due_at else excluded.due_at end`,
      }),
    ),
);

/** The address and secret of an agent's webhook, and whether the agent is suspended. */
export const webhookOf = prepared('webhookOf', (db, p: { agent_id: string }) =>
  db.selectFrom('agents').select(['webhook_url', 'webhook_secret', 'suspended_at']).where('id', '=', p.agent_id),
);

/** The earliest time at which an endpoint of a kind is to be served. */
export const nextReadyAt = prepared('nextReadyAt', (db, p: { failing: number }) =>
  db
    .selectFrom('webhook_endpoints')
    .select('ready_at')
    .where('failing', '=', p.failing)
    .where('ready_at', 'is not', null)
    .orderBy('ready_at')
    .limit(1),
);

interface Lease extends Params {
  leased_by: string;
  leased_until: number;
}

/** Leases at most `limit` ready endpoints, longest wait first, except those that another server is taking. */
export const claimEndpoints = prepared(
  'claimEndpoints',
  (db, p: Lease & { failing: number; now: number; limit: number }, engine) =>
    db
      // A CTE, because PostgreSQL may run a subquery with a limit more than once.
      .with('ready', (with_) =>
        engine.skipLocked(
          with_
            .selectFrom('webhook_endpoints')
            .select('agent_id')
            .where('failing', '=', p.failing)
            .where('ready_at', '<=', p.now)
            .orderBy('ready_at')
            .limit(p.limit),
          'webhook_endpoints',
        ),
      )
      .updateTable('webhook_endpoints')
      .set({ leased_by: p.leased_by, leased_until: p.leased_until })
      .where('agent_id', 'in', (eb) => eb.selectFrom('ready').select('agent_id'))
      .returning('agent_id'),
  { replan: true },
);

/** Extends a lease, if it still has the endpoint. `failing`: whether the last attempt failed or was slow. */
export const renewLease = prepared('renewLease', (db, p: Lease & { agent_id: string; failing: number }) =>
  db
    .updateTable('webhook_endpoints')
    .set({ leased_until: p.leased_until, failing: p.failing })
    .where('agent_id', '=', p.agent_id)
    .where('leased_by', '=', p.leased_by),
);

/** Ends a lease. `due_at`: when the endpoint is due next; null if no delivery is pending. */
export const releaseEndpoint = prepared(
  'releaseEndpoint',
  (db, p: { agent_id: string; leased_by: string; due_at: number | null; rest_until: number }) =>
    db
      .updateTable('webhook_endpoints')
      .set({ due_at: p.due_at, rest_until: p.rest_until, leased_until: 0, leased_by: null })
      .where('agent_id', '=', p.agent_id)
      .where('leased_by', '=', p.leased_by),
);

/** Ends all leases, at the start of the only server of an embedded database. */
export const endLeases = prepared('endLeases', (db, p: { now: number }) =>
  db
    .updateTable('webhook_endpoints')
    .set({ leased_until: 0, leased_by: null })
    .where('failing', 'in', [sql.lit(0), sql.lit(1)])
    .where('ready_at', '>', p.now)
    .where('leased_by', 'is not', null),
);

/** The latest times that are possible if no clock was set back. */
interface Bounds extends Params {
  due_before: number;
  leased_before: number;
}

/**
 * Endpoints that wait until `from` or later, each with whether it is stuck: its lease is too long, or it has an untried
 * delivery but is due only later.
 */
export const endpointsAhead = prepared(
  'endpointsAhead',
  (db, p: Bounds & { failing: number; from: number; chunk: number }) =>
    db
      .selectFrom('webhook_endpoints as e')
      .select((eb) => [
        'agent_id',
        'ready_at',
        sql<number>`case
          when leased_until > ${p.leased_before} then 1
          when due_at > ${p.due_before} and ${eb
            .selectFrom('webhook_deliveries as d')
            .select('event_number')
            .whereRef('d.agent_id', '=', 'e.agent_id')
            .where(isFresh)
            .limit(1)} is not null then 1
          else 0 end`.as('is_stuck'),
      ])
      .where('failing', '=', p.failing)
      .where('ready_at', '>=', p.from)
      .orderBy('ready_at')
      .limit(p.chunk),
);

/** Moves an endpoint's times that are too far in the future back to `due_at` and `leased_until`. */
export const freeEndpoint = prepared(
  'freeEndpoint',
  (db, p: Bounds & { agent_id: string; due_at: number; leased_until: number }) =>
    db
      .updateTable('webhook_endpoints')
      .set({
        due_at: sql<number>`case when due_at > ${p.due_before} then ${p.due_at} else due_at end`,
        leased_until: sql<number>`case when leased_until > ${p.leased_before} then ${p.leased_until} else leased_until end`,
      })
      .where('agent_id', '=', p.agent_id),
);

/** Locks an endpoint, as the deliverer does first, so that the two wait for each other here. */
export const holdEndpoint = prepared('holdEndpoint', (db, p: { agent_id: string }, engine) =>
  engine.hold(db.selectFrom('webhook_endpoints').select('agent_id').where('agent_id', '=', p.agent_id)),
);

/** The first untried delivery, by the number of its event, since times may be in another order. */
export const firstFresh = prepared('firstFresh', (db, p: { agent_id: string }) =>
  db
    .selectFrom('webhook_deliveries')
    .selectAll()
    .where('agent_id', '=', p.agent_id)
    .where(isFresh)
    .orderBy('event_number')
    .limit(1),
);

/** The first delivery that is to be tried again, or a test. */
export const firstAgain = prepared('firstAgain', (db, p: { agent_id: string }) =>
  db
    .selectFrom('webhook_deliveries')
    .selectAll()
    .where('agent_id', '=', p.agent_id)
    .where(isAgain)
    .orderBy('next_at')
    .orderBy('id')
    .limit(1),
);

/** Writes the outcome of an attempt, unless the delivery has already ended. */
export const noteAttempt = prepared(
  'noteAttempt',
  (
    db,
    p: {
      agent_id: string;
      id: string;
      status: DeliveryStatus;
      tries: number;
      next_at: number | null;
      forget_at: number | null;
      attempts: string;
    },
  ) =>
    db
      .updateTable('webhook_deliveries')
      .set({ status: p.status, tries: p.tries, next_at: p.next_at, forget_at: p.forget_at, attempts: p.attempts })
      .where('agent_id', '=', p.agent_id)
      .where('id', '=', p.id)
      .where('next_at', 'is not', null),
);

export const deliveryById = prepared('deliveryById', (db, p: { agent_id: string; id: string }) =>
  db.selectFrom('webhook_deliveries').selectAll().where('agent_id', '=', p.agent_id).where('id', '=', p.id),
);

/** Makes an endpoint due again after its agent's suspension. */
export const resumeEndpoint = prepared('resumeEndpoint', (db, p: { agent_id: string; at: number }) =>
  db.updateTable('webhook_endpoints').set({ due_at: p.at }).where('agent_id', '=', p.agent_id),
);

/** Makes a delivery due now. If it has ended, it starts again with no tries used. */
export const restartDelivery = prepared('restartDelivery', (db, p: { agent_id: string; id: string; at: number }) =>
  db
    .updateTable('webhook_deliveries')
    .set({
      tries: sql<number>`case when status = 'pending' then tries else 0 end`,
      status: 'pending',
      next_at: p.at,
      forget_at: null,
    })
    .where('agent_id', '=', p.agent_id)
    .where('id', '=', p.id)
    .returningAll(),
);

type DeliveryFilter = DeliveryStatus | 'any';

interface Page extends Params {
  agent_id: string;
  before: string;
  limit: number;
  offset: number;
}

/** A page of an agent's deliveries, newest first. With a status, the ids are found in an index before rows are read. */
export const deliveriesPage = perShape((status: DeliveryFilter) =>
  prepared(`deliveriesPage ${status}`, (db, p: Page) => {
    const page = db
      .selectFrom('webhook_deliveries')
      .where('agent_id', '=', p.agent_id)
      .where('id', '<', p.before)
      .orderBy('id', 'desc')
      .limit(p.limit)
      .offset(p.offset);
    if (status === 'any') return page.selectAll();
    return db
      .selectFrom('webhook_deliveries')
      .selectAll()
      .where('agent_id', '=', p.agent_id)
      .where('id', 'in', page.select('id').where('status', '=', sql.lit(status)))
      .orderBy('id', 'desc');
  }),
);

export const countDeliveries = perShape((status: DeliveryFilter) =>
  counting(`countDeliveries ${status}`, (db, p: { agent_id: string }) =>
    db
      .selectFrom('webhook_deliveries')
      .select('id')
      .$if(status !== 'any', (query) => query.where('status', '=', sql.lit(status as DeliveryStatus)))
      .where('agent_id', '=', p.agent_id),
  ),
);

/** The number of pending deliveries, at most `limit`. Reads the index of each kind, since far more have ended. */
export const countWaiting = counting('countWaiting', (db, p) =>
  db
    .selectFrom(
      [isFresh, isAgain]
        .map((isKind, i) =>
          db
            .selectFrom(db.selectFrom('webhook_deliveries').select('id').where(isKind).limit(p.limit).as(`kind_${i}`))
            .selectAll(),
        )
        .reduce((all, one) => all.unionAll(one))
        .as('waiting'),
    )
    .select('waiting.id'),
);

export const isTest = ({ event }: Pick<DeliveryRow, 'event'>) => event === webhookTestEvent;
