import type { DisputeStatus } from '@pinchwork/sdk/table';
import { type Expression, sql, type SqlBool } from 'kysely';
import { counting, type Params, perShape, prepared } from '../../storage/prepared.ts';
import type { DisputeRow } from '../disputes/queries.ts';

/** The operator's list of disputes. */

export type DisputeOrder = 'newest' | 'oldest' | 'due';

/** The time, for `due`, and the id of the last row that was read. */
export type DisputeKey = readonly [number, string];

export const firstKey = (order: DisputeOrder): DisputeKey => [0, order === 'newest' ? '~' : ''];

export const keyOf = (order: DisputeOrder, { deadline_at, id }: DisputeRow): DisputeKey => [
  order === 'due' ? deadline_at : 0,
  id,
];

type Shape = `${DisputeOrder}/${DisputeStatus | 'any'}`;

const partsOf = (shape: Shape) => shape.split('/') as [DisputeOrder, DisputeStatus | 'any'];

const ofStatus = (status: DisputeStatus | 'any'): Expression<SqlBool> =>
  status === 'any' ? sql<SqlBool>`1 = 1` : sql<SqlBool>`status = ${sql.lit(status)}`;

/** The next rows of the list. The list by `due` has the open disputes alone. */
export const disputeWindow = perShape((shape: Shape) =>
  prepared(
    `adminDisputes ${shape}`,
    (db, p: Params & { at: number; id: string; limit: number; offset: number }) => {
      const [order, status] = partsOf(shape);
      const all = db.selectFrom('disputes').selectAll().limit(p.limit).offset(p.offset).where(ofStatus(status));
      if (order === 'newest') return all.where('id', '<', p.id).orderBy('id', 'desc');
      if (order === 'oldest') return all.where('id', '>', p.id).orderBy('id');
      return all
        .where('status', '=', sql.lit('open'))
        .where(sql<SqlBool>`(deadline_at, id) > (${p.at}, ${p.id})`)
        .orderBy('deadline_at')
        .orderBy('id');
    },
    { replan: true },
  ),
);

/** Counts the rows of the list. */
export const countDisputes = perShape((shape: Shape) =>
  counting(`countDisputes ${shape}`, (db, _: Params) => {
    const [order, status] = partsOf(shape);
    const all = db.selectFrom('disputes').select('id').where(ofStatus(status));
    return order === 'due' ? all.where('status', '=', sql.lit('open')) : all;
  }),
);

/** Disputes that wait for the operator. */
export const countWaitingDisputes = counting('countWaitingDisputes', (db, _: Params) =>
  db.selectFrom('disputes').select('id').where('status', '=', sql.lit('open')).where('waits_since', 'is not', null),
);

/** The disputes of a task, newest first. */
export const disputesOfTask = prepared('disputesOfTask', (db, p: { task_id: string; limit: number }) =>
  db.selectFrom('disputes').selectAll().where('task_id', '=', p.task_id).orderBy('claim_number', 'desc').limit(p.limit),
);

/** How many judges have answered, for the disputes of a JSON list of ids. One without seats has no row. */
export const countAnswers = prepared(
  'countAnswers',
  (db, p: { disputes: string }, engine) =>
    db
      .selectFrom('dispute_seats')
      .select(['dispute_id', sql<number>`count(answered_at)`.as('answers')])
      .where(engine.isListed('dispute_id', p.disputes))
      .groupBy('dispute_id'),
  { bounded: 'the seats of the disputes of one page' },
);
