import type { TaskStatus } from '@pinchwork/sdk/table';
import { sql } from 'kysely';
import { namesOf } from '../../ground/present.ts';
import { endedStates, openStates, paidStates } from '../../ground/states.ts';
import { type Params, type Prepared, perShape, prepared } from '../../storage/prepared.ts';
import { statusIn } from '../../storage/status.ts';

/** The SQL of the deletion of agents: the agent's row, and where its texts are. */

/** An open task of an agent in a role: it waits for the agent, or others wait for it. */
export const openTaskOf = perShape((role: 'poster_id' | 'worker_id') =>
  prepared(`openTaskOf ${role}`, (db, p: { agent: string }) =>
    db
      .selectFrom('tasks')
      .select(['id', 'status'])
      .where(role, '=', p.agent)
      .where(statusIn('status', openStates))
      .limit(1),
  ),
);

/** The open tasks that name an agent in `for_agents`, page by page. */
export const offersOf = prepared('offersOf', (db, p: { agent: string; after: string; limit: number }) =>
  db
    .selectFrom('matches')
    .innerJoin('tasks', 'tasks.id', 'matches.task_id')
    .select('matches.task_id')
    .where('matches.agent_id', '=', p.agent)
    .where('matches.task_id', '>', p.after)
    .where('matches.rank', '<', sql.lit(0))
    .where('matches.left_at', 'is', null)
    .where(statusIn('tasks.status', openStates))
    .orderBy('matches.task_id')
    .limit(p.limit),
);

/** What the deletion needs to know of an agent, whose row it locks. */
export const holdForDeletion = prepared('holdForDeletion', (db, p: { id: string }, engine) =>
  engine.hold(db.selectFrom('agents').select(['id', 'words', 'deleted_at']).where('id', '=', p.id)),
);

interface Close extends Params {
  id: string;
  words: string;
  now: number;
  release_until: number;
  erase_due_at: number;
}

/**
 * Marks an agent as deleted and empties its profile. It counts as suspended from now on, so all that a suspension keeps
 * away from an agent stays away, and what it claims at this moment is released.
 */
export const closeAgent = prepared('closeAgent', (db, p: Close) =>
  db
    .updateTable('agents')
    .set({
      name: sql.lit('deleted'),
      good_at: null,
      own_tags: null,
      extracted_tags: '[]',
      is_named_helper: 0,
      folded: '',
      accepts_system_tasks: 0,
      webhook_url: null,
      webhook_secret: null,
      words: p.words,
      extraction_due_at: null,
      deleted_at: sql<number>`coalesce(deleted_at, ${p.now})`,
      suspended_at: sql<number>`coalesce(suspended_at, ${p.now})`,
      release_claims_until: p.release_until,
      erase_due_at: p.erase_due_at,
    })
    .where('id', '=', p.id),
);

/** Deleted agents of which something is to be removed now, the longest overdue first. */
export const agentsToErase = prepared('agentsToErase', (db, p: { now: number; limit: number }) =>
  db
    .selectFrom('agents')
    .select(['id', 'erase_due_at', 'deleted_at'])
    .where('erase_due_at', '<=', p.now)
    .where('erase_due_at', 'is not', null)
    .orderBy('erase_due_at')
    .orderBy('id')
    .limit(p.limit),
);

/** Sets when to look at a deleted agent again, unless another server has set it since it was read. */
export const setErasure = prepared('setErasure', (db, p: { id: string; was: number; due_at: number | null }) =>
  db.updateTable('agents').set({ erase_due_at: p.due_at }).where('id', '=', p.id).where('erase_due_at', '=', p.was),
);

/** A task with a text that the agent wrote. */
interface Written {
  readonly task_id: string;
  /** With the id, where the next page begins. */
  readonly at: number;
  /** Whether a report about the task is open. Its texts then stay with the operator. */
  readonly is_reported: number | boolean;
}

interface Page extends Params {
  agent: string;
  /** The last row of the page before. */
  after_at: number;
  after: string;
  limit: number;
}

const isReported = (taskId: string) => sql<number | boolean>`exists (
  select 1 from reports as r where r.task_id = ${sql.ref(taskId)} and r.status = 'open')`;

