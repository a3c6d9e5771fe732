import type { TalkEvents } from '@pinchwork/sdk/table';
import { type RawBuilder, sql } from 'kysely';
import { type Check, check, type Finding, isUntold, within } from './check.ts';

/** The invariants of questions, answers and messages. */

const type = (name: keyof TalkEvents) => sql.lit(name);
const taskId = 't.id';

/** The recipient of a message `m` about a task `t`: the party that did not send it. */
const reader = sql`case when m.sender_id = t.poster_id then m.worker_id else t.poster_id end`;

interface Owed {
  /** The join of the table, with the alias that `recipient` and `number` use. */
  readonly said: RawBuilder<unknown>;
  readonly id: RawBuilder<unknown>;
  readonly recipient: RawBuilder<unknown>;
  readonly number: RawBuilder<unknown>;
  readonly event: keyof TalkEvents;
}

const told = (what: string, { said, id, recipient, number, event }: Owed) =>
  check(
    `every ${what} was told`,
    (scope) => sql<Finding>`
      select t.id as subject, ${id} || ' told ' || ${recipient} || ' nothing' as detail
      from tasks t join ${said}
      where ${within(taskId, scope)} and ${isUntold(recipient, number, type(event))}`,
  );

/** Checks over ranges of tasks. */
export const talkChecks: readonly Check[] = [
  check(
    "a task's stored count of open questions is right",
    (scope) => sql`
      select id as subject, 'says ' || open_questions || ', has ' || has as detail from (
        select t.id, t.open_questions,
          (select count(*) from questions q where q.task_id = t.id and q.answer is null) as has
        from tasks t where ${within(taskId, scope)}
      ) as compared
      where open_questions <> has`,
  ),
  told('question', {
    said: sql`questions q on q.task_id = t.id`,
    id: sql`q.id`,
    recipient: sql`t.poster_id`,
    number: sql`q.asked_event`,
    event: 'task_question',
  }),
  told('answer', {
    said: sql`questions q on q.task_id = t.id and q.answer is not null`,
    id: sql`q.id`,
    recipient: sql`q.asker_id`,
    number: sql`q.answered_event`,
    event: 'question_answered',
  }),
  told('message', {
    said: sql`messages m on m.task_id = t.id`,
    id: sql`m.id`,
    recipient: reader,
    number: sql`m.event`,
    event: 'task_message',
  }),
];

/** The id in the data of an event `e`, whose only field is `field`. Used to look up the row. */
const named = (field: string) => sql`replace(replace(e.data, ${sql.lit(`{"${field}":"`)}, ''), '"}', '')`;

/** Whether an event `e` of the agent `g` is about a question, an answer or a message to this agent. */
export const tellsOfTalk = sql`
  case when e.type in (${type('task_question')}, ${type('question_answered')}) then exists (
    select 1 from questions q join tasks t on t.id = q.task_id
    where q.id = ${named('question_id')} and q.task_id = e.task_id and (
      (e.type = ${type('task_question')} and q.asked_event = e.number and t.poster_id = g.id)
      or (e.type = ${type('question_answered')} and q.answered_event = e.number and q.asker_id = g.id)))
  when e.type = ${type('task_message')} then exists (
    select 1 from messages m join tasks t on t.id = m.task_id
    where m.id = ${named('message_id')} and m.task_id = e.task_id and m.event = e.number and ${reader} = g.id)
  else (1 = 0) end`;
