import { type Selectable, sql } from 'kysely';
import { counting, insertion, perShape, prepared } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';
import { isSuspended } from '../tasks/queries.ts';
import { questionStates } from '../../ground/states.ts';
import { statusIn } from '../../storage/status.ts';

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
      .where(statusIn('status', questionStates))
      .where('kind', '=', sql.lit('work'))
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

/** Of all agents, or of one of them alone. */
type Scope = 'all' | 'own';

interface ThreadParams extends Record<string, string | number> {
  task_id: string;
  /** Whose questions, or of whose claims the messages; looked at for the scope `own` alone. */
  agent: string;
}

interface PageParams extends ThreadParams {
  /** The id behind which the page begins. */
  after: string;
  limit: number;
  offset: number;
}

/** A page of a task's questions, oldest first. */
export const questionsPage = perShape((scope: Scope) =>
  prepared(`questionsPage ${scope}`, (db, p: PageParams) =>
    db
      .selectFrom('questions')
      .selectAll()
      .where('task_id', '=', p.task_id)
      .$if(scope === 'own', (query) => query.where('asker_id', '=', p.agent))
      .where('id', '>', p.after)
      .orderBy('id')
      .limit(p.limit)
      .offset(p.offset),
  ),
);

export const countQuestions = perShape((scope: Scope) =>
  counting(`countQuestions ${scope}`, (db, p: ThreadParams) =>
    db
      .selectFrom('questions')
      .select('id')
      .where('task_id', '=', p.task_id)
      .$if(scope === 'own', (query) => query.where('asker_id', '=', p.agent)),
  ),
);

/** A task as a message finds it: held, so that the claim that the message is for does not end under it. */
export const holdTask = prepared('holdTask', (db, p: { id: string }, engine) =>
  engine.hold(
    db
      .selectFrom('tasks')
      .select(['id', 'kind', 'status', 'due_at', 'poster_id', 'worker_id', 'claim_number'])
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

/** A page of a task's messages, oldest first: all, or those of one worker's claims. */
export const messagesPage = perShape((scope: Scope) =>
  prepared(`messagesPage ${scope}`, (db, p: PageParams) =>
    db
      .selectFrom('messages')
      .selectAll()
      .where('task_id', '=', p.task_id)
      .$if(scope === 'own', (query) => query.where('worker_id', '=', p.agent))
      .where('id', '>', p.after)
      .orderBy('id')
      .limit(p.limit)
      .offset(p.offset),
  ),
);

export const countMessages = perShape((scope: Scope) =>
  counting(`countMessages ${scope}`, (db, p: ThreadParams) =>
    db
      .selectFrom('messages')
      .select('id')
      .where('task_id', '=', p.task_id)
      .$if(scope === 'own', (query) => query.where('worker_id', '=', p.agent)),
  ),
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
