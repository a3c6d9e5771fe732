import { platformId, taskStatuses } from '@pinchwork/sdk';
import { type RawBuilder, sql } from 'kysely';
import { type Params, prepared } from '../storage/prepared.ts';
import { feesAccount, mintAccount } from '../rules/ledger/ledger.ts';
import { isFinal, transition, transitionNames } from '../rules/tasks/machine.ts';
import { type Check, check, type Finding, isUntold, isWork, list, type Range, report, within } from './check.ts';
import { systemChecks, tellsOfMatching } from './system-checks.ts';
import { talkChecks, tellsOfTalk } from './talk-checks.ts';
import { webhookChecks } from './webhook-checks.ts';

const finalStatuses = list(taskStatuses.filter(isFinal));
const platformAccounts = list([mintAccount, feesAccount]);

const transferId = sql.ref('e.transfer_id');

/** Over ranges of transfers. */
export const transferChecks: readonly Check[] = [
  check(
    'every transfer sums to zero',
    (range) => sql`
      select e.transfer_id as subject, 'sums to ' || sum(e.amount) as detail
      from ledger_entries e where ${within(transferId, range)}
      group by e.transfer_id having sum(e.amount) <> 0`,
  ),
  check(
    'every entry belongs to an account',
    (range) => sql`
      select e.transfer_id as subject, 'no account ' || e.account_id as detail
      from ledger_entries e
      where ${within(transferId, range)} and e.account_id not in (${platformAccounts})
        and not exists (select 1 from accounts a where a.id = e.account_id)`,
  ),
];

/** How many transfers a range has, and what they moved through the two accounts without a stored balance. */
export const transferTotals = report<Range, { transfers: number; mint: number; fees: number }>(
  'transferTotals',
  (range) => sql`
    select count(distinct e.transfer_id) as transfers,
      coalesce(sum(case when e.account_id = ${sql.lit(mintAccount)} then e.amount end), 0) as mint,
      coalesce(sum(case when e.account_id = ${sql.lit(feesAccount)} then e.amount end), 0) as fees
    from ledger_entries e where ${within(transferId, range)}`,
);

const accountId = sql.ref('a.id');

/** Over ranges of accounts. */
export const accountChecks: readonly Check[] = [
  check(
    'a stored balance is the sum of its entries, and not below zero',
    (range) => sql`
      select id as subject, 'balance ' || balance || ', entries sum to ' || entries as detail from (
        select a.id, a.balance,
          (select coalesce(sum(e.amount), 0) from ledger_entries e where e.account_id = a.id) as entries
        from accounts a where ${within(accountId, range)}
      ) as compared
      where balance <> entries or balance < 0`,
  ),
  check(
    'every account belongs to an agent or a task',
    (range) => sql`
      select a.id as subject, 'holds ' || a.balance || ' for nobody' as detail
      from accounts a
      where ${within(accountId, range)}
        and not exists (select 1 from agents g where g.id = a.id)
        and not exists (select 1 from tasks t where t.id = a.id)`,
  ),
];

const taskId = sql.ref('t.id');

const legalSteps = sql.join(
  transitionNames.map((name) => {
    const { from, to } = transition(name);
    const start = sql`h.from_status is not distinct from ${sql.lit(from)}`;
    return sql`(h.transition = ${sql.lit(name)} and ${start} and h.to_status = ${sql.lit(to)})`;
  }),
  sql` or `,
);

/** Which event each transition owes to one of its parties, as a `case`. */
function owed(party: 'poster' | 'worker') {
  const cases = transitionNames.flatMap((name) => {
    const type = transition(name).tells?.[party];
    return type === undefined ? [] : [sql`when ${sql.lit(name)} then ${sql.lit(type)}`];
  });
  return sql`case h.transition ${sql.join(cases, sql` `)} end`;
}

/** Events that were owed and are not there; those pruned from the front of a stream may be missing. */
function missingEvents(party: 'poster' | 'worker') {
  const recipient = party === 'poster' ? sql.ref('t.poster_id') : sql.ref('h.worker_id');
  const number = sql.ref(`h.${party}_event`);
  return check(
    `every transition told its ${party}`,
    (range) => sql`
      select t.id as subject, h.transition || ' (version ' || h.version || ') told ' || ${recipient} || ' nothing' as detail
      from tasks t join task_transitions h on h.task_id = t.id
      where ${within(taskId, range)} and ${owed(party)} is not null
        and ${isUntold(recipient, number, owed(party))}`,
  );
}

