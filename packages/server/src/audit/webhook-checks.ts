import { type RawBuilder, sql } from 'kysely';
import { type Check, check, within } from './check.ts';

/** The invariants of webhook deliveries. Checks over ranges of agents. */

const agentId = 'g.id';

/** Whether an event's type is among those that go to the webhook of a cursor `c`. */
const isWanted = (type: RawBuilder<unknown>) =>
  sql`(c.webhook_events is null or ',' || c.webhook_events || ',' like '%,' || ${type} || ',%')`;

export const webhookChecks: readonly Check[] = [
  check(
    'every event of an agent with a webhook has its delivery',
    (scope) => sql`
      select g.id as subject, 'event ' || e.number || ' (' || e.type || ') has no delivery' as detail
      from agents g
      join event_cursors c on c.agent_id = g.id
      join events e on e.agent_id = g.id and e.number >= c.webhook_from
      where ${within(agentId, scope)} and e.created_at > ${scope.deliveries_since}
        and ${isWanted(sql.ref('e.type'))}
        and not exists (select 1 from webhook_deliveries d where d.agent_id = g.id and d.event_number = e.number)`,
  ),
  check(
    'every delivery belongs to an event of its agent and has the same content',
    (scope) => sql`
      select g.id as subject, d.id || ' differs from event ' || d.event_number as detail
      from agents g
      join webhook_deliveries d on d.agent_id = g.id and d.event_number is not null
      where ${within(agentId, scope)}
        and not exists (
          select 1 from events e where e.agent_id = g.id and e.number = d.event_number
            and e.type = d.event and e.task_id is not distinct from d.task_id and e.data = d.data and e.created_at = d.created_at)
        and d.event_number >= coalesce(
          (select min(e.number) from events e where e.agent_id = g.id),
          (select c.last_number + 1 from event_cursors c where c.agent_id = g.id), 0)`,
  ),
  check(
    'a delivery that has ended was attempted',
    (scope) => sql`
      select g.id as subject, d.id || ' is ' || d.status || ' without an attempt' as detail
      from agents g join webhook_deliveries d on d.agent_id = g.id and d.next_at is null
      where ${within(agentId, scope)} and d.attempts = '[]'`,
  ),
  check(
    'a receiver with waiting deliveries is scheduled',
    (scope) => sql`
      select g.id as subject, 'deliveries wait, and the receiver is not scheduled' as detail
      from agents g
      where ${within(agentId, scope)} and g.suspended_at is null
        and exists (select 1 from webhook_deliveries d where d.agent_id = g.id and d.status = 'pending')
        and not exists (select 1 from webhook_receivers w where w.agent_id = g.id and w.due_at is not null)`,
  ),
  check(
    'the test of a held receiver is pending',
    (scope) => sql`
      select g.id as subject, w.status || ', with the test ' || w.probe_id as detail
      from agents g join webhook_receivers w on w.agent_id = g.id and w.probe_id is not null
      where ${within(agentId, scope)} and (w.status = 'active' or not exists (
        select 1 from webhook_deliveries d where d.agent_id = g.id and d.id = w.probe_id and d.status = 'pending'))`,
  ),
  check(
    'exactly the agents with a webhook have their events delivered',
    (scope) => sql`
      select g.id as subject, case when g.webhook_url is null then 'has no webhook' else 'has a webhook' end as detail
      from agents g left join event_cursors c on c.agent_id = g.id
      where ${within(agentId, scope)} and (g.webhook_url is null) <> (c.webhook_from is null)`,
  ),
  check(
    'a push configuration whose task has changed is due, and belongs to its poster',
    (range) => sql`
      select g.id as subject, p.task_id || ' ' || p.name || ' was told up to version ' || p.told_version as detail
      from agents g join push_configs p on p.agent_id = g.id join tasks t on t.id = p.task_id
      where ${within(agentId, range)} and (t.poster_id <> g.id or t.has_terms = 0 or p.told_version > t.version
        or (p.told_version < t.version and p.due_at is null))`,
  ),
];
