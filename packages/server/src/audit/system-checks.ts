import type { EventType, TaskStatus } from '@pinchwork/sdk/table';
import { sql } from 'kysely';
import { boardStates, paidStates } from '../ground/states.ts';
import { transition, transitionNames } from '../ground/transitions.ts';
import { mintAccount } from '../rules/ledger/ledger.ts';
import { offered } from '../rules/tasks/offers.ts';
import { statusIn } from '../storage/status.ts';
import { type Check, check, isUntold, list, within } from './check.ts';

/** The invariants of system tasks and of matches. */

const type = (name: EventType) => sql.lit(name);
const taskId = 't.id';

/** The transitions that end a task without a claim, so that matched agents are told. */
const endings = transitionNames.filter((name) => transition(name).tellsMatched !== undefined);

/** The event that tells matched agents that their task has reached an end state. */
const endEvents = new Map<TaskStatus, EventType>(
  endings.flatMap((name) => {
    const { to, tellsMatched } = transition(name);
    return tellsMatched === undefined ? [] : [[to, tellsMatched]];
  }),
);
/** Whether such a transition ended the task `t`. */
const endedUnclaimed = sql`exists (select 1 from task_transitions h where h.task_id = t.id and h.version = t.version
  and h.transition in (${list(endings)}))`;
const endType = sql`case t.status ${sql.join(
  [...endEvents].map(([status, event]) => sql`when ${sql.lit(status)} then ${type(event)}`),
  sql` `,
)} end`;

/** The states in which no credits are reserved any more for a system task. */
const releasedStates = transitionNames
  .map(transition)
  .flatMap(({ credits, to }) => (credits === 'release' ? [to] : []));

const isTold = sql`not exists (select 1 from outbox o where o.task_id = t.id)`;

/** The event that begins a match `m`. */
const beginning = sql`case when m.rank = ${sql.lit(offered)} then ${type('task_offered')} else ${type('task_matched')} end`;

/** Checks over ranges of tasks. */
export const systemChecks: readonly Check[] = [
  check(
    'an answered system task was paid once, by the mint and in full; any other was not paid',
    (scope) => sql`
      select id as subject, status || ' at ' || max_credits || ', paid ' || paid || ' in ' || payments || ' payments' as detail
      from (
        select t.id, t.status, t.max_credits, count(p.amount) as payments, coalesce(sum(p.amount), 0) as paid
        from tasks t
        left join ledger_entries e on e.task_id = t.id and e.account_id = ${sql.lit(mintAccount)} and e.task_id is not null
        left join ledger_entries p on p.transfer_id = e.transfer_id and p.account_id = t.worker_id
        where ${within(taskId, scope)} and t.kind <> 'work'
        group by t.id
      ) as compared
      where payments <> case when ${statusIn('status', paidStates)} then 1 else 0 end
        or paid <> case when ${statusIn('status', paidStates)} then max_credits else 0 end`,
  ),
  check(
    'credits are reserved only for system tasks that were not cancelled',
    (scope) => sql`
      select t.id as subject, 'is ' || t.status as detail
      from tasks t join system_tasks_posted s on s.task_id = t.id
      where ${within(taskId, scope)} and ${statusIn('t.status', [...new Set(releasedStates)])}`,
  ),
  check(
    'a match is on the board exactly while its task is',
    (scope) => sql`
      select t.id as subject, t.status || ', on the board for ' || m.agent_id || ': ' || m.on_board as detail
      from tasks t join matches m on m.task_id = t.id
      where ${within(taskId, scope)}
        and m.on_board <> case when m.left_at is null and ${statusIn('t.status', boardStates)} then 1 else 0 end`,
  ),
  check(
    'a task for chosen agents counts those that are left, and has expired when the last one leaves',
    (scope) => sql`
      select id as subject, status || ', counts ' || match_count || ', has ' || has as detail from (
        select t.id, t.status, t.match_count, t.is_for_chosen, t.expires_at,
          (select count(*) from matches m where m.task_id = t.id and m.rank = ${sql.lit(offered)} and m.left_at is null) as has,
          (select coalesce(max(m.left_at), 0) from matches m where m.task_id = t.id) as last_left
        from tasks t where ${within(taskId, scope)}
      ) as compared
      where case when is_for_chosen = 1
        then match_count <> has or has = 0 and ${statusIn('status', boardStates)} and expires_at > last_left
        else has > 0 end`,
  ),
  check(
    'what work cost is known from approved tasks alone',
    (scope) => sql`
      select t.id as subject, t.status || ', known as ' || m.credits || ' under ' || m.tag as detail
      from tasks t join market_prices m on m.task_id = t.id
      where ${within(taskId, scope)} and (not (${statusIn('t.status', paidStates)}) or m.credits <> t.credits_charged
        or m.poster_id <> t.poster_id or m.worker_id <> t.worker_id)`,
  ),
  check(
    'every match was told',
    (scope) => sql`
      select t.id as subject, m.agent_id || ' was matched and not told' as detail
      from tasks t join matches m on m.task_id = t.id
      where ${within(taskId, scope)} and ${isTold} and (m.left_at is null or m.matched_event is not null)
        and ${isUntold(sql`m.agent_id`, sql`m.matched_event`, beginning)}`,
  ),
  check(
    'matched agents are told when the task ends without a claim',
    (scope) => sql`
      select t.id as subject, m.agent_id || ' was not told that it is ' || t.status as detail
      from tasks t join matches m on m.task_id = t.id
      where ${within(taskId, scope)} and ${isTold} and ${statusIn('t.status', [...endEvents.keys()])} and ${endedUnclaimed}
        and m.left_at is null
        and ${isUntold(sql`m.agent_id`, sql`m.ended_event`, endType)}`,
  ),
];

/** Whether an event `e` of the agent `g` has a match or a verification as its cause. */
export const tellsOfMatching = sql`
  case when e.type in (${list(['task_matched', 'task_offered', 'task_cancelled', 'task_expired'])}) then exists (
    select 1 from matches m where m.task_id = e.task_id and m.agent_id = g.id
      and e.number = case when e.type = ${beginning} then m.matched_event else m.ended_event end)
  when e.type = ${type('task_verified')} then exists (
    select 1 from tasks v where v.about_id = e.task_id and v.kind <> 'work' and v.kind = 'verify' and ${statusIn('v.status', paidStates)})
  else (1 = 0) end`;
