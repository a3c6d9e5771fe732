import { sql } from 'kysely';
import { transition, transitionNames } from '../ground/transitions.ts';
import { type Check, check, isUntold, total, within } from './check.ts';

/** The invariants of a task's history, and of the events of its transitions. */

const taskId = 't.id';

const legalSteps = sql.join(
  transitionNames.map((name) => {
    const { from, to } = transition(name);
    const start = sql`h.from_status is not distinct from ${sql.lit(from)}`;
    return sql`(h.transition = ${sql.lit(name)} and ${start} and h.to_status = ${sql.lit(to)})`;
  }),
  sql` or `,
);

/** An SQL `case`: the event type that each transition sends to a party. */
export function owed(party: 'poster' | 'worker') {
  const cases = transitionNames.flatMap((name) => {
    const type = transition(name).tells?.[party];
    return type === undefined ? [] : [sql`when ${sql.lit(name)} then ${sql.lit(type)}`];
  });
  return sql`case h.transition ${sql.join(cases, sql` `)} end`;
}

/**
 * Finds events that a transition should have sent and that are missing. Events pruned from the front of a stream may be
 * missing.
 */
function missingEvents(party: 'poster' | 'worker') {
  const recipient = party === 'poster' ? sql.ref('t.poster_id') : sql.ref('h.worker_id');
  const number = sql.ref(`h.${party}_event`);
  return check(
    `every transition told its ${party}`,
    (scope) => sql`
      select t.id as subject, h.transition || ' (version ' || h.version || ') told ' || ${recipient} || ' nothing' as detail
      from tasks t join task_transitions h on h.task_id = t.id
      where ${within(taskId, scope)} and ${owed(party)} is not null
        and ${isUntold(recipient, number, owed(party))}`,
  );
}

/** Checks over ranges of tasks. */
export const historyChecks: readonly Check[] = [
  check(
    'every transition in a history is in the state machine',
    (scope) => sql`
      select t.id as subject, h.transition || ' from ' || coalesce(h.from_status, 'nothing') || ' to ' || h.to_status as detail
      from tasks t join task_transitions h on h.task_id = t.id
      where ${within(taskId, scope)} and not (${legalSteps})`,
  ),
  check(
    'every transition in a history begins in the state where the last one ended',
    (scope) => sql`
      select t.id as subject, 'version ' || h.version || ' begins at ' || coalesce(h.from_status, 'nothing')
        || ' after ' || coalesce(p.to_status, 'no version before it') as detail
      from tasks t
      join task_transitions h on h.task_id = t.id
      left join task_transitions p on p.task_id = h.task_id and p.version = h.version - 1
      where ${within(taskId, scope)}
        and ((h.version = 1) <> (p.version is null) or h.from_status is distinct from p.to_status)`,
  ),
  check(
    'a history ends in the state that the task is in',
    (scope) => sql`
      select t.id as subject, t.status || ' at version ' || t.version || ', the history says ' || coalesce(h.to_status, 'nothing') as detail
      from tasks t left join task_transitions h on h.task_id = t.id and h.version = t.version
      where ${within(taskId, scope)} and (
        h.to_status is null or h.to_status <> t.status or h.claim_number <> t.claim_number
        or exists (select 1 from task_transitions n where n.task_id = t.id and n.version > t.version))`,
  ),
  missingEvents('poster'),
  missingEvents('worker'),
];

/** The number of tasks in a range, and of their transitions. */
export const taskTotals = total<{ tasks: number; transitions: number }>(
  'taskTotals',
  (scope) => sql`
    select count(*) as tasks,
      coalesce(sum((select count(*) from task_transitions h where h.task_id = t.id)), 0) as transitions
    from tasks t where ${within(taskId, scope)}`,
);
