import { sql } from 'kysely';
import { transitions } from '../ground/machine.ts';
import { statusIn } from '../storage/status.ts';
import { type Check, check, within } from './check.ts';

/** The invariants of the terms of tasks. */

const taskId = 't.id';

/** A claim that a worker must keep by heartbeats: it is in work, and no grace runs. */
const isLeased = sql`${statusIn('t.status', [transitions.missHeartbeat.from])} and t.grace_deadline_at is null
  and exists (select 1 from task_terms terms where terms.task_id = t.id and terms.heartbeat_minutes is not null)`;

/** Checks over ranges of tasks. */
export const termsChecks: readonly Check[] = [
  check(
    'a lease runs exactly while its worker works on the task without a grace',
    (scope) => sql`
      select t.id as subject, t.status || ', heartbeat due at ' || coalesce(cast(t.heartbeat_deadline_at as text), 'no time') as detail
      from tasks t
      where ${within(taskId, scope)} and t.kind = 'work' and (t.heartbeat_deadline_at is not null) <> (${isLeased})`,
  ),
  check(
    'only a task with auto_approve is approved at once with its delivery',
    (scope) => sql`
      select t.id as subject, 'version ' || cast(h.version as text) as detail
      from tasks t join task_transitions h on h.task_id = t.id
      where ${within(taskId, scope)} and h.transition = 'approveAtOnce' and not exists (
        select 1 from task_terms terms join task_transitions d on d.task_id = terms.task_id
        where terms.task_id = t.id and terms.auto_approve = 1
          and d.version = h.version - 1 and d.transition = 'deliver' and d.at = h.at)`,
  ),
];

/** Whether an event `e` of an agent `g` tells of the progress of its task: a worker had claimed it by then. */
export const tellsOfProgress = sql`e.type = 'task_progress' and exists (
  select 1 from task_transitions h join tasks t on t.id = h.task_id
  where h.task_id = e.task_id and t.poster_id = g.id and h.transition = 'claim')`;
