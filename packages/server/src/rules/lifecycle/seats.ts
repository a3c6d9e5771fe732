import { sql } from 'kysely';
import { prepared } from '../../storage/prepared.ts';
import type { Work } from '../../storage/ground.ts';

/** The seats of judges (contract section 3a), as far as transitions of tasks change them. */

/** Tells the job on this server that a dispute is to be looked at. */
export const disputeDue = Symbol('a dispute is due');

/** Locks the disputed task that a judge's system task is about. */
export const holdDisputedOf = prepared('holdDisputedOf', (db, p: { id: string }, engine) =>
  engine.hold(
    db
      .selectFrom('tasks')
      .select(['tasks.id', 'tasks.due_at', 'tasks.texts_removed'])
      .where('tasks.id', '=', (eb) =>
        eb.selectFrom('dispute_seats').select('disputed_id').where('dispute_seats.task_id', '=', p.id),
      ),
  ),
);

const loseSeat = prepared('loseSeat', (db, p: { task_id: string }) =>
  db
    .updateTable('dispute_seats')
    .set({ status: sql.lit('lost') })
    .where('task_id', '=', p.task_id)
    .where('status', '=', sql.lit('open'))
    .returning('dispute_id'),
);

const lookAtDispute = prepared('lookAtDispute', (db, p: { id: string; now: number }) =>
  db.updateTable('disputes').set({ look_at: p.now }).where('id', '=', p.id).where('status', '=', sql.lit('open')),
);

/**
 * Notes that a judge has lost its seat: another is drawn. Locks the disputed task, so call it right after the transition
 * of the system task.
 */
export async function noteLostSeat(work: Work, systemTaskId: string): Promise<void> {
  await work.tx.first(holdDisputedOf, { id: systemTaskId });
  await closeSeat(work, systemTaskId);
}

/** The same in a transaction that has locked the disputed task. */
export async function closeSeat({ tx, now }: Work, systemTaskId: string): Promise<void> {
  const seat = await tx.first(loseSeat, { task_id: systemTaskId });
  if (seat === undefined) return;
  tx.send(lookAtDispute, { id: seat.dispute_id, now });
  tx.signal(disputeDue);
}

/** The system tasks of the judges that a disputed task still waits for. */
export const awaitedSeats = prepared('awaitedSeats', (db, p: { disputed_id: string }) =>
  db
    .selectFrom('dispute_seats')
    .select('task_id')
    .where('disputed_id', '=', p.disputed_id)
    .where('status', '=', sql.lit('open'))
    .orderBy('task_id'),
);

/** The seats of a judge that it has not answered, after one of them. */
export const seatsOfJudge = prepared('seatsOfJudge', (db, p: { judge: string; after: string; limit: number }) =>
  db
    .selectFrom('dispute_seats')
    .select('task_id')
    .where('judge_id', '=', p.judge)
    .where('task_id', '>', p.after)
    .where('status', '=', sql.lit('open'))
    .orderBy('task_id')
    .limit(p.limit),
);

/** Notes that an agent had a claim on a task of another, for the choice of judges. */
export const noteDealing = prepared('noteDealing', (db, p: { worker_id: string; poster_id: string }) =>
  db
    .insertInto('dealings')
    .values({ worker_id: p.worker_id, poster_id: p.poster_id })
    .onConflict((conflict) => conflict.doNothing()),
);
