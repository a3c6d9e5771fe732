import { type DeliveryStatus, webhookTestEvent } from '@pinchwork/sdk';
import { type Selectable, sql } from 'kysely';
import { counting, insertion, type Params, perShape, prepared } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';

/** The two kinds of deliveries that wait, word for word as their indexes have them. */
const isFresh = sql<boolean>`next_at is not null and tries = 0 and event_number is not null`;
const isAgain = sql<boolean>`next_at is not null and (tries > 0 or event_number is null)`;

export type DeliveryRow = Selectable<Schema['webhook_deliveries']>;

/**
 * Has an agent's events go to its webhook from the next one on (`on` 1), or no more (0). It takes the lock under which
 * events are numbered, so each event falls on one side of it.
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

/** The columns of a delivery that is made, and is to be sent. */
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

/** Has an endpoint served at `at`, or earlier if that was to be. */
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

/** Where an agent's deliveries go, and whether they may. */
export const webhookOf = prepared('webhookOf', (db, p: { agent_id: string }) =>
  db.selectFrom('agents').select(['webhook_url', 'webhook_secret', 'suspended_at']).where('id', '=', p.agent_id),
);

/** The earliest moment at which some endpoint is to be served. */
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

/** Takes endpoints whose time has come, those first that have waited longest, and none that another server takes. */
export const claimEndpoints = prepared(
  'claimEndpoints',
  (db, p: Lease & { failing: number; now: number; limit: number }, engine) =>
    db
      // Apart from the update, because PostgreSQL might carry out an inner query with a limit more than once.
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

/** Goes on serving an endpoint, if nobody has taken it since. `failing`: whether its last attempt failed, or was slow. */
export const renewLease = prepared('renewLease', (db, p: Lease & { agent_id: string; failing: number }) =>
  db
    .updateTable('webhook_endpoints')
    .set({ leased_until: p.leased_until, failing: p.failing })
    .where('agent_id', '=', p.agent_id)
    .where('leased_by', '=', p.leased_by),
);

/** Serves an endpoint no more. `due_at`: when it is to be served next; null: nothing waits. */
export const releaseEndpoint = prepared(
  'releaseEndpoint',
  (db, p: { agent_id: string; leased_by: string; due_at: number | null; rest_until: number }) =>
    db
      .updateTable('webhook_endpoints')
      .set({ due_at: p.due_at, rest_until: p.rest_until, leased_until: 0, leased_by: null })
      .where('agent_id', '=', p.agent_id)
      .where('leased_by', '=', p.leased_by),
);

/** Takes all leases away: for an embedded database, whose only server has just started. */
export const endLeases = prepared('endLeases', (db, p: { now: number }) =>
  db
    .updateTable('webhook_endpoints')
    .set({ leased_until: 0, leased_by: null })
    .where('failing', 'in', [sql.lit(0), sql.lit(1)])
    .where('ready_at', '>', p.now)
    .where('leased_by', 'is not', null),
);

/** What lies ahead of these times can't be so by itself. */
interface Bounds extends Params {
  due_before: number;
  leased_before: number;
}

/**
 * Endpoints that wait until `from` or later, and whether they are stuck: with an event that was never tried, and is due
 * only later; or with a lease that is too long.
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

/** Has an endpoint served at `due_at`, and by another server from `leased_until` on, if its own times lie too far ahead. */
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

/** Locks an endpoint as whoever serves it does, so that both meet here first. */
export const holdEndpoint = prepared('holdEndpoint', (db, p: { agent_id: string }, engine) =>
  engine.hold(db.selectFrom('webhook_endpoints').select('agent_id').where('agent_id', '=', p.agent_id)),
);

/** The first delivery that has not been tried: in the order of the events, which that of their times may not be. */
export const firstFresh = prepared('firstFresh', (db, p: { agent_id: string }) =>
  db
    .selectFrom('webhook_deliveries')
    .selectAll()
    .where('agent_id', '=', p.agent_id)
    .where(isFresh)
    .orderBy('event_number')
    .limit(1),
);

/** The first that is tried again, and tests. */
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

/** Notes what came of an attempt, unless the delivery has ended meanwhile. */
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

/** Has an endpoint served again that was left alone while its agent was suspended. */
export const resumeEndpoint = prepared('resumeEndpoint', (db, p: { agent_id: string; at: number }) =>
  db.updateTable('webhook_endpoints').set({ due_at: p.at }).where('agent_id', '=', p.agent_id),
);

/** Has a delivery sent now: anew if it has ended, else without waiting for its time. */
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

/** A page of an agent's deliveries, newest first. Those of a status are found by their index alone, and only then read. */
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

/** How many deliveries wait in all, counted up to `limit`: by the index of each kind, since far more have ended. */
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
