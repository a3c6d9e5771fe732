import { cancelledDispute } from '@pinchwork/sdk/table';
import { type RawBuilder, sql } from 'kysely';
import { minuteMs } from '../ground/clock.ts';
import { transitions } from '../ground/machine.ts';
import { endedStates, openStates, paidStates } from '../ground/states.ts';
import { claimEnds, transition, transitionNames } from '../ground/transitions.ts';
import { winningShare } from '../rules/reputation/standing.ts';
import { feesAccount } from '../rules/ledger/ledger.ts';
import { statusIn } from '../storage/status.ts';
import { type Check, check, list, within } from './check.ts';

/** The invariants of disputes: each holds its deposit while it is open, ends once, and pays what was ruled. */

const taskId = 't.id';
const disputed = transitions.dispute.to;

/** The transitions that end a dispute. */
const ends = transitionNames.filter((name) => transition(name).from === disputed);

/** Whether a task `t` was paid by a ruling or by default: then it moved no trust and no rate of approvals. */
export const isRuled = sql`exists (select 1 from disputes d where d.task_id = t.id
  and (d.status = 'ruled' or d.status = 'defaulted') and d.credits > 0)`;

/** Whether such a ruling completed the task `t` for its worker. */
export const isCompletedByRuling = sql`exists (select 1 from disputes d where d.task_id = t.id
  and (d.status = 'ruled' or d.status = 'defaulted') and d.credits > 0 and d.worker_share >= ${sql.lit(winningShare)})`;

/** How many disputes an agent `g` lost, as worker or as poster. */
export const lostAsWorker = sql`(select count(*) from disputes d
  where d.worker_id = g.id and d.status = 'ruled' and d.credits = 0)`;
export const lostAsPoster = sql`(select count(*) from disputes d
  where d.poster_id = g.id and d.status = 'ruled' and d.credits > 0 and d.worker_share >= ${sql.lit(winningShare)})`;

/**
 * Whether a key of an agent `g` spent at this moment. A lookup for each row: SQLite would make a list anew for each row
 * that it compares with it.
 */
export const isSpent = (at: RawBuilder<unknown>) =>
  sql`exists (select 1 from key_spending s where s.agent_id = g.id and s.at = ${at})`;

/** The deposits that an agent `g` paid at the moments at which its keys spent. */
export const depositsPaid = sql`(select coalesce(sum(d.deposit), 0) from disputes d
  where d.worker_id = g.id and ${isSpent(sql.ref('d.opened_at'))})`;

/** Whether an event `e` tells an agent `g` that the operator cancelled a disputed task. */
export const tellsOfCancelledDispute = sql`e.type = 'task_cancelled' and exists (
  select 1 from disputes d where d.task_id = e.task_id and d.status = ${sql.lit(cancelledDispute)}
    and (d.poster_id = g.id or d.worker_id = g.id))`;

/**
 * What is younger than this when a seat is drawn may have been committed after the draw looked: no transaction lasts this
 * long.
 */
const overlapMs = minuteMs;

const isBeforeDraw = (at: RawBuilder<unknown>) => sql`${at} < s.drawn_at - ${sql.lit(overlapMs)}`;

/** The most tasks of a poster whose claims are looked at for each seat. Of a poster with more, it looks at some. */
const mostTasks = 1_000;

/** Whether an agent claimed a task of another before a seat `s` was drawn. Trust and dealings spare most of the look. */
const hadClaim = (worker: RawBuilder<unknown>, poster: RawBuilder<unknown>) => sql`(
  (exists (select 1 from trust r where r.truster_id = ${poster} and r.trusted_id = ${worker})
    or exists (select 1 from dealings r where r.worker_id = ${worker} and r.poster_id = ${poster})
    or exists (select 1 from tasks r where r.worker_id = ${worker} and r.poster_id = ${poster}))
  and exists (select 1 from (select id from tasks where poster_id = ${poster} limit ${sql.lit(mostTasks)}) as w
    join task_transitions h on h.task_id = w.id
    where h.worker_id = ${worker} and h.transition = 'claim' and ${isBeforeDraw(sql`h.at`)}))`;

const [judge, poster, worker] = [sql.ref('s.judge_id'), sql.ref('d.poster_id'), sql.ref('d.worker_id')];

