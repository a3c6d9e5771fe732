import { taskKinds, textsRemoved, verificationModes } from '@pinchwork/sdk/table';
import { type RawBuilder, sql } from 'kysely';
import type { ClockColumn } from '../../../ground/machine/rows.ts';
import { allStates, boardStates, endedStates, openStates, workerStates } from '../../../ground/states.ts';
import { clocksOf, statesPastBoard } from '../../../ground/transitions.ts';
import { isNoneOf, isOneOf } from '../../one-of.ts';
import type { StepSql, TableDefinition } from '../../step-sql.ts';
import { createTable } from '../../table.ts';

/** Replaces a deadline that is not set. It is later than all others. */
const never = sql.lit(Number.MAX_SAFE_INTEGER);

/** The earliest of the given columns, or null when none of them is set. */
function earliest([first, ...others]: readonly ClockColumn[]): RawBuilder<unknown> {
  if (first === undefined) return sql`null`;
  if (others.length === 0) return sql.ref(first);
  const comesFirst = others.map(
    (other) => sql`coalesce(${sql.ref(first)}, ${never}) <= coalesce(${sql.ref(other)}, ${never})`,
  );
  return sql`case when ${sql.join(comesFirst, sql` and `)} then ${sql.ref(first)} else ${earliest(others)} end`;
}

const dueInState = openStates.map((status) => sql`when ${sql.lit(status)} then ${earliest(clocksOf(status))}`);
const isOnBoard = isOneOf('status', boardStates);

/** The table of tasks. Its checks and generated columns derive from the table of states. */
export const tasksTable = ({ int, id, heap }: StepSql): TableDefinition => ({
  name: 'tasks',
  columns: sql`
    id ${id} primary key,
    kind ${id} not null default 'work' check (${isOneOf('kind', taskKinds)}),
    poster_id ${id} not null references agents (id),
    need text not null,
    context text,
    tags text not null,
    has_terms ${int} not null default 0 check (${isOneOf('has_terms', [0, 1])}),
    hints text not null default '[]',
    max_credits ${int} not null check (max_credits > 0),
    fee_ppm ${int} not null check (fee_ppm between 0 and 1000000),
    status text not null,
    version ${int} not null,
    created_at ${int} not null,
    expires_at ${int} not null,
    deadline_at ${int},
    review_timeout_minutes ${int},
    claim_timeout_minutes ${int},
    claim_number ${int} not null default 0,
    worker_id ${id} references agents (id),
    claim_deadline_at ${int},
    grace_deadline_at ${int},
    heartbeat_deadline_at ${int},
    progress ${int} check (progress between 0 and 100),
    progress_note text,
    progress_told_at ${int},
    review_deadline_at ${int},
    result text,
    credits_charged ${int} check (credits_charged between 1 and max_credits),
    delivered_at ${int},
    rejection_count ${int} not null default 0,
    deliveries_left ${int} check (deliveries_left >= 0),
    rejection_reason text,
    rejection_feedback text,
    open_questions ${int} not null default 0,
    about_id ${id},
    about_version ${int},
    candidates text,
    matching_id ${id},
    verifying_id ${id},
    verifier_id ${id},
    verification text,
    barred text not null default '',
    is_for_chosen ${int} not null default 0 check (${isOneOf('is_for_chosen', [0, 1])}),
    match_count ${int} not null default 0,
    held_until ${int},
    dispute_due_at ${int},
    dispute_credits ${int},
    texts_removed text check (${isOneOf('texts_removed', textsRemoved)})`,
  // due_at: when the clock acts next (contract section 3). It is one column to index, to wait for and to guard by.
  generated: { due_at: sql`${int} generated always as (case status ${sql.join(dueInState, sql` `)} end) stored` },
  checks: {
    tasks_status: isOneOf('status', allStates),
    tasks_open_is_due: sql`${isOneOf('status', endedStates)} or due_at is not null`,
    tasks_worker: sql`${isOneOf('status', workerStates)} = (worker_id is not null)`,
  },
  indexes: {
    // The index holds the columns that decide whether a task is open to an agent, so that other tasks are skipped
    // without reading their rows.
    tasks_open: sql`(created_at, id, poster_id, due_at, held_until) where ${isOnBoard} and kind = 'work' and is_for_chosen = 0`,
    tasks_offered: sql`(created_at, id) where ${isOnBoard} and kind = 'work' and is_for_chosen = 1`,
    tasks_system: sql`(kind, created_at, id) where ${isOnBoard} and kind <> 'work'`,
    tasks_searchable: sql`(created_at, id) where kind = 'work' and is_for_chosen = 0 and ${isNoneOf('status', statesPastBoard)}`,
    tasks_about: sql`(about_id) where kind <> 'work'`,
    tasks_due: sql`(due_at, id) where due_at is not null`,
    tasks_by_poster: sql`(poster_id, status, created_at, id, max_credits)`,
    // With the kind, so that an agent's claims are counted in the index alone.
    tasks_by_worker: sql`(worker_id, status, created_at, id, kind) where worker_id is not null`,
  },
  ending: heap,
});

/** Tasks with their history, deliveries and reviews. */
export async function taskTables(step: StepSql): Promise<void> {
  const { run, int, id, clustered, heap } = step;
  await createTable(step, tasksTable(step));

  await run(sql`create table task_terms (
    task_id ${id} primary key references tasks (id),
    for_agents text,
    acceptance text,
    auto_approve ${int} check (auto_approve = 1),
    unfit_claim ${int},
    grace_minutes ${int},
    heartbeat_minutes ${int},
    verification ${id} check (${isOneOf('verification', verificationModes)}),
    context_key ${id}
  ) ${clustered}`);
  await run(sql`create index task_terms_by_context on task_terms (context_key, task_id) where context_key is not null`);

  await run(sql`create table task_transitions (
    task_id ${id} not null references tasks (id),
    version ${int} not null,
    transition text not null,
    from_status text,
    to_status text not null,
    actor_id ${id},
    worker_id ${id},
    claim_number ${int} not null,
    at ${int} not null,
    poster_event ${int},
    worker_event ${int},
    primary key (task_id, version)
  ) ${clustered}`);
  // To find the deliveries that nobody paid for, when an agent deletes itself.
  await run(sql`create index deliveries_cancelled on task_transitions (worker_id, task_id)
    where transition = 'cancelDelivered'`);

  await run(sql`create table rejected_deliveries (
    task_id ${id} not null references tasks (id),
    version ${int} not null,
    claim_number ${int} not null,
    worker_id ${id} not null references agents (id),
    result text not null,
    credits_charged ${int} not null,
    delivered_at ${int} not null,
    rejected_at ${int} not null,
    reason text not null,
    feedback text,
    primary key (task_id, version)
  ) ${heap}`);
  await run(sql`create index rejected_deliveries_by_worker on rejected_deliveries (worker_id, task_id)`);

  await run(sql`create table reviews (
    task_id ${id} not null references tasks (id),
    reviewer_id ${id} not null references agents (id),
    reviewed_id ${id} not null references agents (id),
    rating ${int} check (rating between 1 and 5),
    feedback text,
    created_at ${int} not null,
    primary key (task_id, reviewer_id)
  ) ${clustered}`);

  await run(sql`create table text_retention (
    task_id ${id} primary key references tasks (id),
    since ${int} not null
  ) ${clustered}`);
  await run(sql`create index text_retention_by_age on text_retention (since, task_id)`);

  await run(sql`create table stuck_timers (
    task_id ${id} primary key references tasks (id),
    due_at ${int} not null,
    attempts ${int} not null,
    error text not null,
    retry_at ${int} not null
  ) ${clustered}`);
}
