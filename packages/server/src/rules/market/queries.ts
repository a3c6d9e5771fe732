import { sql } from 'kysely';
import { hourMs } from '../../ground/clock.ts';
import { type Params, prepared, preparedSql } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';
import type { Selectable } from 'kysely';

/** The SQL of the market's figures: what the job reads, and where it writes. */

export type Progress = Selectable<Schema['market_progress']>;

const oneRow = { bounded: 'the table has one row' };

export const progress = prepared(
  'marketProgress',
  (db, _: Params) => db.selectFrom('market_progress').selectAll().where('id', '=', sql.lit(1)),
  oneRow,
);

/** The progress, locked: one server counts at a time. */
export const holdProgress = prepared(
  'holdMarketProgress',
  (db, _: Params, engine) =>
    engine.hold(db.selectFrom('market_progress').selectAll('market_progress').where('id', '=', sql.lit(1))),
  oneRow,
);

/** The progress before anything is counted. */
export const noProgress: Progress = {
  id: 1,
  transfer_id: '',
  agent_id: '',
  agents: 0,
  tasks_approved: 0,
  credits_paid: 0,
  tasks_held: 0,
  credits_held: 0,
};

export const beginProgress = prepared('beginMarketProgress', (db, _: Params) =>
  db
    .insertInto('market_progress')
    .values({ ...noProgress, id: sql.lit(1) })
    .onConflict((conflict) => conflict.doNothing()),
);

/** What is counted, each with a column of its name. */
export const figureNames = ['agents', 'tasks_approved', 'credits_paid', 'tasks_held', 'credits_held'] as const;
export type Figures = Record<(typeof figureNames)[number], number>;

type Added = Params & Figures;

export const addToProgress = prepared(
  'addToMarketProgress',
  (db, p: Added & { transfer_id: string; agent_id: string }) =>
    db
      .updateTable('market_progress')
      .set((eb) => ({
        transfer_id: p.transfer_id,
        agent_id: p.agent_id,
        agents: eb('agents', '+', p.agents),
        tasks_approved: eb('tasks_approved', '+', p.tasks_approved),
        credits_paid: eb('credits_paid', '+', p.credits_paid),
        tasks_held: eb('tasks_held', '+', p.tasks_held),
        credits_held: eb('credits_held', '+', p.credits_held),
      }))
      .where('id', '=', sql.lit(1)),
  oneRow,
);

export const addToHour = prepared('addToMarketHour', (db, p: Added & { hour: number }) =>
  db
    .insertInto('market_hours')
    .values({
      hour: p.hour,
      agents: p.agents,
      tasks_approved: p.tasks_approved,
      credits_paid: p.credits_paid,
      tasks_held: p.tasks_held,
      credits_held: p.credits_held,
    })
    .onConflict((conflict) =>
      conflict.column('hour').doUpdateSet((eb) => ({
        agents: eb('market_hours.agents', '+', p.agents),
        tasks_approved: eb('market_hours.tasks_approved', '+', p.tasks_approved),
        credits_paid: eb('market_hours.credits_paid', '+', p.credits_paid),
        tasks_held: eb('market_hours.tasks_held', '+', p.tasks_held),
        credits_held: eb('market_hours.credits_held', '+', p.credits_held),
      })),
    ),
);

/** Notes how many tasks are on the board in an hour. */
export const noteOpenTasks = prepared('noteOpenTasks', (db, p: { hour: number; open_tasks: number }) =>
  db
    .insertInto('market_hours')
    .values({
      hour: p.hour,
      open_tasks: p.open_tasks,
      agents: 0,
      tasks_approved: 0,
      credits_paid: 0,
      tasks_held: 0,
      credits_held: 0,
    })
    .onConflict((conflict) => conflict.column('hour').doUpdateSet({ open_tasks: p.open_tasks })),
);

interface Counted extends Progress {
  readonly hour: number | null;
  readonly hour_agents: number | null;
  readonly hour_tasks_approved: number | null;
  readonly hour_credits_paid: number | null;
  readonly hour_tasks_held: number | null;
  readonly hour_credits_held: number | null;
  readonly open_tasks: number | null;
}

/**
 * The progress with each hour from `hour` on, or once without an hour if there is none. One statement, because a step
 * of the job between two would be counted twice, or not at all.
 */
