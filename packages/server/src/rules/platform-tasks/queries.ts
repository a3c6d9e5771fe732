import { platformId } from '@pinchwork/sdk';
import { sql } from 'kysely';
import { prepared } from '../../storage/prepared.ts';
import { boardStates, reviewStates } from '../../ground/states.ts';
import { transitions } from '../../ground/machine.ts';
import { statusIn } from '../../storage/status.ts';
import { recordedColumns } from '../tasks/queries.ts';

/** Who posts the platform's own tasks: made with the first of them. It has no key and no account. */
export const ensurePlatform = prepared('ensurePlatform', (db, p: { now: number }) =>
  db
    .insertInto('agents')
    .values({ id: platformId, name: 'Pinchwork', created_at: p.now })
    .onConflict((conflict) => conflict.doNothing()),
);

/** A task of the platform's own, on its way to whoever takes them. */
export const insertSystemTask = prepared(
  'insertSystemTask',
  (
    db,
    p: {
      id: string;
      kind: 'match' | 'verify' | 'extract';
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
        // Its text is made when somebody reads it (`render.ts`).
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

/** In this order they are handed out. */
export const kindOrder = ['match', 'verify', 'extract'] as const;

/** The platform's tasks that wait for somebody and are about nothing of this agent's: of each kind the oldest. */
export const waitingSystemTasks = prepared(
  'waitingSystemTasks',
  (db, p: { agent: string; now: number; limit: number }) =>
    kindOrder
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
                // For a value: else PostgreSQL may read all tasks of the agent to compare them.
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

/**
 * Notes upon a task who has been asked to match or check it, unless that is one of its parties. In its own row, so that
 * the claim of the task itself, at the very same moment, is guarded by it.
 */
export const noteInspector = prepared(
  'noteInspector',
  (db, p: { id: string; agent: string; verifier: string | null }) =>
    db
      .updateTable('tasks')
      .set({
        inspectors: sql<string>`case when replace(inspectors, ${p.agent}, '') = inspectors
          then inspectors || ${p.agent} || ' ' else inspectors end`,
        verifier_id: sql<string | null>`coalesce(${p.verifier}, verifier_id)`,
      })
      .where('id', '=', p.id)
      .where('poster_id', '<>', p.agent)
      .where(sql<boolean>`worker_id is distinct from ${p.agent}`),
);

/** Puts what was found of a delivery beside it, if it is still the one that was looked at. */
export const setVerification = prepared(
  'setVerification',
  (db, p: { id: string; version: number; verification: string }) =>
    db
      .updateTable('tasks')
      .set({ verification: p.verification, verifying_id: null })
      .where('id', '=', p.id)
      .where('version', '=', p.version)
      .where(statusIn('status', reviewStates))
      .returning(['poster_id', 'worker_id']),
);

/** Agents' rows, held in the order of their ids. */
export const holdAgents = prepared('holdTwoAgents', (db, p: { one: string; other: string }, engine) =>
  engine.hold(db.selectFrom('agents').select(['id', 'good_at']).where('id', 'in', [p.one, p.other]).orderBy('id')),
);

/** Notes when an agent was asked about, or is to be: what is null was not, and is not to be. */
export const noteExtraction = prepared(
  'noteExtraction',
  (db, p: { id: string; posted_at: number | null; due_at: number | null }) =>
    db
      .updateTable('agents')
      .set({ extraction_posted_at: p.posted_at, extraction_due_at: p.due_at })
      .where('id', '=', p.id),
);

/** An agent that is to be asked about by now, held. */
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

/** Whether anybody but this agent takes the platform's tasks. */
export const anyOtherHelper = prepared('anyOtherHelper', (db, p: { id: string }) =>
  db
    .selectFrom('agents')
    .select('id')
    .where('accepts_system_tasks', '=', sql.lit(1))
    .where('suspended_at', 'is', null)
    .where('id', '<>', p.id)
    .limit(1),
);
