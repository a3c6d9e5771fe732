import type { DisputeStatus } from '@pinchwork/sdk/table';
import { type Selectable, sql } from 'kysely';
import { counting, insertion, prepared } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';

/** The SQL of disputes and of their judges' answers. All rows change under the lock of the disputed task. */

export type DisputeRow = Selectable<Schema['disputes']>;
export type SeatRow = Selectable<Schema['dispute_seats']>;

export const insertDispute = insertion(
  'disputes',
  'id',
  'task_id',
  'claim_number',
  'poster_id',
  'worker_id',
  'reason',
  'deposit',
  'charged',
  'judges',
  'default_share',
  'opened_at',
  'half_at',
  'deadline_at',
  'status',
  'look_at',
  'waits_since',
);

export const disputeById = prepared('disputeById', (db, p: { id: string }) =>
  db.selectFrom('disputes').selectAll().where('id', '=', p.id),
);

/** The open dispute of a task. */
export const openDisputeOf = prepared('openDisputeOf', (db, p: { task_id: string }) =>
  db.selectFrom('disputes').selectAll().where('task_id', '=', p.task_id).where('status', '=', sql.lit('open')),
);

export const countOpenOf = counting('countOpenDisputesOf', (db, p: { worker_id: string }) =>
  db
    .selectFrom('disputes')
    .select('disputes.deposit')
    .where('worker_id', '=', p.worker_id)
    .where('status', '=', sql.lit('open')),
);

/** The newest dispute of a task. */
export const newestDispute = prepared('newestDispute', (db, p: { task_id: string }) =>
  db.selectFrom('disputes').selectAll().where('task_id', '=', p.task_id).orderBy('claim_number', 'desc').limit(1),
);

/** The newest dispute that an agent began about a task. */
export const newestDisputeBy = prepared('newestDisputeBy', (db, p: { task_id: string; worker_id: string }) =>
  db
    .selectFrom('disputes')
    .selectAll()
    .where('task_id', '=', p.task_id)
    .where('worker_id', '=', p.worker_id)
    .orderBy('claim_number', 'desc')
    .limit(1),
);

interface Close extends Record<string, string | number | null> {
  id: string;
  status: DisputeStatus;
  worker_share: number | null;
  credits: number;
  explanation: string | null;
  now: number;
}

export const closeDispute = prepared('closeDispute', (db, p: Close) =>
  db
    .updateTable('disputes')
    .set({
      status: sql<DisputeStatus>`${p.status}`,
      worker_share: p.worker_share,
      credits: p.credits,
      explanation: p.explanation,
      resolved_at: p.now,
      look_at: null,
    })
    .where('id', '=', p.id)
    .where('status', '=', sql.lit('open')),
);

/** The seats of a dispute, in the order in which they were drawn. */
export const seatsOf = prepared('seatsOf', (db, p: { dispute_id: string }) =>
  db.selectFrom('dispute_seats').selectAll().where('dispute_id', '=', p.dispute_id).orderBy('task_id'),
);

export const seatById = prepared('seatById', (db, p: { task_id: string }) =>
  db.selectFrom('dispute_seats').selectAll().where('task_id', '=', p.task_id),
);

export const answerSeat = prepared(
  'answerSeat',
  (
    db,
    p: {
      task_id: string;
      status: 'answered' | 'late';
      worker_share: number;
      explanation: string;
      answered_at: number;
    },
  ) =>
    db
      .updateTable('dispute_seats')
      .set({
        status: sql<'answered' | 'late'>`${p.status}`,
        worker_share: p.worker_share,
        explanation: p.explanation,
        answered_at: p.answered_at,
      })
      .where('task_id', '=', p.task_id)
      .where('status', '=', sql.lit('open')),
);

/** Sets when the clock ends a dispute, and what the worker is then charged for. */
export const setDisputeEnd = prepared('setDisputeEnd', (db, p: { id: string; due_at: number; credits: number }) =>
  db.updateTable('tasks').set({ dispute_due_at: p.due_at, dispute_credits: p.credits }).where('id', '=', p.id),
);

/** The newest rejected deliveries of a claim, newest first. */
export const deliveriesOfClaim = prepared(
  'deliveriesOfClaim',
  (db, p: { task_id: string; claim_number: number; limit: number }) =>
    db
      .selectFrom('rejected_deliveries')
      .selectAll()
      .where('task_id', '=', p.task_id)
      .where('claim_number', '=', p.claim_number)
      .orderBy('version', 'desc')
      .limit(p.limit),
  { bounded: 'the rejected deliveries of one task' },
);

/** The newest messages of a claim, newest first. */
export const messagesOfClaim = prepared(
  'messagesOfClaim',
  (db, p: { task_id: string; claim_number: number; limit: number }) =>
    db
      .selectFrom('messages')
      .selectAll()
      .where('task_id', '=', p.task_id)
      .where('claim_number', '=', p.claim_number)
      .orderBy('id', 'desc')
      .limit(p.limit),
);

/**
 * The seat that an agent holds about a disputed task now: the dispute is open, and the agent has picked up the system
 * task and not answered it.
 */
export const heldSeat = prepared('heldSeat', (db, p: { disputed_id: string; judge: string }) =>
  db
    .selectFrom('dispute_seats')
    .innerJoin('tasks', 'tasks.id', 'dispute_seats.task_id')
    .innerJoin('disputes', 'disputes.id', 'dispute_seats.dispute_id')
    .select(['dispute_seats.dispute_id', 'tasks.status'])
    .where('disputes.status', '=', sql.lit('open'))
    .where('dispute_seats.disputed_id', '=', p.disputed_id)
    .where('dispute_seats.judge_id', '=', p.judge)
    .where('tasks.worker_id', '=', p.judge)
    .where('dispute_seats.answered_at', 'is', null),
);
