import { type RawBuilder, sql } from 'kysely';
import { paidStates } from '../../ground/states.ts';
import { statusIn } from '../../storage/status.ts';

/**
 * Every column with a text that an agent wrote about a task, or to its other party. `remove.ts` empties them; a test
 * compares the list with the schema. Tags are not among them: the statistics of
 * ended tasks count by tags, and only the operator removes them.
 */
interface TextColumn {
  readonly table: TextTable;
  readonly column: string;
  /** What stands there after the removal. `''` only replaces a text: null stays null. */
  readonly removed: '' | null;
  /** SQL for the id of the agent that wrote it, in a row of the table; null where nobody may take it back. */
  readonly author: RawBuilder<string | null>;
}

/** The tables with texts, and the column with the task's id. */
export const textTables = {
  tasks: 'id',
  task_terms: 'task_id',
  rejected_deliveries: 'task_id',
  reviews: 'task_id',
  questions: 'task_id',
  messages: 'task_id',
  disputes: 'task_id',
  dispute_seats: 'disputed_id',
} as const;
export type TextTable = keyof typeof textTables;

const own = (column: string) => sql.ref<string>(column);
const posterOf = (table: TextTable) =>
  sql<string>`(select about.poster_id from tasks as about where about.id = ${sql.ref(`${table}.task_id`)})`;

/** Who delivered the latest result. A result that was paid for stays with its poster. */
const deliverer = sql<string | null>`case when ${statusIn('status', paidStates)} then null else
  (select h.worker_id from task_transitions as h where h.task_id = tasks.id and h.transition = 'deliver'
    order by h.version desc limit 1) end`;
const nobody = sql<string | null>`null`;

export const textColumns: readonly TextColumn[] = [
  { table: 'tasks', column: 'need', removed: '', author: own('poster_id') },
  { table: 'tasks', column: 'context', removed: null, author: own('poster_id') },
  { table: 'tasks', column: 'result', removed: null, author: deliverer },
  { table: 'tasks', column: 'rejection_reason', removed: '', author: own('poster_id') },
  { table: 'tasks', column: 'rejection_feedback', removed: null, author: own('poster_id') },
  { table: 'tasks', column: 'progress_note', removed: null, author: own('worker_id') },
  { table: 'tasks', column: 'verification', removed: null, author: nobody },
  { table: 'task_terms', column: 'acceptance', removed: null, author: posterOf('task_terms') },
  { table: 'rejected_deliveries', column: 'result', removed: '', author: own('worker_id') },
  { table: 'rejected_deliveries', column: 'reason', removed: '', author: posterOf('rejected_deliveries') },
  { table: 'rejected_deliveries', column: 'feedback', removed: null, author: posterOf('rejected_deliveries') },
  { table: 'reviews', column: 'feedback', removed: null, author: own('reviewer_id') },
  { table: 'questions', column: 'question', removed: '', author: own('asker_id') },
  { table: 'questions', column: 'answer', removed: '', author: posterOf('questions') },
  { table: 'messages', column: 'message', removed: '', author: own('sender_id') },
  { table: 'disputes', column: 'reason', removed: '', author: own('worker_id') },
  { table: 'disputes', column: 'explanation', removed: null, author: nobody },
  { table: 'dispute_seats', column: 'explanation', removed: null, author: own('judge_id') },
];

/**
 * The fields of replies with these texts, and what stands in them after the removal. Replies are stored with their
 * idempotency keys.
 */
export const textFields: Readonly<Record<string, '' | null>> = {
  need: '',
  context: null,
  result: null,
  acceptance: null,
  rejection_reason: '',
  rejection_feedback: null,
  feedback: null,
  progress_note: null,
  question: '',
  answer: '',
  message: '',
  explanation: '',
  reason: '',
};