/** Checks over ranges of tasks. */
export const disputeChecks: readonly Check[] = [
  check(
    'a disputed task has one open dispute, any other task none',
    (scope) => sql`
      select id as subject, status || ', open disputes: ' || open as detail from (
        select t.id, t.status, t.dispute_due_at,
          (select count(*) from disputes d where d.task_id = t.id and d.status = 'open'
            and d.claim_number = t.claim_number and d.poster_id = t.poster_id and d.worker_id = t.worker_id) as open,
          (select count(*) from disputes d where d.task_id = t.id and d.status = 'open') as all_open
        from tasks t where ${within(taskId, scope)}
      ) as counted
      where open <> all_open or open <> case when ${statusIn('status', [disputed])} then 1 else 0 end
        or (dispute_due_at is null) <> (open = 0)`,
  ),
  check(
    'an open dispute holds its deposit, an ended one nothing',
    (scope) => sql`
      select d.id as subject, d.status || ', deposit ' || d.deposit || ', holds ' || coalesce(a.balance, -1) as detail
      from tasks t join disputes d on d.task_id = t.id left join accounts a on a.id = d.id
      where ${within(taskId, scope)}
        and coalesce(a.balance, -1) <> case when d.status = 'open' then d.deposit else 0 end`,
  ),
  check(
    'each dispute began and ended once in the history of its task, and its deposit was settled once',
    (scope) => sql`
      select id as subject, disputes || ' disputes, ' || begun || ' begun; ' || closed || ' closed, ' || ended || ' ended, '
        || settled || ' deposits settled' as detail
      from (
        select t.id,
          (select count(*) from disputes d where d.task_id = t.id) as disputes,
          (select count(*) from disputes d where d.task_id = t.id and d.status <> 'open') as closed,
          (select count(*) from disputes d join ledger_entries e on e.account_id = d.id and e.amount < 0
            where d.task_id = t.id) as settled,
          (select count(*) from task_transitions h where h.task_id = t.id and h.transition = 'dispute') as begun,
          (select count(*) from task_transitions h where h.task_id = t.id and h.transition in (${list(ends)})) as ended
        from tasks t where ${within(taskId, scope)}
      ) as counted
      where disputes <> begun or closed <> ended or settled <> closed`,
  ),
  check(
    'a deposit is lost only to a ruling of nothing, or to a withdrawal after an answer',
    (scope) => sql`
      select d.id as subject, d.status || ', charged ' || coalesce(d.credits, 0) as detail
      from tasks t join disputes d on d.task_id = t.id
      where ${within(taskId, scope)} and d.status <> 'open'
        and exists (select 1 from ledger_entries o join ledger_entries e on e.transfer_id = o.transfer_id
          where o.account_id = d.id and o.amount < 0 and e.account_id = ${sql.lit(feesAccount)})
          <> (d.status = 'ruled' and d.credits = 0
            or d.status = 'withdrawn' and exists (select 1 from dispute_seats s
              where s.dispute_id = d.id and s.status = 'answered'))`,
  ),
  check(
    'a ruling charged its share of what the worker charged',
    (scope) => sql`
      select d.id as subject, d.status || ', ' || coalesce(d.worker_share, -1) || ' of ' || d.charged || ' is '
        || coalesce(d.credits, -1) || ', the task charged ' || coalesce(t.credits_charged, -1) as detail
      from tasks t join disputes d on d.task_id = t.id
      where ${within(taskId, scope)} and (
        d.status in ('ruled', 'defaulted') and d.credits <> d.charged * d.worker_share / 100
        or d.status = 'conceded' and d.credits <> d.charged
        or d.status in ('withdrawn', ${sql.lit(cancelledDispute)}) and d.credits <> 0
        or d.credits > 0 and (t.credits_charged <> d.credits or not (${statusIn('t.status', paidStates)})))`,
  ),
  check(
    'a seat is answered when its system task is paid, lost when it is cancelled, and else open',
    (scope) => sql`
      select t.id as subject, t.status || ', the seat is ' || coalesce(s.status, 'missing') as detail
      from tasks t left join dispute_seats s on s.task_id = t.id
      where ${within(taskId, scope)} and t.kind <> 'work' and t.kind = 'judge' and coalesce(s.status, 'missing') <>
        case when ${statusIn('t.status', openStates)} then 'open'
          when ${statusIn('t.status', endedStates)} and not (${statusIn('t.status', paidStates)}) then 'lost'
          when s.status = 'late' then 'late' else 'answered' end`,
  ),
  check(
    'no dispute has more judges than it is to have, and none of them is a party',
    (scope) => sql`
      select d.id as subject, d.judges || ' judges, more are drawn or a party is among them' as detail
      from tasks t join disputes d on d.task_id = t.id
      where ${within(taskId, scope)} and (
        d.judges < (select count(*) from dispute_seats s where s.dispute_id = d.id and s.status <> 'lost')
        or exists (select 1 from dispute_seats s where s.dispute_id = d.id
          and (s.judge_id = d.poster_id or s.judge_id = d.worker_id or s.disputed_id <> d.task_id)))`,
  ),
  check(
    'a judge had dealt with no party, had checked no delivery, and comes from the network of none, when it was drawn',
    (scope) => sql`
      select d.id as subject, s.judge_id || ' is no stranger' as detail
      from tasks t join disputes d on d.task_id = t.id join dispute_seats s on s.dispute_id = d.id
      where ${within(taskId, scope)} and s.judge_id <> d.poster_id and s.judge_id <> d.worker_id and (
        ${hadClaim(judge, poster)} or ${hadClaim(judge, worker)}
        or ${hadClaim(poster, judge)} or ${hadClaim(worker, judge)}
        or exists (select 1 from tasks v where v.about_id = t.id and v.kind <> 'work' and v.kind = 'verify'
          and v.worker_id = s.judge_id and ${isBeforeDraw(sql`v.delivered_at`)})
        or exists (select 1 from agents j join agents p on p.network = j.network
          where j.id = s.judge_id and (p.id = d.poster_id or p.id = d.worker_id)))`,
  ),
  check(
    'every claim that has ended is known to whoever draws judges',
    (scope) => sql`
      select t.id as subject, h.worker_id || ' had the task, and has dealt with nobody' as detail
      from tasks t join task_transitions h on h.task_id = t.id
      where ${within(taskId, scope)} and t.kind = 'work' and h.worker_id is not null
        and (h.transition in (${list(claimEnds)}) or ${statusIn('t.status', endedStates)} and h.transition = 'claim')
        and not exists (select 1 from trust r where r.truster_id = t.poster_id and r.trusted_id = h.worker_id)
        and not exists (select 1 from dealings r where r.worker_id = h.worker_id and r.poster_id = t.poster_id)`,
  ),
];
