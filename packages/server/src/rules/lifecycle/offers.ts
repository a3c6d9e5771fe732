import { sql } from 'kysely';
import type { Work } from '../../storage/ground.ts';
import { type Params, prepared } from '../../storage/prepared.ts';
import { statusIn } from '../../storage/status.ts';
import { present } from '../../ground/present.ts';
import { storedTexts } from '../../ground/stored.ts';
import { openStates, stateOf } from '../../ground/states.ts';
import { clockDue } from '../tasks/due.ts';
import { barredWith, isNotBarred } from '../tasks/guards.ts';
import { isForAgent } from '../tasks/offers.ts';
import { recordedColumns, type RecordedTask, type TaskExpressions } from '../tasks/queries.ts';
import { readTerms, setForAgents } from '../tasks/terms.ts';
import { platformStatements } from '../tasks/statements.ts';
import { moveCreditsAndRecord } from './transition.ts';

/** How agents leave a task that its poster has chosen them for (contract section 3a). */

interface Leaving extends Params {
  id: string;
  agent: string;
  now: number;
}

/**
 * Takes a chosen agent off a task. A task that nobody is left for expires as soon as it is on the board. The agent is
 * barred in the task's own row: a claim that has waited for this statement on PostgreSQL sees the new row of the task, but
 * `matches` as it was when the claim began.
 *
 * @param guard what must hold in addition.
 */
const leaving = (name: string, guard: (eb: TaskExpressions, p: Leaving) => ReturnType<TaskExpressions['and']>) =>
  prepared(name, (db, p: Leaving) =>
    db
      .updateTable('tasks')
      .set((eb) => ({
        match_count: eb('match_count', '-', 1),
        barred: barredWith(sql`${p.agent}`),
        expires_at: eb
          .case()
          .when(eb.and([eb('match_count', '=', 1), eb('expires_at', '>', p.now)]))
          .then(p.now)
          .else(eb.ref('expires_at'))
          .end(),
      }))
      .where('id', '=', p.id)
      .where('is_for_chosen', '=', 1)
      .where(statusIn('status', openStates))
      .where(isForAgent('tasks', p.agent))
      .where((eb) => guard(eb, p))
      .returning(recordedColumns),
  );

/**
 * The agent that works on a task cannot decline it, and nobody can once the clock is due. An agent that is barred has left
 * already: that is how a second decline, which waited for the first, learns of it.
 */
const decline = leaving('declineOffer', (eb, p) =>
  eb.and([
    eb('due_at', '>', p.now),
    eb.or([eb('worker_id', 'is', null), eb('worker_id', '<>', p.agent)]),
    isNotBarred(eb, { actor: p.agent }),
  ]),
);

const leave = leaving('leaveOffer', (eb) => eb.and([]));

const endMatch = prepared('endOfferedMatch', (db, p: { task_id: string; agent_id: string; at: number }) =>
  db
    .updateTable('matches')
    .set({ left_at: p.at, on_board: 0 })
    .where('task_id', '=', p.task_id)
    .where('agent_id', '=', p.agent_id),
);

/**
 * Lets a chosen agent decline a task. If nobody is left who may ever take it, it expires and is refunded.
 *
 * @returns whether it could: the task is for this agent, open, not due, and not in its own hands.
 */
export async function declineOffer(work: Work, taskId: string, agentId: string): Promise<boolean> {
  const task = await work.tx.first(decline, { id: taskId, agent: agentId, now: work.now });
  if (task !== undefined) await end(work, task, agentId);
  return task !== undefined;
}

/**
 * Takes an open task away from a chosen agent that must not get it again: it was excluded, or its account is deleted. Has
 * no effect on a task for everybody. Call it right after the statement that locks the task, before
 * `moveCreditsAndRecord`. A task that nobody is left for expires at once, or when it comes back to the board.
 */
export async function endOffer(work: Work, taskId: string, agentId: string): Promise<void> {
  const task = await work.tx.first(leave, { id: taskId, agent: agentId, now: work.now });
  if (task !== undefined) await end(work, task, agentId);
}

/**
 * The same for a task that a transition has just put on the board and that is still to be recorded. If nobody is left,
 * the clock expires it right after the commit, because one transaction can't record two transitions in lock order.
 */
export async function endOfferOnBoard(work: Work, taskId: string, agentId: string): Promise<void> {
  const task = await work.tx.first(leave, { id: taskId, agent: agentId, now: work.now });
  if (task === undefined) return;
  await forget(work, task, agentId);
  if (task.match_count === 0) work.tx.signal(clockDue);
}

async function end(work: Work, task: RecordedTask, agentId: string): Promise<void> {
  await forget(work, task, agentId);
  const { id, match_count, status } = task;
  if (match_count > 0 || !stateOf(status).isOnBoard) return;
  const expired = await work.tx.one(platformStatements.loseChosen, { id, now: work.now });
  await moveCreditsAndRecord(work, 'loseChosen', expired, { actorId: agentId, workerId: null });
}

async function forget({ tx, now }: Work, task: RecordedTask, agentId: string): Promise<void> {
  const { id } = task;
  const { for_agents } = await readTerms(tx, task);
  const left = storedTexts(present(for_agents, 'The chosen agents')).filter((each) => each !== agentId);
  tx.send(setForAgents, { task_id: id, for_agents: JSON.stringify(left) });
  tx.send(endMatch, { task_id: id, agent_id: agentId, at: now });
}
