import { type Selectable, sql } from 'kysely';
import { counting, insertion, perShape, prepared } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';
import { isForAgent } from '../tasks/offers.ts';
import { isSuspended } from '../tasks/queries.ts';
import { questionStates } from '../../ground/states.ts';
import { statusIn } from '../../storage/status.ts';

export type QuestionRow = Selectable<Schema['questions']>;
export type MessageRow = Selectable<Schema['messages']>;

/**
 * Adds one to a task's open questions, if the asker may ask now and fewer than `most` are open. The counter is the
 * guard, so that the limit holds for simultaneous questions too.
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
      .where(isForAgent('tasks', p.asker))
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

/** The number of an agent's questions about a task that wait for an answer. */
export const openQuestionsOf = counting('openQuestionsOf', (db, p: { task_id: string; asker: string }) =>
  db
    .selectFrom('questions')
    .select('id')
    .where('task_id', '=', p.task_id)
    .where('asker_id', '=', p.asker)
    .where('answer', 'is', null),
);

/**
 * Subtracts one from the open questions of this poster's task. Locks the task, so that answers come one after
 * another.
 */
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

/** Rows of all agents, or only of one. */
type Scope = 'all' | 'own';

interface ThreadParams extends Record<string, string | number> {
  task_id: string;
  /** For the scope `own`: the asker of the questions, or the worker of the claims that messages belong to. */
  agent: string;
}

interface PageParams extends ThreadParams {
  /** The page begins after this id. */
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

/** A page of a task's messages, oldest first: all, or those that belong to one worker's claims. */
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
