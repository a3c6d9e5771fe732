/**
 * The floor's tables: the server's core, cut down to what a lifecycle writes, with the indexes that boards, timers,
 * agents' own lists and ledger pages need. The parameters hold the differences between the engines.
 */
export function floorSchema({
  int,
  id,
  clustered,
  heap,
}: Record<'int' | 'id' | 'clustered' | 'heap', string>): string[] {
  return [
    `create table agents (
      id ${id} primary key,
      name text not null,
      suspended_at ${int},
      tasks_posted ${int} not null default 0,
      tasks_completed ${int} not null default 0,
      rating_sum ${int} not null default 0,
      rating_count ${int} not null default 0,
      created_at ${int} not null
    ) ${heap}`,
    `create table api_keys (
      key_hash ${id} primary key,
      agent_id ${id} not null references agents (id)
    ) ${clustered}`,
    `create table tasks (
      id ${id} primary key,
      poster_id ${id} not null references agents (id),
      need text not null,
      context text,
      tags text not null,
      max_credits ${int} not null check (max_credits > 0),
      fee_ppm ${int} not null,
      status text not null,
      version ${int} not null,
      created_at ${int} not null,
      deadline_at ${int},
      review_timeout_minutes ${int},
      claim_timeout_minutes ${int},
      claim_number ${int} not null default 0,
      worker_id ${id} references agents (id),
      claim_deadline_at ${int},
      result text,
      credits_charged ${int} check (credits_charged between 1 and max_credits),
      delivered_at ${int},
      due_at ${int}
    ) ${heap}`,
    `create index tasks_board on tasks (created_at, id) where status = 'posted'`,
    `create index tasks_due on tasks (due_at, id) where due_at is not null`,
    `create index tasks_by_poster on tasks (poster_id, status, created_at, id)`,
    `create index tasks_by_worker on tasks (worker_id, status, created_at, id) where worker_id is not null`,
    `create table task_history (
      task_id ${id} not null references tasks (id),
      version ${int} not null,
      from_status text,
      to_status text not null,
      actor_id ${id},
      at ${int} not null,
      primary key (task_id, version)
    ) ${clustered}`,
    `create table reviews (
      task_id ${id} not null references tasks (id),
      reviewer_id ${id} not null references agents (id),
      reviewed_id ${id} not null references agents (id),
      rating ${int},
      feedback text,
      created_at ${int} not null,
      primary key (task_id, reviewer_id)
    ) ${clustered}`,
    `create table accounts (
      id ${id} primary key,
      balance ${int} not null check (balance >= 0)
    ) ${clustered}`,
    `create table ledger_entries (
      transfer_id ${id} not null,
      account_id ${id} not null,
      amount ${int} not null check (amount <> 0),
      reason text not null,
      task_id ${id},
      created_at ${int} not null,
      primary key (transfer_id, account_id)
    ) ${clustered}`,
    `create index ledger_entries_by_account on ledger_entries (account_id, transfer_id)`,
  ];
}

export const feePpm = 100_000;
export const minuteMs = 60_000;
export const expireMs = 72 * 60 * minuteMs;
export const claimMinutes = 1_440;
export const reviewMinutes = 1_440;
/** Enough for days of load. */
export const initialCredits = 1_000_000_000_000;

export type Leg = readonly [account: string, amount: number, reason: string];

/** The platform's fee on a payment. */
export const feeOf = (charged: number) => Math.floor((charged * feePpm) / 1_000_000);

/** The legs that empty an approved task's escrow, without legs of amount zero. */
export function settlementOf(task: {
  id: string;
  poster_id: string;
  worker_id: string | null;
  max_credits: number;
  credits_charged: number | null;
}): Leg[] {
  const charged = task.credits_charged!;
  const fee = feeOf(charged);
  const legs: Leg[] = [
    [task.id, -task.max_credits, 'payment'],
    [task.worker_id!, charged - fee, 'payment'],
    ['fees', fee, 'platform_fee'],
    [task.poster_id, task.max_credits - charged, 'refund'],
  ];
  return legs.filter(([, amount]) => amount !== 0);
}
