import { sql } from 'kysely';
import { hourMs } from '../../ground/clock.ts';
import { transitions } from '../../ground/machine.ts';
import { transition, transitionNames } from '../../ground/transitions.ts';
import { insertion, numberedText, type Params, perShape, prepared, preparedSql } from '../../storage/prepared.ts';
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

interface Between extends Params {
  after: string;
  upto: string;
}

const bounded = { bounded: 'the rows of one step of the job' };
const hourOf = (column: string) => sql<number>`${sql.ref(column)} / ${sql.lit(hourMs)}`;

/**
 * Payments for approved tasks: transfers that empty an escrow, with what was paid of it, fees included. System tasks have
 * no escrow.
 */
const payments = (p: Between) => sql`
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

/** The transitions that approve an agent's task. A ruling is none of them. */
const approvals = transitionNames.filter((name) => transition(name).standing === 'approval');

export interface Sale {
  readonly id: string;
  readonly tags: string;
  readonly poster_id: string;
  readonly worker_id: string;
  readonly created_at: number;
  readonly first_claim: number;
  readonly last_claim: number;
  readonly delivered_at: number;
  readonly approved_at: number;
  readonly credits: number;
}

/** What was approved in a range of transfers, among tasks with tags. */
export const salesBetween = preparedSql<Between, Sale>(
  'salesBetween',
  (p) => sql`select * from (
    select t.id, t.tags, t.poster_id, t.worker_id, t.created_at, t.delivered_at, t.credits_charged as credits,
      (select c.at from task_transitions c where c.task_id = t.id and c.transition = ${sql.lit(claim)}
        order by c.version limit 1) as first_claim,
      (select c.at from task_transitions c where c.task_id = t.id and c.transition = ${sql.lit(claim)}
        order by c.version desc limit 1) as last_claim,
      (select a.at from task_transitions a where a.task_id = t.id and a.version = t.version
        and (${sql.join(
          approvals.map((name) => sql`a.transition = ${sql.lit(name)}`),
          sql` or `,
        )})) as approved_at
    from (${payments(p)}) as s cross join tasks t
    where t.id = s.task_id and t.tags <> '[]' and t.delivered_at is not null) as sales
    where approved_at is not null`,
  { ...bounded, replan: true },
);
const claim = 'claim' satisfies keyof typeof transitions;

export const insertPrice = insertion(
  'market_prices',
  'tag',
  'approved_at',
  'task_id',
  'poster_id',
  'worker_id',
  'credits',
  'to_claim_ms',
  'to_delivery_ms',
  'to_approval_ms',
);

interface Pair extends Params {
  tag: string;
  poster_id: string;
  worker_id: string;
  /** How many to keep. */
  most: number;
}

/** Removes the older prices of a poster and a worker under a tag. */
export const trimPrices = preparedSql<Pair, unknown>(
  'trimPrices',
  (
    p,
  ) => sql`delete from market_prices where tag = ${p.tag} and poster_id = ${p.poster_id} and worker_id = ${p.worker_id}
    and (approved_at, task_id) <= (select o.approved_at, o.task_id from market_prices o
      where o.tag = ${p.tag} and o.poster_id = ${p.poster_id} and o.worker_id = ${p.worker_id}
      order by o.approved_at desc, o.task_id desc limit 1 offset ${p.most})`,
  { bounded: 'the few prices of one poster and worker under a tag' },
);

/** Removes the oldest prices under a tag. */
export const trimTag = preparedSql<{ tag: string; most: number }, unknown>(
  'trimTag',
  (p) => sql`delete from market_prices where tag = ${p.tag} and (approved_at, task_id) <= (
    select o.approved_at, o.task_id from market_prices o where o.tag = ${p.tag}
      order by o.approved_at desc, o.task_id desc limit 1 offset ${p.most})`,
  { bounded: 'the prices that are kept under a tag' },
);

export interface Price {
  readonly credits: number;
  readonly to_claim_ms: number;
  readonly to_delivery_ms: number;
  readonly to_approval_ms: number;
}

/** The newest prices of tasks with `count` tags, among the newest `examine` with the first. */
export const pricesOf = perShape((shape: `${number}/${number}`) => {
  const [count = 1, examine = 1] = shape.split('/').map(Number);
  return preparedSql<Params & { limit: number }, Price>(
    `pricesOf ${shape}`,
    (p) => {
      const others = Array.from(
        { length: count - 1 },
        (_, i) => sql`(select o.task_id from market_prices o where o.tag = ${numberedText(p, 'tag', i + 1)}
          and o.approved_at = m.approved_at and o.task_id = m.task_id) is not null`,
      );
      return sql`select m.credits, m.to_claim_ms, m.to_delivery_ms, m.to_approval_ms from (
          select * from market_prices where tag = ${numberedText(p, 'tag', 0)}
          order by approved_at desc, task_id desc limit ${sql.lit(examine)}) as m
        where ${sql.join([sql`1 = 1`, ...others], sql` and `)}
        order by m.approved_at desc, m.task_id desc limit ${p.limit}`;
    },
    { bounded: 'the newest `examine` prices with a tag' },
  );
});
