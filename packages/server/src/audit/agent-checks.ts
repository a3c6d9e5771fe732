import { type AccountEvents, platformId } from '@pinchwork/sdk/table';
import { type RawBuilder, sql } from 'kysely';
import { openStates, paidStates } from '../ground/states.ts';
import { statusIn } from '../storage/status.ts';
import { reviewTransitions } from '../ground/transitions.ts';
import { type Check, check, isWork, list, total, within } from './check.ts';
import {
  depositsPaid,
  isCompletedByRuling,
  isRuled,
  isSpent,
  lostAsPoster,
  lostAsWorker,
  tellsOfCancelledDispute,
} from './dispute-checks.ts';
import { owed } from './history-checks.ts';
import { tellsOfMatching } from './system-checks.ts';
import { tellsOfTalk } from './talk-checks.ts';
import { tellsOfProgress } from './terms-checks.ts';

/** The invariants of agents: their event streams, and the sums stored for each of them. */

/** Whether a task `t` was paid for. */
const isPaid = statusIn('t.status', paidStates);

const agentId = 'g.id';

/** Named numbers joined into one text, to compare and to show. */
const figures = (values: Readonly<Record<string, RawBuilder<unknown>>>) =>
  sql.join(
    Object.entries(values).map(([name, value]) => sql`${sql.lit(`${name} `)} || ${value}`),
    sql` || ', ' || `,
  );

/** Whether an event `e` tells of the agent's account. The row of what it tells of may be gone or changed since. */
const tellsOfAccount = sql`e.task_id is null and e.type in (${sql.join(
  (['key_created', 'key_revoked', 'webhook_paused'] satisfies (keyof AccountEvents)[]).map((type) => sql.lit(type)),
)})`;

/** What must be gone once all of a deleted agent is removed. */
const remains = sql`(select a.balance from accounts a where a.id = g.id) <> 0
  or g.good_at is not null or g.webhook_url is not null
  or exists (select 1 from api_keys k where k.agent_id = g.id and k.ended_at is null)
  or exists (select 1 from tasks t where t.poster_id = g.id and ${statusIn('t.status', openStates)})
  or exists (select 1 from tasks t where t.worker_id = g.id and ${statusIn('t.status', openStates)})`;

/** A sum over an agent's approved tasks. */
const sumOfApproved = (role: 'worker_id' | 'poster_id', value: RawBuilder<unknown>) => sql`(
  select coalesce(sum(${value}), 0) from tasks t where ${sql.ref(`t.${role}`)} = g.id and ${isPaid})`;

/** An aggregate over the ratings that an agent received. They come from the other party of its approved tasks. */
const ratingsReceived = (value: RawBuilder<unknown>) => sql`(
  select ${value} from (
    select id from tasks where worker_id = g.id and ${statusIn('status', paidStates)}
    union all select id from tasks where poster_id = g.id and ${statusIn('status', paidStates)}
  ) as t join reviews r on r.task_id = t.id and r.reviewed_id = g.id)`;

/** The mean rating of each rater, in thousandths, rounded down. */
const meansOfRaters = sql`(
  select 1000 * cast(sum(r.rating) as bigint) / count(r.rating) as mean from (
    select id from tasks where worker_id = g.id and ${statusIn('status', paidStates)}
    union all select id from tasks where poster_id = g.id and ${statusIn('status', paidStates)}
  ) as t join reviews r on r.task_id = t.id and r.reviewed_id = g.id where r.rating is not null group by r.reviewer_id)`;

/** The length of the review times that are kept of a poster: four digits for each of its last 20 reviews. */
const keptReviews = sql`(
  select case when count(*) < 20 then 4 * count(*) else 80 end from tasks t
    join task_transitions h on h.task_id = t.id and h.transition in (${list(reviewTransitions)})
  where t.poster_id = g.id and ${isWork})`;

