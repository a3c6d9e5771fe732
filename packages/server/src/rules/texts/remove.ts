import { type EventRule, events, type EventType, type TextsRemoved } from '@pinchwork/sdk/table';
import { sql } from 'kysely';
import { storedFields } from '../../ground/stored.ts';
import type { Tx } from '../../storage/database.ts';
import { perShape, prepared } from '../../storage/prepared.ts';
import { type HeldTask, holdTask } from '../tasks/queries.ts';
import { forgetText, holdProgress } from '../search/queries.ts';
import { textColumns, type TextTable, textTables } from './columns.ts';
import { namesOf } from '../../ground/present.ts';

/**
 * Removes the texts of tasks, for the operator (contract section 2, "Redacting a task"), after `TEXT_RETENTION_DAYS`, and
 * for an agent that deletes itself. A removed text is gone from the tables, the events, the deliveries of webhooks, and
 * the search index. Nothing else holds texts of tasks.
 */

/** Whose texts: all of the task, or those that one agent wrote. */
type Whose = 'all' | 'author';

interface Removal {
  readonly taskId: string;
  readonly by: TextsRemoved;
  /** Only what this agent wrote. A result that was paid for stays with its poster. */
  readonly author?: string;
}

interface Params extends Record<string, string> {
  id: string;
  by: TextsRemoved;
  author: string;
}

/** The columns of a table without their texts. */
function emptied(table: TextTable, whose: Whose, p: Params) {
  const columns = textColumns.filter((each) => each.table === table);
  return Object.fromEntries(
    columns.map(({ column, removed, author }) => {
      const isMeant = whose === 'all' ? sql`1 = 1` : sql`${author} = ${p.author}`;
      const isText = removed === '' ? sql`${isMeant} and ${sql.ref(column)} is not null` : isMeant;
      return [column, sql`case when ${isText} then ${sql.lit(removed)} else ${sql.ref(column)} end`];
    }),
  );
}

/** What another agent than the poster wrote is no reason to store no further texts of the task. */
const mark = (whose: Whose, p: Params) =>
  whose === 'all'
    ? sql<TextsRemoved>`${p.by}`
    : sql<TextsRemoved>`case when poster_id = ${p.author} then ${p.by} else texts_removed end`;

const empty = perShape((shape: `${TextTable}/${Whose}`) => {
  // The type of the shape says what its parts are.
  const [table, whose] = shape.split('/') as [TextTable, Whose];
  return prepared(`remove texts ${shape}`, (db, p: Params) =>
    // The types of one table stand for all: the columns differ, the form of the statement does not.
    db
      .updateTable(table as 'tasks')
      .set(emptied(table, whose, p))
      .$if(table === 'tasks', (query) => query.set({ texts_removed: mark(whose, p) }))
      .where(textTables[table] as 'id', '=', p.id),
  );
});

/** The operator removes the tags too. They stay in the statistics of the agents that worked under them. */
const emptyTags = prepared('removeTags', (db, p: { id: string }) =>
  db.updateTable('tasks').set({ tags: '[]', hints: '[]' }).where('id', '=', p.id),
);

/** Locks the system tasks about a task. */
const holdAnswers = prepared(
  'holdAnswers',
  (db, p: { id: string }, engine) =>
    engine.hold(
      db
        .selectFrom('tasks')
        .select('id')
        .where('about_id', '=', p.id)
        .where('kind', '<>', sql.lit('work'))
        .orderBy('id'),
    ),
  { bounded: 'the system tasks about one task' },
);

/** An open report of a task: its texts stay until the operator has decided it. */
const openReportOn = prepared('openReportOn', (db, p: { task_id: string }) =>
  db.selectFrom('reports').select('id').where('task_id', '=', p.task_id).where('status', '=', sql.lit('open')).limit(1),
);

/** The answers of the system tasks about a task: they quote or judge its texts. */
const emptyAnswers = prepared('removeAnswers', (db, p: { id: string; by: TextsRemoved }) =>
  db
    .updateTable('tasks')
    .set({ result: null, texts_removed: p.by })
    .where('about_id', '=', p.id)
    .where('kind', '<>', sql.lit('work')),
);