/** The agent's feedback on the task, as its worker, is there. */
const hasFeedback = sql<boolean>`exists (select 1 from reviews as v
  where v.task_id = tasks.id and v.reviewer_id = tasks.worker_id and v.feedback is not null)`;

/** The ended tasks of an agent in a state, with texts of it. */
const ended = (role: 'poster_id' | 'worker_id', status: TaskStatus) =>
  prepared(
    `tasksWritten ${role} ${status}`,
    (db, p: Page) =>
      db
        .selectFrom('tasks')
        .select(['id as task_id', 'created_at as at', isReported('tasks.id').as('is_reported')])
        .where(role, '=', p.agent)
        .where('status', '=', sql.lit(status))
        .where('kind', '=', sql.lit('work'))
        .where(role === 'poster_id' ? sql<boolean>`texts_removed is null` : hasFeedback)
        .where(sql<boolean>`(created_at, id) > (${p.after_at}, ${p.after})`)
        .orderBy('created_at')
        .orderBy('id')
        .limit(p.limit),
    { bounded: 'the ended tasks of one agent' },
  );

/** The tables with texts that an agent writes about tasks in any state: the author, and whether its text is there. */
const tables = {
  questions: { author: 'asker_id', isThere: sql<boolean>`question <> ''` },
  messages: { author: 'sender_id', isThere: sql<boolean>`message <> ''` },
  rejected_deliveries: { author: 'worker_id', isThere: sql<boolean>`result <> ''` },
  /** Deliveries that the operator cancelled before they were paid. */
  task_transitions: {
    author: 'worker_id',
    isThere: sql<boolean>`transition = 'cancelDelivered' and exists (select 1 from tasks as t
      where t.id = task_transitions.task_id and t.result is not null)`,
  },
} as const;

const inTable = (table: keyof typeof tables) =>
  prepared(
    `tasksWritten ${table}`,
    (db, p: Page) =>
      db
        // The types of one table stand for all: each has the columns below.
        .selectFrom(table as 'messages')
        .select(['task_id', sql<number>`0`.as('at'), isReported(`${table}.task_id`).as('is_reported')])
        .where(tables[table].author as 'sender_id', '=', p.agent)
        .where('task_id', '>', p.after)
        .where(tables[table].isThere)
        .orderBy('task_id')
        .limit(p.limit),
    { bounded: 'what one agent wrote' },
  );

/** Every query for the tasks with texts of an agent, page by page. A task may come several times. */
export const tasksWritten: readonly Prepared<Page, Written>[] = [
  ...endedStates.map((status) => ended('poster_id', status)),
  ...paidStates.map((status) => ended('worker_id', status)),
  ...namesOf(tables).map(inTable),
];

/** Empties the reasons of an agent's reports that are decided. */
export const emptyReports = prepared('emptyReports', (db, p: { agent: string }) =>
  db
    .updateTable('reports')
    .set({ reason: '' })
    .where('reporter_id', '=', p.agent)
    .where('status', '<>', 'open')
    .where('reason', '<>', ''),
);

export const openReportOf = prepared('openReportOf', (db, p: { agent: string }) =>
  db.selectFrom('reports').select('id').where('reporter_id', '=', p.agent).where('status', '=', 'open').limit(1),
);

/** Deletes the replies that are stored under an agent's idempotency keys. */
export const deleteReplies = prepared(
  'deleteReplies',
  (db, p: { scope: string }) => db.deleteFrom('idempotency_keys').where('scope', '=', p.scope),
  { bounded: "one agent's replies of the last 24 hours" },
);

/** Deletes some of the deliveries to an agent's webhook. */
export const deleteDeliveries = prepared('deleteDeliveries', (db, p: { agent: string; limit: number }) =>
  db
    .deleteFrom('webhook_deliveries')
    .where('agent_id', '=', p.agent)
    .where('id', 'in', (eb) =>
      eb
        .selectFrom('webhook_deliveries as d')
        .select('d.id')
        .where('d.agent_id', '=', p.agent)
        .orderBy('d.id')
        .limit(p.limit),
    ),
);