/** Checks over ranges of agents. */
export const standingChecks: readonly Check[] = [
  check(
    'an event stream is numbered without gaps',
    (scope) => sql`
      select id as subject, kept || ' events from ' || first || ', the last number drawn is ' || last_number as detail from (
        select g.id, c.last_number,
          (select count(*) from events e where e.agent_id = g.id) as kept,
          (select coalesce(min(e.number), c.last_number + 1) from events e where e.agent_id = g.id) as first
        from agents g join event_cursors c on c.agent_id = g.id where ${within(agentId, scope)}
      ) as counted
      where kept <> last_number - first + 1`,
  ),
  check(
    'every event has a cause',
    (scope) => sql`
      select g.id as subject, 'event ' || e.number || ' (' || e.type || ') has no cause' as detail
      from agents g join events e on e.agent_id = g.id
      where ${within(agentId, scope)} and not (${tellsOfTalk}) and not (${tellsOfProgress})
        and not (${tellsOfMatching}) and not (${tellsOfAccount})
        and not (${tellsOfCancelledDispute}) and not exists (
        select 1 from task_transitions h join tasks t on t.id = h.task_id
        where h.task_id = e.task_id and (
          (h.poster_event = e.number and t.poster_id = g.id and e.type = ${owed('poster')})
          or (h.worker_event = e.number and h.worker_id = g.id and e.type = ${owed('worker')})))`,
  ),
  check(
    "an agent's stored counts match its tasks",
    (scope) => sql`
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
            raters: sql`g.raters`,
            means: sql`g.rater_means_e3`,
            lost: sql`g.disputes_lost`,
            posters_lost: sql`g.disputes_lost_as_poster`,
            approvals_given: sql`g.approvals_given`,
            rejections_given: sql`g.rejections_given`,
            rulings: sql`g.rulings_completed`,
            cancelled: sql`g.cancelled_after_rejection`,
            reviews: sql`length(g.recent_reviews)`,
          })} as says,
          ${figures({
            posted: sql`(select count(*) from tasks t where t.poster_id = g.id)`,
            completed: sql`(select count(*) from tasks t where t.worker_id = g.id and ${isPaid}
              and (${isCompletedByRuling} or not (${isRuled})))`,
            approved: sql`(select count(*) from tasks t where t.worker_id = g.id and ${isPaid} and ${isWork}
              and not (${isRuled}))`,
            rejected: sql`(select count(*) from rejected_deliveries d where d.worker_id = g.id)`,
            earned: sumOfApproved('worker_id', sql`t.credits_charged - t.credits_charged * t.fee_ppm / 1000000`),
            fees: sumOfApproved('worker_id', sql`t.credits_charged * t.fee_ppm / 1000000`),
            spent: sumOfApproved('poster_id', sql`t.credits_charged`),
            ratings: ratingsReceived(sql`count(r.rating)`),
            stars: ratingsReceived(sql`coalesce(sum(r.rating), 0)`),
            raters: ratingsReceived(sql`count(distinct case when r.rating is not null then r.reviewer_id end)`),
            means: sql`(select coalesce(sum(mean), 0) from ${meansOfRaters} as means)`,
            lost: lostAsWorker,
            posters_lost: lostAsPoster,
            approvals_given: sql`(select count(*) from tasks t where t.poster_id = g.id and ${isPaid} and ${isWork}
              and not (${isRuled}))`,
            rejections_given: sql`(select coalesce(sum(t.rejection_count), 0) from tasks t where t.poster_id = g.id)`,
            rulings: sql`(select count(*) from tasks t where t.poster_id = g.id and ${isPaid} and ${isCompletedByRuling})`,
            cancelled: sql`(select count(*) from tasks t join task_transitions h on h.task_id = t.id and h.version = t.version
              where t.poster_id = g.id and t.rejection_count > 0 and h.transition = 'cancel')`,
            reviews: keptReviews,
          })} as has
        from agents g where ${within(agentId, scope)} and g.id <> ${sql.lit(platformId)}
      ) as compared
      where says <> has`,
  ),
  check(
    "the last total of an agent's earnings over time is what it earned",
    (scope) => sql`
      select id as subject, 'earned ' || earned || ', the last total is ' || last_total as detail from (
        select g.id, g.earned,
          coalesce((select e.total from earnings e where e.agent_id = g.id order by e.at desc, e.total desc limit 1), 0) as last_total
        from agents g where ${within(agentId, scope)}
      ) as compared
      where earned <> last_total`,
  ),
  check(
    'what keys have spent is what their tasks and deposits held',
    (scope) => sql`
      select id as subject, 'spent ' || spent || ', tasks and deposits held ' || held as detail from (
        select g.id,
          (select coalesce(sum(s.amount), 0) from key_spending s where s.agent_id = g.id) as spent,
          (select coalesce(sum(t.max_credits), 0) from tasks t
            where t.poster_id = g.id and ${isSpent(sql.ref('t.created_at'))})
          + ${depositsPaid} as held
        from agents g where ${within(agentId, scope)}
      ) as compared
      where spent <> held`,
  ),
  check(
    'a deleted agent has no credits, keys, profile or open tasks',
    (scope) => sql`
      select g.id as subject, 'something is left' as detail from agents g
      where ${within(agentId, scope)} and g.deleted_at is not null and g.erase_due_at is null and (${remains})`,
  ),
  check(
    "an agent's trust rows count all its interactions",
    (scope) => sql`
      select id as subject, counted || ' interactions counted, had ' || had as detail from (
        select g.id,
          (select coalesce(sum(s.interactions), 0) from trust s where s.truster_id = g.id) as counted,
          (select coalesce(sum(case when ${isPaid} and not (${isRuled}) then 1 else 0 end + t.rejection_count), 0)
            from tasks t where t.poster_id = g.id and ${isWork})
          + (select count(*) from tasks t where t.worker_id = g.id and ${isPaid} and ${isWork} and not (${isRuled}))
          + (select count(*) from tasks t join reviews r on r.task_id = t.id and r.reviewer_id = g.id
            where t.worker_id = g.id and ${isPaid}) as had
        from agents g where ${within(agentId, scope)}
      ) as compared
      where counted <> had`,
  ),
];

/** The number of agents in a range, and of their events. */
export const agentTotals = total<{ agents: number; events: number }>(
  'agentTotals',
  (scope) => sql`
    select count(*) as agents,
      coalesce(sum((select count(*) from events e where e.agent_id = g.id)), 0) as events
    from agents g where ${within(agentId, scope)} and g.id <> ${sql.lit(platformId)}`,
);