const toldTexts = prepared('toldTexts', (db, p: { task_id: string }) =>
  db
    .selectFrom('told_texts')
    .select(['agent_id', 'number'])
    .where('task_id', '=', p.task_id)
    .orderBy('agent_id')
    .orderBy('number'),
);

const forgetTold = prepared('forgetToldTexts', (db, p: { task_id: string }) =>
  db.deleteFrom('told_texts').where('task_id', '=', p.task_id),
);

const eventAt = prepared('eventAt', (db, p: { agent_id: string; number: number }) =>
  db.selectFrom('events').select(['type', 'data']).where('agent_id', '=', p.agent_id).where('number', '=', p.number),
);

const deliveryOf = prepared('deliveryOfEvent', (db, p: { agent_id: string; number: number }) =>
  db
    .selectFrom('webhook_deliveries')
    .select(['event as type', 'data'])
    .where('agent_id', '=', p.agent_id)
    .where('event_number', '=', p.number),
);

const setEventData = prepared('setEventData', (db, p: { agent_id: string; number: number; data: string }) =>
  db.updateTable('events').set({ data: p.data }).where('agent_id', '=', p.agent_id).where('number', '=', p.number),
);

const setDeliveryData = prepared('setDeliveryData', (db, p: { agent_id: string; number: number; data: string }) =>
  db
    .updateTable('webhook_deliveries')
    .set({ data: p.data })
    .where('agent_id', '=', p.agent_id)
    .where('event_number', '=', p.number),
);

/**
 * Removes texts of a task. What is written about it later is not stored (`keptText`). Call it first in the transaction:
 * it locks the search index, the system tasks about the task, and then the task. Replies that are stored with
 * idempotency keys are not changed (`forgetReplies`).
 *
 * While a report about the task is open, only the operator's removal removes anything. A report locks the task too, so
 * that none comes between the question for reports and the removal.
 *
 * @returns the task as it was; undefined for an unknown one, and when a report keeps the texts.
 */
export async function removeTexts(tx: Tx, { taskId: id, by, author }: Removal): Promise<HeldTask | undefined> {
  await tx.first(holdProgress, {});
  if (author === undefined) await tx.all(holdAnswers, { id });
  const task = await tx.first(holdTask, { id });
  if (task === undefined) return undefined;
  if (by !== 'operator' && (await tx.first(openReportOn, { task_id: id })) !== undefined) return undefined;
  if (author === undefined) tx.send(emptyAnswers, { id, by });
  // The operator's removal says more than another one.
  const params: Params = { id, by: task.texts_removed === 'operator' ? 'operator' : by, author: author ?? '' };
  const whose = author === undefined ? 'all' : 'author';
  for (const table of namesOf(textTables)) tx.send(empty(`${table}/${whose}`), params);
  if (by === 'operator') tx.send(emptyTags, { id });
  if (author === undefined || author === task.poster_id) {
    await forgetText(tx, task);
    await emptyEvents(tx, id);
  }
  return task;
}

async function emptyEvents(tx: Tx, taskId: string): Promise<void> {
  for (const told of await tx.all(toldTexts, { task_id: taskId })) {
    const [event, delivery] = [await tx.first(eventAt, told), await tx.first(deliveryOf, told)];
    if (event !== undefined) tx.send(setEventData, { ...told, data: withoutTexts(event) });
    if (delivery !== undefined) tx.send(setDeliveryData, { ...told, data: withoutTexts(delivery) });
  }
  tx.send(forgetTold, { task_id: taskId });
}

/** An event's data with its texts emptied (`texts` of the sdk's table of events). */
function withoutTexts({ type, data }: { type: string; data: string }): string {
  // Only types of the table are stored.
  const { texts = [] }: EventRule = events[type as EventType];
  const value = storedFields(data);
  for (const field of texts) if (value[field] !== null) value[field] = '';
  return JSON.stringify(value);
}
