import { sql } from 'kysely';
import type { Tx } from '../../storage/database.ts';
import { insertion, type Params, preparedSql, prepared } from '../../storage/prepared.ts';
import { statesPastBoard } from '../../ground/transitions.ts';
import { isNoneOf } from '../../storage/one-of.ts';

/** The SQL of the search index: its documents, numbered by the age of their tasks, and its progress. */
export interface Doc {
  readonly doc: number;
  readonly task_id: string;
}

interface Range extends Params {
  after: number;
  upto: number;
  limit: number;
}

/** Documents with numbers after `after` and at most `upto` that have all trigrams of a text. */
export const docsWith = preparedSql<Range & { part: string }, Doc>(
  'docsWith',
  (p, engine) => sql`select s.doc, s.task_id from (${engine.textIndex.find(p)}) as found
    cross join search_texts s where s.doc = found.doc`,
  { replan: true },
);

/** Documents in the same range that are too long for the index. */
export const longDocs = prepared('longDocs', (db, p: Range) =>
  db
    .selectFrom('search_texts')
    .select(['doc', 'task_id'])
    .where('is_long', '=', sql.lit(1))
    .where('doc', '>', p.after)
    .where('doc', '<=', p.upto)
    .orderBy('doc')
    .limit(p.limit),
);

interface AgeParams extends Params {
  created_at: number;
  id: string;
}

const byAge = ['created_at', 'task_id'] as const;

export const firstDocBehind = prepared('firstDocBehind', (db, p: AgeParams) =>
  db
    .selectFrom('search_texts')
    .select('doc')
    .where(sql<boolean>`(created_at, task_id) > (${p.created_at}, ${p.id})`)
    .orderBy(byAge[0])
    .orderBy(byAge[1])
    .limit(1),
);

export const lastDocUpTo = prepared('lastDocUpTo', (db, p: AgeParams) =>
  db
    .selectFrom('search_texts')
    .select('doc')
    .where(sql<boolean>`(created_at, task_id) <= (${p.created_at}, ${p.id})`)
    .orderBy(byAge[0], 'desc')
    .orderBy(byAge[1], 'desc')
    .limit(1),
);

/** The age of a document's task; if the document is gone, of the last one before it. */
export const ageAtDoc = prepared('ageAtDoc', (db, p: { doc: number }) =>
  db
    .selectFrom('search_texts')
    .select(['created_at', 'task_id as id'])
    .where('doc', '<=', p.doc)
    .orderBy('doc', 'desc')
    .limit(1),
);

const oneRow = { bounded: 'the table has one row' };

export const progress = prepared(
  'searchProgress',
  (db, _: Params) => db.selectFrom('search_progress').selectAll().where('id', '=', sql.lit(1)),
  oneRow,
);

/** The progress, locked for this transaction; no row if another server has locked it. */
export const lockProgress = prepared(
  'lockSearchProgress',
  (db, _: Params, engine) =>
    engine.skipLocked(
      db.selectFrom('search_progress').selectAll('search_progress').where('search_progress.id', '=', sql.lit(1)),
      'search_progress',
    ),
  oneRow,
);

/** The same, but waits for another server. */
export const holdProgress = prepared(
  'holdSearchProgress',
  (db, _: Params, engine) => engine.hold(db.selectFrom('search_progress').select('id').where('id', '=', sql.lit(1))),
  oneRow,
);

export const setReached = prepared(
  'setSearchReached',
  (db, p: AgeParams) =>
    db
      .updateTable('search_progress')
      .set({ reached_created_at: p.created_at, reached_id: p.id })
      .where('id', '=', sql.lit(1)),
  oneRow,
);

export const setSwept = prepared(
  'setSearchSwept',
  (db, p: AgeParams) =>
    db
      .updateTable('search_progress')
      .set({ swept_created_at: p.created_at, swept_id: p.id })
      .where('id', '=', sql.lit(1)),
  oneRow,
);

