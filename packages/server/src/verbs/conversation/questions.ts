import {
  type AnswerRequest,
  limits,
  type QuestionRequest,
  type QuestionResponse,
  type QuestionsResponse,
  type ThreadQuery,
} from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { minuteMs, secondMs, wireTime } from '../../ground/clock.ts';
import type { Call } from '../context.ts';
import type { Tx } from '../../storage/database.ts';
import { conflict, DomainError, forbidden, questionNotFound, taskNotFound } from '../../ground/errors.ts';
import { appendEvent } from '../../rules/events/append.ts';
import { readPage } from '../../ground/paging.ts';
import { keptText } from '../../rules/texts/kept.ts';
import { taskById } from '../../rules/tasks/queries.ts';
import { isFor } from '../../rules/tasks/offers.ts';
import { isHidden } from '../../rules/tasks/refusal.ts';
import * as queries from '../../rules/conversation/queries.ts';
import { questionStates, stateOf, wordsFor } from '../../ground/states.ts';

/** A guess, since nobody knows when a poster will answer. */
const retryAfterSeconds = minuteMs / secondMs;

export const questionView = (row: queries.QuestionRow): QuestionResponse => ({
  id: row.id,
  task_id: row.task_id,
  asker_id: row.asker_id,
  question: row.question,
  answer: row.answer,
  created_at: wireTime(row.created_at),
  answered_at: wireTime(row.answered_at),
});

/**
 * Asks a question about a task on the board, and sends its poster an event (contract section 7).
 *
 * @throws DomainError `not_found`; `conflict` if the task is the caller's own or no longer posted;
 *   `too_many_questions` while `limits.openQuestions` questions wait for an answer, or `limits.openQuestionsPerAsker`
 *   of the caller's own.
 */
export function askQuestion(
  call: Call,
  taskId: string,
  { question }: z.output<typeof QuestionRequest>,
): Promise<QuestionResponse> {
  const { ctx, agentId } = call;
  return call.transact('ask', async (tx) => {
    const now = ctx.clock.now();
    const guard = { task_id: taskId, asker: agentId, now, most: limits.openQuestions };
    const task = await tx.first(queries.openQuestionIfRoom, guard);
    if (task === undefined) throw await refusalToAsk(tx, taskId, agentId, now);
    // Counted while the task is locked, so that simultaneous questions of one agent count each other.
    const own = { task_id: taskId, asker: agentId, limit: limits.openQuestionsPerAsker };
    if ((await tx.one(queries.openQuestionsOf, own)).total >= limits.openQuestionsPerAsker) throw tooManyOfOwn();
    // Drawn while the task is locked, so that the ids of its questions have the order of their commits.
    const id = ctx.newId('question');
    const event = { agentId: task.poster_id, taskId, type: 'task_question', data: { question_id: id } } as const;
    const row = { id, task_id: taskId, asker_id: agentId, question, created_at: now };
    tx.send(queries.insertQuestion, { ...row, asked_event: await appendEvent({ ctx, tx, now }, event) });
    return questionView({ ...row, answer: null, answered_at: null, asked_event: 0, answered_event: null });
  });
}

async function refusalToAsk(tx: Tx, taskId: string, agentId: string, now: number): Promise<DomainError> {
  const task = await tx.first(taskById, { id: taskId });
  if (task === undefined) return taskNotFound();
  if (task.poster_id === agentId) {
    return conflict(
      "You can't ask about your own task",
      'GET /v1/tasks/{id}/questions has what others have asked; answer it.',
    );
  }
  if ((await isHidden(tx, task)) || !(await isFor(tx, task, agentId))) return taskNotFound();
  if (task.kind !== 'work')
    return conflict("The platform's own tasks take no questions", 'Its need and context have all there is to know.');
  if (!questionStates.includes(task.status)) {
    return conflict(
      `The task is ${task.status}; questions can be asked only while it is ${wordsFor(questionStates)}`,
      'Its poster and its worker talk with POST /v1/tasks/{id}/messages.',
    );
  }
  if (task.due_at !== null && task.due_at <= now) {
    return conflict("The time of the task has run out, so it can't be asked about any more");
  }
  if (task.open_questions >= limits.openQuestions) {
    return new DomainError(
      'too_many_questions',
      `${limits.openQuestions} questions about this task wait for an answer already`,
      'Read them, yours may be among them; ask again once the poster has answered one.',
      { retryAfterSeconds },
    );
  }
  return conflict('The task was changed by another request at the same moment', 'Ask again.');
}

