import { sql } from 'kysely';
import { isOneOf } from '../../one-of.ts';
import type { StepSql } from '../../step-sql.ts';

/** Agents, their keys, and what the market knows about each agent. */
export async function agentTables({ run, int, real, id, clustered, heap }: StepSql): Promise<void> {
  // reputation_e2: the reputation, a mean with two decimals, times 100. standing_e3: a lower bound of the mean over all
  // raters, times 1,000: as if four more had given one star. The directory sorts by it.
  await run(sql`create table agents (
    id ${id} primary key,
    name text not null,
    good_at text,
    own_tags text,
    extracted_tags text not null default '[]',
    accepts_system_tasks ${int} not null default 0 check (${isOneOf('accepts_system_tasks', [0, 1])}),
    is_named_helper ${int} not null default 0 check (${isOneOf('is_named_helper', [0, 1])}),
    judges_disputes ${int} not null default 0 check (${isOneOf('judges_disputes', [0, 1])}),
    is_named_judge ${int} not null default 0 check (${isOneOf('is_named_judge', [0, 1])}),
    network text,
    webhook_url text,
    webhook_secret text,
    suspended_at ${int},
    suspension_reason text,
    tasks_posted ${int} not null default 0,
    tasks_completed ${int} not null default 0,
    rating_sum ${int} not null default 0,
    rating_count ${int} not null default 0,
    raters ${int} not null default 0,
    rater_means_e3 ${int} not null default 0,
    active_day ${int},
    created_at ${int} not null,
    folded text not null default '',
    earned ${int} not null default 0,
    fees_paid ${int} not null default 0,
    spent ${int} not null default 0,
    deliveries_approved ${int} not null default 0,
    deliveries_rejected ${int} not null default 0,
    approvals_given ${int} not null default 0,
    rejections_given ${int} not null default 0,
    rulings_completed ${int} not null default 0,
    cancelled_after_rejection ${int} not null default 0,
    recent_reviews text not null default '',
    disputes_lost ${int} not null default 0,
    disputes_lost_as_poster ${int} not null default 0,
    abandons ${int} not null default 0,
    pickups_paused_until ${int},
    gave_up_at ${int},
    release_claims_until ${int},
    words text,
    extraction_posted_at ${int},
    extraction_due_at ${int},
    deleted_at ${int},
    erase_due_at ${int},
    reputation_e2 ${int} generated always as (case
      when rating_count = 0 then 0
      else (200 * rating_sum + rating_count) / (2 * rating_count)
    end) stored,
    standing_e3 ${int} generated always as (case
      when raters = 0 then 0
      else (rater_means_e3 + 4 * 1000) / (raters + 4)
    end) stored
  ) ${heap}`);
  for (const order of ['standing_e3', 'tasks_completed', 'rating_count']) {
    await run(
      sql`create index ${sql.raw(`agents_by_${order}`)} on agents (${sql.raw(order)}, id) where suspended_at is null`,
    );
  }
  await run(sql`create index agents_suspended on agents (suspended_at, id) where suspended_at is not null`);
  // The board checks for each task whether its poster is suspended.
  await run(sql`create index agents_suspended_by_id on agents (id) where suspended_at is not null`);
  await run(sql`create index agents_releasing on agents (id) where release_claims_until is not null`);
  await run(sql`create index agents_unindexed on agents (id) where words is null and good_at is not null`);
  await run(sql`create index agents_erasing on agents (erase_due_at, id) where erase_due_at is not null`);
  await run(
    sql`create index agents_infra on agents (is_named_helper, id) where accepts_system_tasks = 1 and suspended_at is null`,
  );
  await run(sql`create index agents_judges on agents (id) where judges_disputes = 1 and suspended_at is null`);
  await run(
    sql`create index agents_extraction_due on agents (extraction_due_at, id) where extraction_due_at is not null`,
  );

  await run(sql`create table api_keys (
    id ${id} primary key,
    agent_id ${id} not null references agents (id),
    key_hash text not null,
    name text not null,
    scopes text not null,
    max_credits_per_task ${int},
    max_credits_per_day ${int},
    budget_id ${id} not null,
    created_at ${int} not null,
    expires_at ${int},
    rotated_at ${int},
    ended_at ${int},
    last_used_at ${int}
  ) ${clustered}`);
  await run(sql`create index api_keys_by_agent on api_keys (agent_id, created_at, id)`);
  await run(sql`create index api_keys_ending on api_keys (expires_at) where expires_at is not null`);
  await run(sql`create index api_keys_ended on api_keys (ended_at) where ended_at is not null`);

  await run(sql`create table key_spending (
    agent_id ${id} not null references agents (id),
    at ${int} not null,
    budget_id ${id} not null,
    amount ${int} not null,
    primary key (agent_id, at, budget_id)
  ) ${clustered}`);
  await run(sql`create index key_spending_by_time on key_spending (at)`);

  await run(sql`create table agent_tags (
    agent_id ${id} not null references agents (id),
    tag ${id} not null,
    name text not null,
    tasks_completed ${int} not null default 0,
    earned ${int} not null default 0,
    rating_sum ${int} not null default 0,
    rating_count ${int} not null default 0,
    is_capability ${int} not null default 0 check (${isOneOf('is_capability', [0, 1])}),
    primary key (agent_id, tag)
  ) ${clustered}`);
  await run(sql`create index agent_tags_by_use on agent_tags (agent_id, tasks_completed, tag)`);
  await run(
    sql`create index agent_tags_by_tag on agent_tags (tag, agent_id) where (tasks_completed > 0 or is_capability = 1)`,
  );
  await run(sql`create index agent_tags_capable on agent_tags (tag, agent_id) where is_capability = 1`);
  await run(sql`create index agent_capabilities on agent_tags (agent_id, tag) where is_capability = 1`);

  await run(sql`create table agent_words (
    word ${id} not null,
    agent_id ${id} not null references agents (id),
    words ${int} not null check (words > 0),
    primary key (word, agent_id)
  ) ${clustered}`);
  await run(sql`create table word_counts (
    word ${id} primary key,
    agents ${int} not null check (agents >= 0)
  ) ${clustered}`);

  await run(sql`create table trust (
    truster_id ${id} not null references agents (id),
    trusted_id ${id} not null references agents (id),
    score ${real} not null check (score between 0 and 1),
    interactions ${int} not null,
    ratings ${int} not null default 0,
    stars ${int} not null default 0,
    updated_at ${int} not null,
    primary key (truster_id, trusted_id)
  ) ${clustered}`);

  await run(sql`create table earnings (
    agent_id ${id} not null references agents (id),
    at ${int} not null,
    total ${int} not null,
    primary key (agent_id, at, total)
  ) ${clustered}`);
}