/** Over ranges of tasks. */
export const taskChecks: readonly Check[] = [
  check(
    'an open task holds its price in escrow, an ended one nothing',
    (range) => sql`
      select t.id as subject, t.status || ' at ' || t.max_credits || ' credits holds ' || coalesce(a.balance, -1) as detail
      from tasks t left join accounts a on a.id = t.id
      where ${within(taskId, range)} and ${isWork}
        and coalesce(a.balance, -1) <> case when t.status in (${finalStatuses}) then 0 else t.max_credits end`,
  ),
  check(
    'an ended task was settled exactly once',
    (range) => sql`
      select id as subject, status || ', settled ' || settled || ' times' as detail from (
        select t.id, t.status,
          (select count(*) from ledger_entries e where e.account_id = t.id and e.amount < 0) as settled
        from tasks t where ${within(taskId, range)} and ${isWork}
      ) as counted
      where settled <> case when status in (${finalStatuses}) then 1 else 0 end`,
  ),
  check(
    'an approved task paid its worker what was charged less the fee, any other paid nobody',
    (range) => sql`
      select id as subject, status || ', paid ' || paid || ' for ' || coalesce(credits_charged, 0) as detail from (
        select t.id, t.status, t.credits_charged, t.fee_ppm,
          coalesce((select sum(p.amount) from ledger_entries e
            join ledger_entries p on p.transfer_id = e.transfer_id
            where e.account_id = t.id and e.amount < 0 and p.account_id = t.worker_id), 0) as paid
        from tasks t where ${within(taskId, range)} and ${isWork}
      ) as compared
      where paid is distinct from
        case when status = 'approved' then credits_charged - credits_charged * fee_ppm / 1000000 else 0 end`,
  ),
  check(
    'a settlement gave the fee to the platform and the rest back to the poster, and nobody else anything',
    (range) => sql`
      select id as subject, status || ' at ' || max_credits || ', charged ' || coalesce(credits_charged, 0)
        || ': fee ' || fee || ', back ' || back || ', to others ' || strangers || ' entries' as detail
      from (
        select t.id, t.status, t.max_credits, t.credits_charged, t.fee_ppm,
          coalesce(sum(case when p.account_id = ${sql.lit(feesAccount)} then p.amount end), 0) as fee,
          coalesce(sum(case when p.account_id = t.poster_id then p.amount end), 0) as back,
          count(case when p.account_id not in (t.id, t.poster_id, ${sql.lit(feesAccount)})
            and p.account_id is distinct from t.worker_id then 1 end) as strangers
        from tasks t
        left join ledger_entries e on e.account_id = t.id and e.amount < 0
        left join ledger_entries p on p.transfer_id = e.transfer_id
        where ${within(taskId, range)} and ${isWork}
        group by t.id
      ) as compared
      where strangers <> 0
        or fee is distinct from case when status = 'approved' then credits_charged * fee_ppm / 1000000 else 0 end
        or back is distinct from case
          when status = 'approved' then max_credits - credits_charged
          when status in (${finalStatuses}) then max_credits
          else 0 end`,
  ),
  check(
    'every step of a history is in the state machine',
    (range) => sql`
      select t.id as subject, h.transition || ' from ' || coalesce(h.from_status, 'nothing') || ' to ' || h.to_status as detail
      from tasks t join task_transitions h on h.task_id = t.id
      where ${within(taskId, range)} and not (${legalSteps})`,
  ),
  check(
    'every step of a history begins where the last one ended',
    (range) => sql`
      select t.id as subject, 'version ' || h.version || ' begins at ' || coalesce(h.from_status, 'nothing')
        || ' after ' || coalesce(p.to_status, 'no version before it') as detail
      from tasks t
      join task_transitions h on h.task_id = t.id
      left join task_transitions p on p.task_id = h.task_id and p.version = h.version - 1
      where ${within(taskId, range)}
        and ((h.version = 1) <> (p.version is null) or h.from_status is distinct from p.to_status)`,
  ),
  check(
    'a history ends in the state that the task is in',
    (range) => sql`
      select t.id as subject, t.status || ' at version ' || t.version || ', the history says ' || coalesce(h.to_status, 'nothing') as detail
      from tasks t left join task_transitions h on h.task_id = t.id and h.version = t.version
      where ${within(taskId, range)} and (
        h.to_status is null or h.to_status <> t.status or h.claim_number <> t.claim_number
        or exists (select 1 from task_transitions n where n.task_id = t.id and n.version > t.version))`,
  ),
  missingEvents('poster'),
  missingEvents('worker'),
  ...talkChecks,
  ...systemChecks,
];