const tooManyOfOwn = () =>
  new DomainError(
    'too_many_questions',
    `${limits.openQuestionsPerAsker} questions of yours about this task wait for an answer already`,
    'Wait for an answer; other agents may ask too.',
    { retryAfterSeconds },
  );

/**
 * Answers a question about the caller's task, in any state of the task, and sends the asker an event. A question is
 * answered once.
 *
 * @throws DomainError `not_found`; `forbidden` if the caller is not the poster; `conflict` if it is already answered.
 */
export function answerQuestion(
  call: Call,
  taskId: string,
  questionId: string,
  { answer }: z.output<typeof AnswerRequest>,
): Promise<QuestionResponse> {
  const { ctx, agentId } = call;
  return call.transact('answer', async (tx) => {
    const now = ctx.clock.now();
    // The task first, the order of all transactions. If the question is already answered, the count is rolled back.
    if ((await tx.run(queries.closeQuestionOfPoster, { task_id: taskId, poster: agentId })) === 0) {
      if ((await tx.first(taskById, { id: taskId })) === undefined) throw taskNotFound();
      throw forbidden(
        "Only the task's poster can do that",
        'Use the key of the agent who posted the task. GET /v1/tasks/mine?role=poster lists yours.',
      );
    }
    const kept = (await keptText(tx, taskId, answer)) ?? '';
    const row = await tx.first(queries.answerIfUnanswered, { id: questionId, task_id: taskId, answer: kept, at: now });
    if (row === undefined) {
      const isThere = await tx.first(queries.questionOfTask, { id: questionId, task_id: taskId });
      if (isThere === undefined) throw questionNotFound();
      throw conflict(
        'The question has been answered already',
        'A question is answered once; its answer cannot be changed.',
      );
    }
    const data = { question_id: questionId };
    const event = { agentId: row.asker_id, taskId, type: 'question_answered', data } as const;
    tx.send(queries.noteAnswerEvent, { id: questionId, event: await appendEvent({ ctx, tx, now }, event) });
    return questionView(row);
  });
}

/**
 * The questions about a task with their answers, oldest first. While the task is posted, every agent that it is for sees all;
 * later the two parties see all, and an asker sees its own (contract section 2, "Who sees what").
 *
 * @throws DomainError `not_found` for all other agents.
 */
export async function listQuestions(
  call: Pick<Call, 'ctx' | 'agentId'>,
  taskId: string,
  query: z.output<typeof ThreadQuery>,
): Promise<QuestionsResponse> {
  const { ctx, agentId } = call;
  const task = await ctx.db.first(taskById, { id: taskId });
  if (task === undefined) throw taskNotFound();
  const isParty = task.poster_id === agentId || task.worker_id === agentId;
  if (!isParty && (await isHidden(ctx.db, task))) throw taskNotFound();
  const isOnBoard = stateOf(task.status).isOnBoard && (await isFor(ctx.db, task, agentId));
  const scope = isParty || isOnBoard ? 'all' : 'own';
  const thread = { task_id: taskId, agent: agentId };
  const { rows, facts } = await readPage('questions', query, {
    start: [''],
    read: ({ sortKey: [after], ...range }) => ctx.db.all(queries.questionsPage(scope), { ...thread, after, ...range }),
    count: (limit) => ctx.db.one(queries.countQuestions(scope), { ...thread, limit }),
    sortKey: ({ id }) => [id],
    view: questionView,
  });
  if (scope === 'own' && facts.total === 0) throw taskNotFound();
  return { questions: rows, ...facts };
}
