import { type Kysely, type Selectable, sql } from 'kysely';
import { insertion, type Params, type Prepared, prepared } from '../db/prepared.ts';
import type { Schema } from '../db/schema.ts';
import { isSuspended } from '../tasks/queries.ts';

export type QuestionRow = Selectable<Schema['questions']>;
export type MessageRow = Selectable<Schema['messages']>;

/**
 * Counts one more open question on a task, if somebody other than its poster may ask now and not too many wait for an
 * answer already. The count is the guard: however many ask at once, no more get through than there is room for.
 */
export const openQuestionIfRoom = prepared(
  'openQuestionIfRoom',
  (db, p: { task_id: string; asker: string; now: number; most: number }) =>
    db
      .updateTable('tasks')
      .set((eb) => ({ open_questions: eb('open_questions', '+', 1) }))
      .where('id', '=', p.task_id)
      .where('status', '=', sql.lit('posted'))
      .where('due_at', '>', p.now)
      .where('poster_id', '<>', p.asker)
      .where('open_questions', '<', p.most)
      .where((eb) => eb.not(isSuspended(eb, 'poster_id')))
      .returning('poster_id'),
);

export const insertQuestion = insertion(
  'questions',
  'id',
  'task_id',
  'asker_id',
  'question',
  'created_at',
  'asked_event',
);

/** Counts one open question less, if the task is this poster's. Holds the task: its answers come one after the other. */
export const closeQuestionOfPoster = prepared('closeQuestionOfPoster', (db, p: { task_id: string; poster: string }) =>
  db
    .updateTable('tasks')
    .set((eb) => ({ open_questions: eb('open_questions', '-', 1) }))
    .where('id', '=', p.task_id)
    .where('poster_id', '=', p.poster),
);

export const answerIfUnanswered = prepared(
  'answerIfUnanswered',
  (db, p: { id: string; task_id: string; answer: string; at: number }) =>
    db
      .updateTable('questions')
      .set({ answer: p.answer, answered_at: p.at })
      .where('id', '=', p.id)
      .where('task_id', '=', p.task_id)
      .where('answer', 'is', null)
      .returningAll(),
);

export const noteAnswerEvent = prepared('noteAnswerEvent', (db, p: { id: string; event: number }) =>
  db.updateTable('questions').set({ answered_event: p.event }).where('id', '=', p.id),
);

export const questionOfTask = prepared('questionOfTask', (db, p: { id: string; task_id: string }) =>
  db.selectFrom('questions').select('id').where('id', '=', p.id).where('task_id', '=', p.task_id),
);

/** All of what was said about a task, or what concerns one agent alone. */
export type Part = 'all' | 'own';

interface ThreadParams extends Params {
  task_id: string;
  /** Whom `own` is about. */
  agent: string;
  limit: number;
}

interface PageParams extends ThreadParams {
  /** The id behind which the page begins. */
  after: string;
  offset: number;
}

/** How a list of what was said is read, oldest first, and how long it is, counted up to `limit`. */
export interface Thread<Row> {
  readonly page: Readonly<Record<Part, Prepared<PageParams, Row>>>;
  readonly count: Readonly<Record<Part, Prepared<ThreadParams, { total: number }>>>;
}

function thread<T extends 'questions' | 'messages'>(table: T, owner: string): Thread<Selectable<Schema[T]>> {
  // Both tables have the columns that are named here.
  const select = (db: Kysely<Schema>, part: Part, p: ThreadParams) => {
    const ofTask = db.selectFrom(table as 'questions').where('task_id', '=', p.task_id);
    return part === 'all' ? ofTask : ofTask.where(sql.ref(owner), '=', p.agent);
  };
  const page = (part: Part) =>
    prepared(`page of ${part} ${table}`, (db, p: PageParams) =>
      select(db, part, p).selectAll().where('id', '>', p.after).orderBy('id').limit(p.limit).offset(p.offset),
    ) as unknown as Prepared<PageParams, Selectable<Schema[T]>>;
  const count = (part: Part) =>
    prepared(`count of ${part} ${table}`, (db, p: ThreadParams) =>
      db
        .selectFrom(select(db, part, p).select('id').limit(p.limit).as('counted'))
        .select(sql<number>`count(*)`.as('total')),
    );
  return { page: { all: page('all'), own: page('own') }, count: { all: count('all'), own: count('own') } };
}

/** The questions about a task: all, or one asker's. */
export const questions = thread('questions', 'asker_id');

/** The messages about a task: all, or those of one worker's claims. */
export const messages = thread('messages', 'worker_id');

/** A task as a message finds it: held, so that the claim that the message is for does not end under it. */
export const holdTask = prepared('holdTask', (db, p: { id: string }, engine) =>
  engine.hold(
    db
      .selectFrom('tasks')
      .select(['id', 'status', 'due_at', 'poster_id', 'worker_id', 'claim_number'])
      .where('id', '=', p.id),
  ),
);

export const insertMessage = insertion(
  'messages',
  'id',
  'task_id',
  'claim_number',
  'worker_id',
  'sender_id',
  'message',
  'created_at',
  'event',
);

/** A claim that an agent has, or once had, on a task. */
export const claimBy = prepared('claimBy', (db, p: { task_id: string; worker: string }) =>
  db
    .selectFrom('task_transitions')
    .select('claim_number')
    .where('task_id', '=', p.task_id)
    .where('worker_id', '=', p.worker)
    .limit(1),
);