/** How many rows of history a range of tasks has. */
export const taskTotals = report<Range, { tasks: number; transitions: number }>(
  'taskTotals',
  (range) => sql`
    select count(*) as tasks,
      coalesce(sum((select count(*) from task_transitions h where h.task_id = t.id)), 0) as transitions
    from tasks t where ${within(taskId, range)}`,
);

const agentId = sql.ref('g.id');

/** Named numbers as one text, to compare and to show. */
const figures = (values: Readonly<Record<string, RawBuilder<unknown>>>) =>
  sql.join(
    Object.entries(values).map(([name, value]) => sql`${sql.lit(`${name} `)} || ${value}`),
    sql` || ', ' || `,
  );

/** A sum over an agent's approved tasks. */
const sumOfApproved = (role: 'worker_id' | 'poster_id', value: RawBuilder<unknown>) => sql`(
  select coalesce(sum(${value}), 0) from tasks t where ${sql.ref(`t.${role}`)} = g.id and t.status = 'approved')`;

/** Something about the ratings that an agent has received, which come from the other party of its approved tasks. */
const ratingsReceived = (value: RawBuilder<unknown>) => sql`(
  select ${value} from (
    select id from tasks where worker_id = g.id and status = 'approved'
    union all select id from tasks where poster_id = g.id and status = 'approved'
  ) as t join reviews r on r.task_id = t.id and r.reviewed_id = g.id)`;