export const countedFrom = preparedSql<{ hour: number }, Counted>(
  'marketCountedFrom',
  (p) => sql`select m.*, h.hour, h.agents as hour_agents, h.tasks_approved as hour_tasks_approved,
      h.credits_paid as hour_credits_paid, h.tasks_held as hour_tasks_held, h.credits_held as hour_credits_held, h.open_tasks
    from market_progress m left join market_hours h on h.hour >= ${p.hour} where m.id = 1`,
  { bounded: 'one row, with the hours that are kept' },
);

interface Behind extends Params {
  /** The id after which to look. */
  after: string;
  /** Rows younger than this are left: an older one may still appear. */
  until: number;
}

/** The transfer and the agent where a step of the job ends, `skip` rows after the last step. No row: fewer are left. */
export const transferAhead = prepared('transferAhead', (db, p: Behind & { skip: number }) =>
  db
    .selectFrom('ledger_entries')
    .select('transfer_id as id')
    .where('transfer_id', '>', p.after)
    .where('created_at', '<=', p.until)
    .orderBy('transfer_id')
    .orderBy('account_id')
    .limit(1)
    .offset(p.skip),
);
export const agentAhead = prepared('agentAhead', (db, p: Behind & { skip: number }) =>
  db
    .selectFrom('agents')
    .select('id')
    .where('id', '>', p.after)
    .where('created_at', '<=', p.until)
    .orderBy('id')
    .limit(1)
    .offset(p.skip),
);

/** When the next transfer and the next agent were made. */
export const nextTransfer = prepared('nextTransfer', (db, p: { after: string }) =>
  db
    .selectFrom('ledger_entries')
    .select('created_at')
    .where('transfer_id', '>', p.after)
    .orderBy('transfer_id')
    .orderBy('account_id')
    .limit(1),
);
export const nextAgent = prepared('nextAgent', (db, p: { after: string }) =>
  db.selectFrom('agents').select('created_at').where('id', '>', p.after).orderBy('id').limit(1),
);

/** The last transfer and the last agent. */
export const lastTransfer = prepared('lastTransfer', (db, p: Behind) =>
  db
    .selectFrom('ledger_entries')
    .select('transfer_id as id')
    .where('transfer_id', '>', p.after)
    .where('created_at', '<=', p.until)
    .orderBy('transfer_id', 'desc')
    .orderBy('account_id', 'desc')
    .limit(1),
);
export const lastAgent = prepared('lastAgent', (db, p: Behind) =>
  db
    .selectFrom('agents')
    .select('id')
    .where('id', '>', p.after)
    .where('created_at', '<=', p.until)
    .orderBy('id', 'desc')
    .limit(1),
);

export interface Between extends Params {
  after: string;
  upto: string;
}

export const bounded = { bounded: 'the rows of one step of the job' };
const hourOf = (column: string) => sql<number>`${sql.ref(column)} / ${sql.lit(hourMs)}`;

/**
 * Payments for approved tasks: transfers that empty an escrow, with what was paid of it, fees included. System tasks have
 * no escrow.
 */
export const payments = (p: Between) => sql`
  select e.task_id, e.created_at, (select coalesce(sum(l.amount), 0) from ledger_entries l
      where l.transfer_id = e.transfer_id and (l.reason = 'payment' or l.reason = 'platform_fee') and l.amount > 0) as paid
  from ledger_entries e
  where e.transfer_id > ${p.after} and e.transfer_id <= ${p.upto} and e.account_id = e.task_id and e.reason = 'payment'`;

export const paymentsByHour = preparedSql<Between, { hour: number; tasks: number; paid: number }>(
  'paymentsByHour',
  (p) => sql`select ${hourOf('created_at')} as hour, count(*) as tasks, sum(paid) as paid
    from (${payments(p)}) as payments group by ${hourOf('created_at')}`,
  { ...bounded, replan: true },
);

/** What came into the escrows of tasks, less what has left them, and the same as numbers of tasks. */
export const heldByHour = preparedSql<Between, { hour: number; tasks: number; held: number }>(
  'heldByHour',
  (
    p,
  ) => sql`select ${hourOf('created_at')} as hour, sum(case when amount > 0 then 1 else -1 end) as tasks, sum(amount) as held
    from ledger_entries where transfer_id > ${p.after} and transfer_id <= ${p.upto} and account_id = task_id
    group by ${hourOf('created_at')}`,
  { ...bounded, replan: true },
);

export const agentsByHour = preparedSql<Between & { platform: string }, { hour: number; agents: number }>(
  'agentsByHour',
  (p) => sql`select ${hourOf('created_at')} as hour, count(*) as agents
    from agents where id > ${p.after} and id <= ${p.upto} and id <> ${p.platform} group by ${hourOf('created_at')}`,
  { ...bounded, replan: true },
);