/**
 * A task for everybody that is, or may come back, on the board. In literals, so that the planner recognizes the partial
 * index. The texts of tasks for chosen agents are read by each search: they are few on one agent's board.
 */
const mayBeFound = sql<boolean>`kind = 'work' and is_for_chosen = 0 and ${isNoneOf('status', statesPastBoard)}`;

/** The next tasks for the index: younger than an age, and posted by `upto`. */
export const nextTexts = prepared(
  'nextTexts',
  (db, p: AgeParams & { upto: number; limit: number }) =>
    db
      .selectFrom('tasks')
      .select(['id', 'created_at'])
      .select(sql<number>`octet_length(need) + coalesce(octet_length(context), 0)`.as('bytes'))
      .where(mayBeFound)
      .where(sql<boolean>`(created_at, id) > (${p.created_at}, ${p.id})`)
      .where('created_at', '<=', p.upto)
      .orderBy('created_at')
      .orderBy('id')
      .limit(p.limit),
  { replan: true },
);

export const lastDoc = prepared('lastDoc', (db, _: Params) =>
  db.selectFrom('search_texts').select('doc').where('doc', '>', sql.lit(0)).orderBy('doc', 'desc').limit(1),
);

export const insertDoc = insertion('search_texts', 'doc', 'task_id', 'created_at', 'is_long');
const deleteDoc = prepared('deleteDoc', (db, p: { doc: number }) =>
  db.deleteFrom('search_texts').where('doc', '=', p.doc),
);
export const addText = preparedSql<{ doc: number; folded: string }, unknown>('addText', (p, { textIndex }) =>
  textIndex.add(p),
);
const removeText = preparedSql<{ doc: number }, unknown>('removeText', (p, { textIndex }) => textIndex.remove(p));
const docOf = prepared('docOfTask', (db, p: { id: string; created_at: number }) =>
  db
    .selectFrom('search_texts')
    .select(['doc', 'is_long'])
    .where('created_at', '=', p.created_at)
    .where('task_id', '=', p.id),
);

/** Removes a task from the index. The transaction must hold the index (`holdProgress`). */
export async function forgetText(tx: Tx, task: { id: string; created_at: number }): Promise<void> {
  const doc = await tx.first(docOf, { id: task.id, created_at: task.created_at });
  if (doc !== undefined) removeDoc(tx, doc);
}

export function removeDoc(tx: Tx, { doc, is_long }: { doc: number; is_long: number }): void {
  tx.send(deleteDoc, { doc });
  if (is_long === 0) tx.send(removeText, { doc });
}

export const tidyTexts = preparedSql<Params, unknown>('tidyTexts', (_, { textIndex }) => textIndex.tidy());

/** The next documents after an age, each with whether its task may still be found. */
export const docsBehind = preparedSql<
  AgeParams & { limit: number },
  Doc & { created_at: number; is_long: number; is_live: number }
>(
  'docsBehind',
  (p) => sql`select s.doc, s.task_id, s.created_at, s.is_long,
      coalesce((select case when ${mayBeFound} then 1 else 0 end from tasks where id = s.task_id), 0) as is_live
    from search_texts s where (s.created_at, s.task_id) > (${p.created_at}, ${p.id})
    order by s.created_at, s.task_id limit ${p.limit}`,
  { replan: true },
);

/** The oldest task in a range of ages that should be in the index but is not. */
export const missingText = preparedSql<
  AgeParams & { upto_created_at: number; upto_id: string },
  { id: string; created_at: number }
>(
  'missingText',
  (p) => sql`select id, created_at from tasks
    where ${mayBeFound} and (created_at, id) > (${p.created_at}, ${p.id})
      and (created_at, id) <= (${p.upto_created_at}, ${p.upto_id})
      and (select s.doc from search_texts s where s.created_at = tasks.created_at and s.task_id = tasks.id) is null
    order by created_at, id limit 1`,
  { replan: true },
);
