import type { WebhookStatus } from '@pinchwork/sdk/table';
import { type Selectable, sql } from 'kysely';
import { counting, perShape, prepared } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';

/** The SQL of receivers' status: active, or held until they answer a test. */

export type Receiver = Pick<
  Selectable<Schema['webhook_receivers']>,
  'agent_id' | 'status' | 'since' | 'dead_in_row' | 'probe_id'
>;

/** Locks a receiver, as the deliverer does first, so that the two wait for each other here. */
export const holdReceiver = prepared('holdReceiver', (db, p: { agent_id: string }, engine) =>
  engine.hold(
    db
      .selectFrom('webhook_receivers')
      .select(['agent_id', 'status', 'since', 'dead_in_row', 'probe_id'])
      .where('agent_id', '=', p.agent_id),
  ),
);

/** Locks an agent's event cursor. It comes before the lock of the receiver, for a transaction that needs both. */
export const holdCursor = prepared('holdCursor', (db, p: { agent_id: string }, engine) =>
  engine.hold(db.selectFrom('event_cursors').select('agent_id').where('agent_id', '=', p.agent_id)),
);

/** The status of an agent's receiver and the filter of its events. */
export const webhookState = prepared('webhookState', (db, p: { agent_id: string }) =>
  db
    .selectFrom('event_cursors')
    .leftJoin('webhook_receivers', 'webhook_receivers.agent_id', 'event_cursors.agent_id')
    .select(['webhook_receivers.status', 'event_cursors.webhook_events'])
    .where('event_cursors.agent_id', '=', p.agent_id),
);

/**
 * Gives a receiver a status and forgets what was known of its address. A lease that a server holds stays.
 *
 * @param p `due_at`: when the receiver is due; null: at `now` if deliveries are pending, else not at all.
 */
export const setReceiver = prepared(
  'setReceiver',
  (db, p: { agent_id: string; status: WebhookStatus; probe_id: string | null; due_at: number | null; now: number }) =>
    db
      .insertInto('webhook_receivers')
      .values({
        agent_id: p.agent_id,
        due_at: p.due_at,
        rest_until: 0,
        failing: 0,
        status: p.status,
        since: p.now,
        dead_in_row: 0,
        probe_id: p.probe_id,
      })
      .onConflict((conflict) =>
        conflict.column('agent_id').doUpdateSet({
          due_at: sql<number | null>`coalesce(excluded.due_at,
            case when webhook_receivers.due_at is not null then excluded.since end)`,
          rest_until: 0,
          failing: 0,
          status: p.status,
          since: p.now,
          dead_in_row: 0,
          probe_id: p.probe_id,
        }),
      ),
);

/** Pauses a receiver. What is known of its address stays. */
export const pauseReceiver = prepared('pauseReceiver', (db, p: { agent_id: string; probe_id: string; now: number }) =>
  db
    .updateTable('webhook_receivers')
    .set({ status: sql.lit('paused'), since: p.now, probe_id: p.probe_id })
    .where('agent_id', '=', p.agent_id),
);

/** Lets a held receiver have its deliveries, which are due at once. */
export const activateReceiver = prepared('activateReceiver', (db, p: { agent_id: string; now: number }) =>
  db
    .updateTable('webhook_receivers')
    .set({ status: sql.lit('active'), since: p.now, dead_in_row: 0, probe_id: null, due_at: p.now, rest_until: 0 })
    .where('agent_id', '=', p.agent_id),
);

/** Writes how many deliveries in a row have ended dead. */
export const noteDeadInRow = prepared('noteDeadInRow', (db, p: { agent_id: string; dead_in_row: number }) =>
  db.updateTable('webhook_receivers').set({ dead_in_row: p.dead_in_row }).where('agent_id', '=', p.agent_id),
);

/** Writes that a held receiver is tested no more. */
export const endProbe = prepared('endProbe', (db, p: { agent_id: string }) =>
  db.updateTable('webhook_receivers').set({ probe_id: null }).where('agent_id', '=', p.agent_id),
);

/** The oldest pending deliveries of an agent. */
export const oldestWaiting = prepared('oldestWaiting', (db, p: { agent_id: string; limit: number }) =>
  db
    .selectFrom('webhook_deliveries')
    .selectAll()
    .where('agent_id', '=', p.agent_id)
    .where('status', '=', sql.lit('pending'))
    .orderBy('id')
    .limit(p.limit),
);

/** Deletes a pending delivery that was never tried. */
export const deleteUntried = prepared('deleteUntried', (db, p: { agent_id: string; id: string }) =>
  db
    .deleteFrom('webhook_deliveries')
    .where('agent_id', '=', p.agent_id)
    .where('id', '=', p.id)
    .where('next_at', 'is not', null)
    .where('tries', '=', 0),
);

/** Ends a pending delivery that was tried. */
export const endTried = prepared('endTried', (db, p: { agent_id: string; id: string; forget_at: number }) =>
  db
    .updateTable('webhook_deliveries')
    .set({ status: 'dead', next_at: null, forget_at: p.forget_at })
    .where('agent_id', '=', p.agent_id)
    .where('id', '=', p.id)
    .where('next_at', 'is not', null)
    .where('tries', '>', 0),
);

/** How many receivers are held with a status, counted up to a limit. */
export const countHeld = perShape((status: Exclude<WebhookStatus, 'active'>) =>
  counting(`countHeld ${status}`, (db) =>
    db
      .selectFrom('webhook_receivers')
      .select('agent_id')
      .where('status', '=', sql.lit(status))
      // The condition of the partial index, which SQLite does not infer.
      .where('status', '<>', sql.lit('active')),
  ),
);