/** Over ranges of agents. */
export const agentChecks: readonly Check[] = [
  check(
    'an event stream is numbered without gaps',
    (range) => sql`
      select id as subject, kept || ' events from ' || first || ', the last number drawn is ' || last_number as detail from (
        select g.id, c.last_number,
          (select count(*) from events e where e.agent_id = g.id) as kept,
          (select coalesce(min(e.number), c.last_number + 1) from events e where e.agent_id = g.id) as first
        from agents g join event_cursors c on c.agent_id = g.id where ${within(agentId, range)}
      ) as counted
      where kept <> last_number - first + 1`,
  ),
  check(
    'every event tells of something that happened',
    (range) => sql`
      select g.id as subject, 'event ' || e.number || ' (' || e.type || ') has none' as detail
      from agents g join events e on e.agent_id = g.id
      where ${within(agentId, range)} and not (${tellsOfTalk}) and not (${tellsOfMatching}) and not exists (
        select 1 from task_transitions h join tasks t on t.id = h.task_id
        where h.task_id = e.task_id and (
          (h.poster_event = e.number and t.poster_id = g.id and e.type = ${owed('poster')})
          or (h.worker_event = e.number and h.worker_id = g.id and e.type = ${owed('worker')})))`,
  ),
  check(
    "an agent's counts are right",
    (range) => sql`
      select id as subject, 'says ' || says || ', has ' || has as detail from (
        select g.id,
          ${figures({
            posted: sql`g.tasks_posted`,
            completed: sql`g.tasks_completed`,
            approved: sql`g.deliveries_approved`,
            rejected: sql`g.deliveries_rejected`,
            earned: sql`g.earned`,
            fees: sql`g.fees_paid`,
            spent: sql`g.spent`,
            ratings: sql`g.rating_count`,
            stars: sql`g.rating_sum`,
          })} as says,
          ${figures({
            posted: sql`(select count(*) from tasks t where t.poster_id = g.id)`,
            completed: sql`(select count(*) from tasks t where t.worker_id = g.id and t.status = 'approved')`,
            approved: sql`(select count(*) from tasks t where t.worker_id = g.id and t.status = 'approved' and ${isWork})`,
            rejected: sql`(select count(*) from rejected_deliveries d where d.worker_id = g.id)`,
            earned: sumOfApproved('worker_id', sql`t.credits_charged - t.credits_charged * t.fee_ppm / 1000000`),
            fees: sumOfApproved('worker_id', sql`t.credits_charged * t.fee_ppm / 1000000`),
            spent: sumOfApproved('poster_id', sql`t.credits_charged`),
            ratings: ratingsReceived(sql`count(r.rating)`),
            stars: ratingsReceived(sql`coalesce(sum(r.rating), 0)`),
          })} as has
        from agents g where ${within(agentId, range)} and g.id <> ${sql.lit(platformId)}
      ) as compared
      where says <> has`,
  ),
  check(
    'earnings over time end in what was earned',
    (range) => sql`
      select id as subject, 'earned ' || earned || ', the last total is ' || last_total as detail from (
        select g.id, g.earned,
          coalesce((select e.total from earnings e where e.agent_id = g.id order by e.at desc, e.total desc limit 1), 0) as last_total
        from agents g where ${within(agentId, range)}
      ) as compared
      where earned <> last_total`,
  ),
  check(
    'trust counts every dealing of its two agents',
    (range) => sql`
      select id as subject, counted || ' interactions counted, had ' || had as detail from (
        select g.id,
          (select coalesce(sum(s.interactions), 0) from trust s where s.truster_id = g.id) as counted,
          (select coalesce(sum(case when t.status = 'approved' then 1 else 0 end + t.rejection_count), 0)
            from tasks t where t.poster_id = g.id and ${isWork})
          + (select count(*) from tasks t where t.worker_id = g.id and t.status = 'approved' and ${isWork})
          + (select count(*) from tasks t join reviews r on r.task_id = t.id and r.reviewer_id = g.id
            where t.worker_id = g.id and t.status = 'approved') as had
        from agents g where ${within(agentId, range)}
      ) as compared
      where counted <> had`,
  ),
  ...webhookChecks,
];

/** How many events a range of agents has. */
export const agentTotals = report<Range, { agents: number; events: number }>(
  'agentTotals',
  (range) => sql`
    select count(*) as agents,
      coalesce(sum((select count(*) from events e where e.agent_id = g.id)), 0) as events
    from agents g where ${within(agentId, range)} and g.id <> ${sql.lit(platformId)}`,
);

interface Reach extends Params {
  after: string;
  size: number;
}

/** The id that lies `size` rows behind `after`: where a range ends. None: the range is the last. */
const boundary = (table: 'agents' | 'tasks' | 'accounts') =>
  prepared(`boundary of ${table}`, (db, p: Reach) =>
    db.selectFrom(table).select('id').where('id', '>', p.after).orderBy('id').limit(1).offset(p.size),
  );

export const boundaries = {
  agents: boundary('agents'),
  tasks: boundary('tasks'),
  accounts: boundary('accounts'),
  transfers: prepared('boundary of transfers', (db, p: Reach) =>
    db
      .selectFrom('ledger_entries')
      .select('transfer_id as id')
      .where('transfer_id', '>', p.after)
      .orderBy('transfer_id')
      .limit(1)
      .offset(p.size),
  ),
};

/** Tasks on which the clock should have acted before `before`. */
export const overdue = report<{ before: number; limit: number }, Finding>(
  'overdue',
  ({ before, limit }) => sql`
    select t.id as subject,
      coalesce('set aside after ' || s.attempts || ' attempts: ' || s.error, t.status || ', nothing has been done') as detail
    from tasks t left join stuck_timers s on s.task_id = t.id
    where t.due_at < ${before} order by t.due_at limit ${limit}`,
);

/** The oldest tasks of which the agents chosen for them should have been told something before `before`. */
export const untold = report<{ before: number; limit: number }, Finding>(
  'untold',
  ({ before, limit }) => sql`
    select o.task_id as subject, o.type || ': those chosen for it have not been told' as detail
    from (select task_id, type, created_at from outbox order by id limit ${limit}) as o
    where o.created_at < ${before}`,
);
