import { type DeliveryStatus, webhookTestEvent } from '@pinchwork/sdk/table';
import { type NotNull, type Selectable, sql } from 'kysely';
import { counting, insertion, type Params, perShape, prepared } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';

/** The two kinds of pending deliveries, with the same words as in the conditions of their partial indexes. */
export const isFresh = sql<boolean>`next_at is not null and tries = 0 and event_number is not null`;
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

/** Makes a receiver due at `at`, unless it is due earlier. */
export const callReceiver = prepared('callReceiver', (db, p: { agent_id: string; at: number }) =>
  db
    .insertInto('webhook_receivers')
    .values({ agent_id: p.agent_id, due_at: p.at })
    .onConflict((conflict) =>
      conflict.column('agent_id').doUpdateSet({
        due_at: sql<number>`case when webhook_receivers.due_at < excluded.due_at
          then webhook_receivers.due_at else excluded.due_at end`,
      }),
    ),
);

/** The address and secret of an agent's webhook, and whether the agent is suspended. */
export const webhookOf = prepared('webhookOf', (db, p: { agent_id: string }) =>
  db.selectFrom('agents').select(['webhook_url', 'webhook_secret', 'suspended_at']).where('id', '=', p.agent_id),
);

/** The first untried delivery, by the number of its event, since times may be in another order. */
export const firstFresh = prepared('firstFresh', (db, p: { agent_id: string }) =>
  db
    .selectFrom('webhook_deliveries')
    .selectAll()
    .where('agent_id', '=', p.agent_id)
    .where(isFresh)
    .$narrowType<{ next_at: NotNull }>()
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
    .$narrowType<{ next_at: NotNull }>()
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

/** Makes a receiver due again after its agent's suspension. */
export const resumeReceiver = prepared('resumeReceiver', (db, p: { agent_id: string; at: number }) =>
  db.updateTable('webhook_receivers').set({ due_at: p.at }).where('agent_id', '=', p.agent_id),
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
  counting(`countDeliveries ${status}`, (db, p: { agent_id: string }) => {
    const all = db.selectFrom('webhook_deliveries').select('id').where('agent_id', '=', p.agent_id);
    return status === 'any' ? all : all.where('status', '=', sql.lit(status));
  }),
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

/** The number of pending deliveries of an event without a number to a receiver, at most `limit`. */
export const countPending = counting('countPending', (db, p: { agent_id: string; event: string }) =>
  db
    .selectFrom('webhook_deliveries')
    .select('id')
    .where('agent_id', '=', p.agent_id)
    .where('event', '=', p.event)
    .where(isAgain)
    .orderBy('next_at'),
);

export const isTest = ({ event }: Pick<DeliveryRow, 'event'>) => event === webhookTestEvent;
