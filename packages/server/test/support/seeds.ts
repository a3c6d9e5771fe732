/** The number of rows in each growing table. On empty tables a planner always reads the whole table. */
const rows = 20_000;

/** Statements that fill the growing tables. */
export function seeds(agent: string): string[] {
  const each = `with recursive n (i) as (select 1 union all select i + 1 from n where i < ${rows})`;
  const id = (prefix: string) => `'${prefix}' || substr('000000000000' || i, length('000000000000' || i) - 11)`;
  const at = '1893456000000 - i';
  return [
    `${each} insert into agents (id, name, created_at) select ${id('ag-')}, 'seed', ${at} from n`,
    `${each} insert into accounts (id, balance) select ${id('ag-')}, 0 from n`,
    `${each} insert into accounts (id, balance) select ${id('tk-')}, 0 from n`,
    `${each} insert into audited_balances (account_id, transfer_id, balance) select ${id('ag-')}, 'le-', 0 from n`,
    `${each} insert into api_keys (id, agent_id, key_hash, name, scopes, budget_id, created_at, expires_at)
       select ${id('ky-')}, ${id('ag-')}, 'x', 'seed', 'read', ${id('ky-')}, ${at}, case when i % 2 = 0 then ${at} end from n`,
    `${each} insert into key_spending (agent_id, at, budget_id, amount) select ${id('ag-')}, ${at}, ${id('ky-')}, 1 from n`,
    `${each} insert into invites (id, code_hash, uses, created_at) select ${id('in-')}, ${id('')}, 1, ${at} from n`,
    // One agent has half of all rows, and the others a few each. A third of the tasks are on the board.
    `${each} insert into tasks (id, poster_id, worker_id, need, tags, max_credits, fee_ppm, status, version, created_at, expires_at, claim_number, credits_charged)
       select ${id('tk-')}, case when i % 2 = 0 then '${agent}' else ${id('ag-')} end, case when i % 3 = 0 then null when i % 2 = 1 then '${agent}' else ${id('ag-')} end,
         'seed', '["common"]', 1, 0, case i % 3 when 0 then 'posted' else 'approved' end, 1, ${at}, 1993456000000 + i, 1, 1 from n`,
    // System tasks. Waiting ones come after those that the test makes.
    `${each} insert into tasks (id, kind, about_id, poster_id, need, tags, max_credits, fee_ppm, status, version, created_at, expires_at)
       select ${id('ts-')}, case i % 3 when 0 then 'match' when 1 then 'verify' else 'extract' end, ${id('tk-')}, 'ag-platform',
         '', '[]', 1, 0, case i % 3 when 2 then 'posted' else 'cancelled' end, 1, 1993456000000 + i, 2093456000000 from n`,
    `${each} insert into board_tags (tag, created_at, task_id) select 'common', ${at}, ${id('tk-')} from n where i % 3 = 0`,
    // Half of the tasks for chosen agents are for one agent.
    `${each} insert into tasks (id, poster_id, need, tags, max_credits, fee_ppm, status, version, created_at, expires_at, is_for_chosen, match_count)
       select ${id('to-')}, ${id('ag-')}, 'seed', '["common"]', 1, 0, 'posted', 1, ${at}, 1993456000000 + i, 1, 1 from n`,
    `${each} insert into matches (task_id, agent_id, rank, task_created_at, on_board)
       select ${id('to-')}, case when i % 2 = 0 then '${agent}' else ${id('ag-')} end, -1, ${at}, 1 from n`,
    `${each} insert into offer_tags (tag, created_at, task_id) select 'common', ${at}, ${id('to-')} from n`,
    `${each} insert into board_hints (tag, created_at, task_id) select 'common', ${at}, ${id('tk-')} from n where i % 3 = 0`,
    `${each} insert into matches (task_id, agent_id, rank, task_created_at, on_board)
       select ${id('tk-')}, case when i % 2 = 0 then '${agent}' else ${id('ag-')} end, i % 5, ${at}, case when i % 3 = 0 then 1 else 0 end from n`,
    `${each} insert into given_up (agent_id, task_id, at)
       select case when i % 2 = 0 then '${agent}' else ${id('ag-')} end, ${id('tk-')}, ${at} from n`,
    `${each} insert into rejected_deliveries (task_id, version, claim_number, worker_id, result, credits_charged, delivered_at, rejected_at, reason)
       select ${id('tk-')}, 1, 1, ${id('ag-')}, 'seed', 1, ${at}, ${at}, 'seed' from n`,
    `${each} insert into outbox (id, task_id, type, data, created_at) select ${id('ob-')}, ${id('ts-')}, 'task_expired', '{}', ${at} from n where i <= 1000`,
    `${each} insert into system_tasks_posted (task_id, poster_id, posted_at, kind, credits, helper_id, claimed_at)
       select ${id('ts-')}, case when i % 2 = 0 then '${agent}' else ${id('ag-')} end, ${at}, 'match', 1,
         case when i % 4 = 1 then '${agent}' end, case when i % 4 = 1 then ${at} end from n`,
    `${each} insert into system_spending (period, credits) select 189345600 - i, 1 from n`,
    // One word that all agents use, and one word that is unique to each.
    `${each} insert into agent_words (word, agent_id, words) select 'common', ${id('ag-')}, 2 from n`,
    `${each} insert into agent_words (word, agent_id, words) select 'word' || i, ${id('ag-')}, 2 from n`,
    `${each} insert into word_counts (word, agents) select 'word' || i, 1 from n`,
    `insert into word_counts (word, agents) values ('common', ${rows}), ('', ${rows})`,
    `${each} insert into task_terms (task_id, for_agents, grace_minutes, context_key) select ${id('tk-')}, '[]', 5, '${agent} ' || i / 100 from n`,
    `${each} insert into text_retention (task_id, since) select ${id('tk-')}, ${at} from n`,
    `${each} insert into rejected_deliveries (task_id, version, claim_number, worker_id, result, credits_charged, delivered_at, rejected_at, reason)
       select ${id('tk-')}, 4, 1, ${id('ag-')}, 'seed', 1, ${at}, ${at}, 'seed' from n`,
    `${each} insert into reviews (task_id, reviewer_id, reviewed_id, created_at)
       select ${id('tk-')}, ${id('ag-')}, ${id('ag-')}, ${at} from n`,
    `${each} insert into told_texts (task_id, agent_id, number) select ${id('tk-')}, ${id('ag-')}, i from n`,
    `${each} insert into market_prices (tag, approved_at, task_id, poster_id, worker_id, credits, to_claim_ms, to_delivery_ms, to_approval_ms)
       select case when i % 2 = 0 then 'common' else 'word' || i end, ${at}, ${id('tk-')}, '${agent}', ${id('ag-')}, 1, 1, 1, 1 from n`,
    `${each} insert into market_hours (hour, agents, tasks_approved, credits_paid, tasks_held, credits_held) select i, 1, 1, 1, 1, 1 from n`,
    // One dispute in ten is open, and one agent has half of all as poster, worker and judge.
    `${each} insert into disputes (id, task_id, claim_number, poster_id, worker_id, reason, deposit, charged, judges, default_share,
         opened_at, half_at, deadline_at, status, worker_share, credits, resolved_at, look_at, waits_since)
       select ${id('dp-')}, ${id('tk-')}, 1, case when i % 2 = 0 then '${agent}' else ${id('ag-')} end,
         case when i % 2 = 1 then '${agent}' else ${id('ag-')} end, 'seed', 1, 1, 3, 0, ${at}, 1993456000000 + i, 1993456000000 + i,
         case when i % 10 = 0 then 'open' else 'ruled' end, case when i % 10 > 0 then 50 end, case when i % 10 > 0 then 1 end,
         case when i % 10 > 0 then ${at} end, case when i % 10 = 0 then 1993456000000 + i end, case when i % 20 = 0 then ${at} end from n`,
    `${each} insert into dispute_seats (task_id, dispute_id, disputed_id, judge_id, drawn_at, status)
       select ${id('ts-')}, ${id('dp-')}, ${id('tk-')}, case when i % 2 = 0 then '${agent}' else ${id('ag-')} end, ${at},
         case when i % 10 = 0 then 'open' else 'lost' end from n`,
    `${each} insert into dealings (worker_id, poster_id)
       select case when i % 2 = 0 then '${agent}' else ${id('ag-')} end, case when i % 2 = 1 then '${agent}' else ${id('ag-')} end from n`,
    `${each} insert into task_transitions (task_id, version, transition, from_status, to_status, claim_number, at)
       select ${id('tk-')}, 1, 'post', null, 'posted', 0, ${at} from n`,
    `${each} insert into ledger_entries (transfer_id, account_id, amount, reason, created_at)
       select ${id('le-')}, case when i % 2 = 0 then '${agent}' else ${id('ag-')} end, 1, 'seed', ${at} from n`,
    `${each} insert into events (agent_id, number, type, task_id, data, created_at)
       select case when i % 2 = 0 then '${agent}' else ${id('ag-')} end, 1000 + i, 'task_claimed', ${id('tk-')}, '{}', ${at} from n`,
    `${each} insert into event_cursors (agent_id, last_number) select ${id('ag-')}, 1000 + i from n`,
    // Half of all talk is about one task, and half of that from one agent.
    `${each} insert into questions (id, task_id, asker_id, question, created_at, asked_event)
       select ${id('qa-')}, case when i % 2 = 0 then 'tk-000000000001' else ${id('tk-')} end,
         case when i % 4 = 0 then '${agent}' else ${id('ag-')} end, 'seed', ${at}, 1 from n`,
    `${each} insert into messages (id, task_id, claim_number, worker_id, sender_id, message, created_at, event)
       select ${id('msg-')}, case when i % 2 = 0 then 'tk-000000000001' else ${id('tk-')} end, 1,
         case when i % 4 = 0 then '${agent}' else ${id('ag-')} end, ${id('ag-')}, 'seed', ${at}, 1 from n`,
    `${each} insert into reports (id, task_id, reporter_id, reason, status, created_at)
       select ${id('rp-')}, ${id('tk-')}, ${id('ag-')}, 'seed', 'open', ${at} from n`,
    `${each} insert into admin_actions (id, action, subject, address, before, after, created_at)
       select ${id('aa-')}, 'grant_credits', ${id('ag-')}, '', '{}', '{}', ${at} from n`,
    `${each} insert into idempotency_keys (scope, key, fingerprint, reply, expires_at)
       select '${agent}', ${id('')}, '', '', ${at} from n`,
    `${each} insert into agent_tags (agent_id, tag, name, tasks_completed, is_capability) select ${id('ag-')}, 'common', 'common', i, i % 2 from n`,
    `${each} insert into agent_tags (agent_id, tag, name, tasks_completed) select '${agent}', 'own' || i, 'own' || i, i from n where i <= 5000`,
    `${each} insert into trust (truster_id, trusted_id, score, interactions, updated_at)
       select '${agent}', ${id('ag-')}, 0.5, 1, ${at} from n`,
    `${each} insert into earnings (agent_id, at, total)
       select case when i % 2 = 0 then '${agent}' else ${id('ag-')} end, ${at}, i from n`,
    // One delivery waits for each hundred or more that have ended.
    `${each} insert into webhook_deliveries (agent_id, id, event_number, event, data, created_at, status, tries, next_at, forget_at)
       select case when i % 2 = 0 then '${agent}' else ${id('ag-')} end, ${id('wd-')}, i, 'task_claimed', '{}', ${at},
         case when i % 300 = 0 then 'pending' when i % 2 = 0 then 'dead' else 'delivered' end, i / 300 % 2,
         case i % 300 when 0 then 1993456000000 + i end, case when i % 300 > 0 then 1993456000000 + i end from n`,
    `${each} insert into webhook_receivers (agent_id, due_at, failing) select ${id('ag-')}, 1993456000000 + i, i % 2 from n`,
    `${each} insert into push_configs (task_id, name, agent_id, budget_id, a2a_version, url, told_version, status, since, failing, due_at, forget_at)
       select ${id('tk-')}, 'seed', case when i % 2 = 0 then '${agent}' else ${id('ag-')} end, ${id('ky-')}, '1.0', 'https://example.com', 1, 'active', 0,
         i % 2, case when i % 3 = 0 then 1993456000000 + i end, case when i % 3 = 1 then 1993456000000 + i end from n`,
    `${each} insert into stuck_timers (task_id, due_at, attempts, error, retry_at)
       select ${id('tx-')}, ${at}, 1, 'seed', 1993456000000 + i from n`,
    `${each} insert into meta (key, value) select 'seed' || i, '0' from n`,
    `${each} insert into rate_windows (key, count, ends_at) select ${id('')}, 1, 1893456000000 + i from n`,
    `${each} insert into texts_written (agent_id, hour, bytes) select ${id('ag-')}, 525960 + i, 1 from n`,
    `${each} insert into webhook_hosts (host, used_at) select ${id('')}, 1893456000000 + i from n`,
    `${each} insert into webhook_requests (host, second, agent_id, count) select ${id('')}, 1893456000 + i, ${id('ag-')}, 1 from n`,
  ];
}
