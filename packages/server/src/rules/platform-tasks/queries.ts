import type { SystemTaskKind } from '@pinchwork/sdk/table';
import { sql } from 'kysely';
import { prepared } from '../../storage/prepared.ts';
import { boardStates, reviewStates } from '../../ground/states.ts';
import { transitions } from '../../ground/machine.ts';
import { statusIn } from '../../storage/status.ts';
import { isActiveHelper } from '../agents/helpers.ts';
import { barredWith } from '../tasks/guards.ts';
import { recordedColumns } from '../tasks/queries.ts';

/** Inserts a posted system task. */
export const insertSystemTask = prepared(
  'insertSystemTask',
  (
    db,
    p: {
      id: string;
      kind: SystemTaskKind;
      poster_id: string;
      about_id: string;
      about_version: number | null;
      candidates: string | null;
      max_credits: number;
      created_at: number;
      expires_at: number;
    },
  ) =>
    db
      .insertInto('tasks')
      .values({
        id: p.id,
        kind: p.kind,
        poster_id: p.poster_id,
        about_id: p.about_id,
        about_version: p.about_version,
        candidates: p.candidates,
        // The text is made when the task is read (`render.ts`).
        need: '',
        tags: '[]',
        max_credits: p.max_credits,
        fee_ppm: 0,
        status: transitions.postSystem.to,
        version: 1,
        created_at: p.created_at,
        expires_at: p.expires_at,
      })
      .returning(recordedColumns),
);

export const noteMatching = prepared('noteMatching', (db, p: { id: string; matching_id: string }) =>
  db.updateTable('tasks').set({ matching_id: p.matching_id }).where('id', '=', p.id),
);

export const noteVerifying = prepared('noteVerifying', (db, p: { id: string; verifying_id: string }) =>
  db.updateTable('tasks').set({ verifying_id: p.verifying_id }).where('id', '=', p.id),
);

/** The order in which system tasks are handed out. */
export const kindOrder = ['judge', 'match', 'verify', 'extract'] as const;
const infraKinds = ['match', 'verify', 'extract'] as const;

/** Posted system tasks that are not about this agent or a task of its own: the oldest `limit` of each kind. */
export const waitingSystemTasks = prepared(
  'waitingSystemTasks',
  (db, p: { agent: string; now: number; limit: number }) =>
    infraKinds
      .map((kind) =>
        db
          .selectFrom(
            db
              .selectFrom('tasks')
              .select(['id', 'kind', 'created_at'])
              .where(statusIn('status', boardStates))
              .where('kind', '<>', sql.lit('work'))
              .where('kind', '=', sql.lit(kind))
              .where('due_at', '>', p.now)
              .where(
                // A scalar subquery: for a join, PostgreSQL may read all tasks of the agent.
                sql<boolean>`(select about.id from tasks as about where about.id = tasks.about_id
                  and (about.poster_id = ${p.agent} or about.worker_id = ${p.agent})) is null`,
              )
              .where('about_id', '<>', p.agent)
              .orderBy('created_at')
              .orderBy('id')
              .limit(p.limit)
              .as(kind),
          )
          .selectAll(),
      )
      .reduce((all, one) => all.unionAll(one)),
);

/** The seats on the board that an agent was drawn for, with their system tasks. */
export const waitingSeats = prepared('waitingSeats', (db, p: { agent: string; now: number; limit: number }) =>
  db
    .selectFrom('dispute_seats')
    .innerJoin('tasks', 'tasks.id', 'dispute_seats.task_id')
    .select(['tasks.id', 'tasks.kind', 'tasks.created_at'])
    .where('judge_id', '=', p.agent)
    .where('dispute_seats.status', '=', sql.lit('open'))
    .where(statusIn('tasks.status', boardStates))
    .where('due_at', '>', p.now)
    .orderBy('dispute_seats.task_id')
    .limit(p.limit),
);

/**
 * Adds an agent to the `barred` of a task: the agents that had a system task about it and may not claim it. Changes
 * no row if the agent is a party.
 */
export const noteInspector = prepared(
  'noteInspector',
  (db, p: { id: string; agent: string; verifier: string | null }) =>
    db
      .updateTable('tasks')
      .set({
        barred: barredWith(sql`${p.agent}`),
        verifier_id: sql<string | null>`coalesce(${p.verifier}, verifier_id)`,
      })
      .where('id', '=', p.id)
      .where('poster_id', '<>', p.agent)
      .where(sql<boolean>`worker_id is distinct from ${p.agent}`)
      .returning('is_for_chosen'),
);

/** Stores the verification of a delivery, if the task still has that delivery and waits for its review. */
export const setVerification = prepared(
  'setVerification',
  (db, p: { id: string; version: number; verification: string }) =>
    db
      .updateTable('tasks')
      .set({
        verification: sql<string | null>`case when texts_removed is null then ${p.verification} end`,
        verifying_id: null,
      })
      .where('id', '=', p.id)
      .where('version', '=', p.version)
      .where(statusIn('status', reviewStates))
      .returning(['poster_id', 'worker_id', 'texts_removed']),
);

/** Locks two agents' rows in the order of their ids. */
export const holdAgents = prepared('holdTwoAgents', (db, p: { one: string; other: string }, engine) =>
  engine.hold(
    db.selectFrom('agents').select(['id', 'good_at', 'own_tags']).where('id', 'in', [p.one, p.other]).orderBy('id'),
  ),
);

/** Sets when the last extract task about an agent was posted and when the next is due; null for never. */
export const noteExtraction = prepared(
  'noteExtraction',
  (db, p: { id: string; posted_at: number | null; due_at: number | null }) =>
    db
      .updateTable('agents')
      .set({ extraction_posted_at: p.posted_at, extraction_due_at: p.due_at })
      .where('id', '=', p.id),
);

/** Locks the agent whose extract task is due first, if it is due by `now`. */
export const nextDueExtraction = prepared('nextDueExtraction', (db, p: { now: number }, engine) =>
  engine.hold(
    db
      .selectFrom('agents')
      .select(['id', 'good_at', 'accepts_system_tasks', 'extraction_posted_at'])
      .where('extraction_due_at', '<=', p.now)
      .orderBy('extraction_due_at')
      .orderBy('id')
      .limit(1),
  ),
);

/** An active infra agent other than this one, if there is any. */
export const anyOtherHelper = prepared('anyOtherHelper', (db, p: { id: string; least_named: number }) =>
  db.selectFrom('agents').select('id').where(isActiveHelper('agents', p.least_named)).where('id', '<>', p.id).limit(1),
);
