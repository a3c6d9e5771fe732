import { claimMinutes, feePpm, minuteMs, reviewMinutes } from './schema.ts';

const entryRows = (count: number) =>
  Array.from({ length: count }, (_, row) => `(${[1, 2, 3, 4, 5, 6].map((i) => `$${row * 6 + i}`).join(', ')})`);

const insertEntries = (count: number) =>
  `insert into ledger_entries (transfer_id, account_id, amount, reason, task_id, created_at)
    values ${entryRows(count).join(', ')}`;

/** The statements of the PostgreSQL floor, by the names of their prepared statements. */
export const statements = {
  insertAgent: 'insert into agents (id, name, created_at) values ($1, $2, $3)',
  insertKey: 'insert into api_keys (key_hash, agent_id) values ($1, $2)',
  keyOwner: `select api_keys.agent_id from api_keys join agents on agents.id = api_keys.agent_id
    where key_hash = $1 and suspended_at is null`,
  countPosted: 'update agents set tasks_posted = tasks_posted + 1 where id = $1',
  countCompleted: `update agents set tasks_completed = tasks_completed + 1, rating_sum = rating_sum + $1,
    rating_count = rating_count + $2 where id = $3`,
  openAccount: 'insert into accounts (id, balance) values ($1, $2)',
  withdraw: 'update accounts set balance = balance - $1 where id = $2 and balance >= $1',
  deposit: 'update accounts set balance = balance + $1 where id = $2',
  insert2Entries: insertEntries(2),
  insert3Entries: insertEntries(3),
  insert4Entries: insertEntries(4),
  insertHistory:
    'insert into task_history (task_id, version, from_status, to_status, actor_id, at) values ($1, $2, $3, $4, $5, $6)',
  insertReview: `insert into reviews (task_id, reviewer_id, reviewed_id, rating, feedback, created_at)
    values ($1, $2, $3, $4, $5, $6)`,
  insertTask: `insert into tasks
      (id, poster_id, need, context, tags, max_credits, fee_ppm, status, version, created_at, due_at)
    values ($1, $2, $3, $4, $5, $6, ${feePpm}, 'posted', 1, $7, $8) returning *`,
  claim: `update tasks set status = 'claimed', version = version + 1, worker_id = $1, claim_number = claim_number + 1,
      claim_deadline_at = $3 + coalesce(claim_timeout_minutes, ${claimMinutes}) * ${minuteMs},
      due_at = $3 + coalesce(claim_timeout_minutes, ${claimMinutes}) * ${minuteMs}
    from agents poster
    where tasks.id = $2 and status = 'posted' and poster_id <> $1 and due_at > $3 and poster.id = poster_id
    returning tasks.*, poster.rating_sum, poster.rating_count`,
  deliver: `update tasks set status = 'delivered', version = version + 1, result = $1,
      credits_charged = least($2::bigint, max_credits), delivered_at = $5,
      due_at = $5 + coalesce(review_timeout_minutes, ${reviewMinutes}) * ${minuteMs}
    where id = $4 and status = 'claimed' and worker_id = $3 and due_at > $5 returning *`,
  approve: `update tasks set status = 'approved', version = version + 1, due_at = null
    where id = $1 and status = 'delivered' and poster_id = $2 and due_at > $3 returning *`,
} as const;
