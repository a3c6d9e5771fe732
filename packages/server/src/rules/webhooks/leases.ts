import { sql } from 'kysely';
import { type Params, prepared } from '../../storage/prepared.ts';
import { isFresh } from './queries.ts';

/** The leases by which servers share the webhooks, and the times from which each webhook may be leased. */

/** The earliest time at which a receiver of a kind is to be served. */
export const nextReadyAt = prepared('nextReadyAt', (db, p: { failing: number }) =>
  db
    .selectFrom('webhook_receivers')
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

/** Leases at most `limit` ready receivers, longest wait first, except those that another server is taking. */
export const claimReceivers = prepared(
  'claimReceivers',
  (db, p: Lease & { failing: number; now: number; limit: number }, engine) =>
    db
      // A CTE, because PostgreSQL may run a subquery with a limit more than once.
      .with('ready', (with_) =>
        engine.skipLocked(
          with_
            .selectFrom('webhook_receivers')
            .select('agent_id')
            .where('failing', '=', p.failing)
            .where('ready_at', '<=', p.now)
            .orderBy('ready_at')
            .limit(p.limit),
          'webhook_receivers',
        ),
      )
      .updateTable('webhook_receivers')
      .set({ leased_by: p.leased_by, leased_until: p.leased_until })
      .where('agent_id', 'in', (eb) => eb.selectFrom('ready').select('agent_id'))
      .returning('agent_id'),
  { replan: true },
);

/** Extends a lease, if it still has the receiver. `failing`: whether the last attempt failed or was slow. */
export const renewLease = prepared('renewLease', (db, p: Lease & { agent_id: string; failing: number }) =>
  db
    .updateTable('webhook_receivers')
    .set({ leased_until: p.leased_until, failing: p.failing })
    .where('agent_id', '=', p.agent_id)
    .where('leased_by', '=', p.leased_by)
    .returning(['agent_id', 'status', 'since', 'dead_in_row', 'probe_id']),
);

/**
 * Ends a lease. `due_at`: when the receiver is due next; null if no delivery is pending. `rest_until`: nothing is sent
 * before this time, although deliveries may be due.
 */
export const releaseReceiver = prepared(
  'releaseReceiver',
  (db, p: { agent_id: string; leased_by: string; due_at: number | null; rest_until: number }) =>
    db
      .updateTable('webhook_receivers')
      .set({ due_at: p.due_at, rest_until: p.rest_until, leased_until: 0, leased_by: null })
      .where('agent_id', '=', p.agent_id)
      .where('leased_by', '=', p.leased_by),
);

/** Ends all leases, at the start of the only server of an embedded database. */
export const endLeases = prepared('endLeases', (db, p: { now: number }) =>
  db
    .updateTable('webhook_receivers')
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
 * Receivers that wait until `from` or later, each with whether it is stuck: its lease is too long, or it has an untried
 * delivery but is due only later.
 */
export const receiversAhead = prepared(
  'receiversAhead',
  (db, p: Bounds & { failing: number; from: number; chunk: number }) =>
    db
      .selectFrom('webhook_receivers as e')
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

/** Moves a receiver's times that are too far in the future back to `due_at` and `leased_until`. */
export const freeReceiver = prepared(
  'freeReceiver',
  (db, p: Bounds & { agent_id: string; due_at: number; leased_until: number }) =>
    db
      .updateTable('webhook_receivers')
      .set({
        due_at: sql<number>`case when due_at > ${p.due_before} then ${p.due_at} else due_at end`,
        leased_until: sql<number>`case when leased_until > ${p.leased_before} then ${p.leased_until} else leased_until end`,
      })
      .where('agent_id', '=', p.agent_id),
);
