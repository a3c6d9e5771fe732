import BetterSqlite from 'better-sqlite3';
import pg from 'pg';
import type { DirectoryOrder } from '@pinchwork/sdk/table';
import { expect, it, onTestFinished } from 'vitest';
import lookOnward from '../../src/rules/agents/directory-job.ts';
import audit from '../../src/audit/audit.ts';
import { oldest } from '../../src/rules/board/scan.ts';
import lookUp from '../../src/rules/board/look-up-job.ts';
import { hourMs, minuteMs } from '../../src/ground/clock.ts';
import { compile as onPostgres } from '../../src/storage/postgres/statements.ts';
import { declaredQueries, type Params, type Prepared } from '../../src/storage/prepared.ts';
import { compile as onSqlite } from '../../src/storage/sqlite/statements.ts';
import { countWaiting } from '../../src/rules/webhooks/queries.ts';
import { type Engine, type EngineName, onBothEngines } from '../support/engines.ts';
import { answer, answers, registerHelper } from '../support/helpers.ts';
import { type Agent, claimTask, deadWebhook, deliverTask, makeDelivery, Market, postTask } from '../support/market.ts';
import { lockOrderFaults } from '../support/lock-order.ts';
import { until } from '../support/receiver.ts';

/** The SQL text of a query on an engine. */
const textOf = (engine: Engine, query: Prepared<never, unknown>) =>
  (engine.name === 'SQLite' ? onSqlite : onPostgres)(query).sql;

interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
  /** PostgreSQL keeps its plan under its name, and may use a plan that ignores the values. */
  readonly isKept: boolean;
}

/** Records every statement that reaches an engine's driver, with the values of its latest run. */
function listen(): Map<string, Statement> {
  const heard = new Map<string, Statement>();
  const { prepare } = BetterSqlite.prototype;
  const { query } = pg.Client.prototype;
  BetterSqlite.prototype.prepare = function (this: BetterSqlite.Database, source: string) {
    heard.set(source, { text: source, values: [], isKept: true });
    return prepare.call(this, source);
  } as typeof prepare;
  pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
    const { name, text, values = [] } = args[0] as { name?: string; text?: string; values?: unknown[] };
    if (text !== undefined) heard.set(text, { text, values, isKept: name !== undefined });
    return (query as (...all: unknown[]) => unknown).apply(this, args);
  } as typeof query;
  onTestFinished(() => {
    BetterSqlite.prototype.prepare = prepare;
    pg.Client.prototype.query = query;
  });
  return heard;
}

/** The number of rows in each growing table. On empty tables a planner always reads the whole table. */
const rows = 20_000;

function seeds(agent: string): string[] {
  const each = `with recursive n (i) as (select 1 union all select i + 1 from n where i < ${rows})`;
  const id = (prefix: string) => `'${prefix}' || substr('000000000000' || i, length('000000000000' || i) - 11)`;
  const at = '1893456000000 - i';
  return [
    `${each} insert into agents (id, name, created_at) select ${id('ag-')}, 'seed', ${at} from n`,
    `${each} insert into accounts (id, balance) select ${id('ag-')}, 0 from n`,
    `${each} insert into accounts (id, balance) select ${id('tk-')}, 0 from n`,
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
    `${each} insert into task_terms (task_id, for_agents, grace_minutes) select ${id('tk-')}, '[]', 5 from n`,
    `${each} insert into text_retention (task_id, since) select ${id('tk-')}, ${at} from n`,
    `${each} insert into rejected_deliveries (task_id, version, claim_number, worker_id, result, credits_charged, delivered_at, rejected_at, reason)
       select ${id('tk-')}, 4, 1, ${id('ag-')}, 'seed', 1, ${at}, ${at}, 'seed' from n`,
    `${each} insert into reviews (task_id, reviewer_id, reviewed_id, created_at)
       select ${id('tk-')}, ${id('ag-')}, ${id('ag-')}, ${at} from n`,
    `${each} insert into told_texts (task_id, agent_id, number) select ${id('tk-')}, ${id('ag-')}, i from n`,
    `${each} insert into market_prices (tag, approved_at, task_id, poster_id, worker_id, credits, to_claim_ms, to_delivery_ms, to_approval_ms)
       select case when i % 2 = 0 then 'common' else 'word' || i end, ${at}, ${id('tk-')}, '${agent}', ${id('ag-')}, 1, 1, 1, 1 from n`,
    `${each} insert into market_hours (hour, agents, tasks_approved, credits_paid) select i, 1, 1, 1 from n`,
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
    `${each} insert into stuck_timers (task_id, due_at, attempts, error, retry_at)
       select ${id('tx-')}, ${at}, 1, 'seed', 1993456000000 + i from n`,
    `${each} insert into meta (key, value) select 'seed' || i, '0' from n`,
    `${each} insert into rate_windows (key, count, ends_at) select ${id('')}, 1, 1893456000000 + i from n`,
    `${each} insert into texts_written (agent_id, hour, bytes) select ${id('ag-')}, 525960 + i, 1 from n`,
    `${each} insert into webhook_hosts (host, used_at) select ${id('')}, 1893456000000 + i from n`,
    `${each} insert into webhook_requests (host, second, agent_id, count) select ${id('')}, 1893456000 + i, ${id('ag-')}, 1 from n`,
  ];
}

/** Questions, messages and reports, as each party. */
async function talk({ admin }: Market, poster: Agent, worker: Agent): Promise<void> {
  const task = `/v1/tasks/${await postTask(poster, { max_credits: 2 })}`;
  await poster.post(`${task}/questions`, { question: 'Mine?' });
  const { body } = await worker.post(`${task}/questions`, { question: 'Why?' });
  for (let i = 0; i < 2; i++) await poster.post(`${task}/questions/${body.id}/answer`, { answer: 'So' });
  await worker.post(`${task}/report`, { reason: 'Spam' });
  await worker.get(`${task}/messages`);
  await worker.post(`${task}/pickup`);
  await worker.post(`${task}/messages`, { message: 'Half done' });
  await worker.post(`${task}/abandon`);
  await poster.post(`${task}/cancel`);
  for (const agent of [poster, worker]) {
    for (const list of ['questions', 'messages']) await agent.get(`${task}/${list}`);
  }
  const { reports } = (await admin.get('/v1/admin/reports?limit=1')).body;
  for (const query of ['?status=open', '?status=resolved', '?status=dismissed']) {
    await admin.get(`/v1/admin/reports${query}`);
  }
  await admin.post(`/v1/admin/reports/${reports[0].report_id}`, { status: 'resolved' });
  await admin.get('/v1/admin/log');
}

/** The directory in every order and with every filter, profiles, and the pages for people. */
async function discover(market: Market, task: string, agent: Agent): Promise<void> {
  const get = (url: string) => market.request({ method: 'GET', url });
  for (const order of ['reputation', 'tasks_completed', 'rating_count', 'newest']) {
    for (const filter of ['', '&tags=common', '&tags=rare', '&tags=common,rare', '&search=seed', '&min_reputation=1']) {
      expect((await get(`/v1/agents?sort_by=${order}${filter}`)).status).toBe(200);
    }
  }
  await get('/v1/agents?limit=100');
  await get('/v1/agents?search=seed&offset=10000');
  await get(`/v1/agents/${agent.id}`);
  for (const path of ['', '/prices?tags=common', '/prices?tags=common,rare']) await get(`/v1/market${path}`);
  await get('/human');
  await get(`/human/tasks/${task}`);
}

/** The figures of the market, and a watcher of its stream. */
async function watch({ ctx, clock }: Market, poster: Agent, worker: Agent): Promise<void> {
  const { stream } = ctx.feed.open('127.0.0.1');
  await worker.post(`/v1/tasks/${await deliverTask(poster, worker, { max_credits: 1, tags: ['common'] })}/abandon`);
  await poster.post(`/v1/tasks/${await deliverTask(poster, worker, { max_credits: 1, tags: ['common'] })}/approve`);
  await ctx.feed.look();
  stream.end();
  clock.advance(minuteMs);
  for (let steps = 0; steps < 100; steps++) await ctx.marketFigures.step();
}

/** Streams, reading past events, and the check for events without a signal. */
async function hear({ ctx }: Market, agent: Agent): Promise<void> {
  await agent.get('/v1/events/history?after=0');
  const { stream } = await ctx.streams.open(agent.id, { after: 0, types: undefined });
  const wait = ctx.watch.subscribe({ agentId: agent.id, keyId: undefined });
  ctx.watch.follow(wait, (await agent.get('/v1/tasks/mine')).body.tasks[0].task_id);
  await ctx.tail.catchUp();
  wait.end();
  stream.end();
}

/** Webhooks: one receiver is down, so that deliveries wait, are dead and are sent again. */
async function hook({ ctx, clock }: Market, owner: Agent, worker: Agent): Promise<void> {
  const list = '/v1/me/webhook/deliveries';
  // The receiver that is down gets its deliveries without a test.
  Object.assign(ctx.config.webhooks, { confirmsReceivers: false });
  await owner.patch('/v1/me', { webhook_url: deadWebhook });
  ctx.webhooks.start();
  await owner.post('/v1/me/webhook/test');
  const id = await makeDelivery(owner, worker);
  await until(async () => (await owner.get(`${list}?status=pending`)).body.deliveries[0]?.attempts.length === 1);
  clock.advance(minuteMs);
  ctx.webhooks.wake();
  for (const query of ['', '?status=pending', '?status=dead', '?status=delivered']) await owner.get(`${list}${query}`);
  await owner.post(`${list}/${id}/redeliver`);
  await ctx.webhooks.stop();
  // The queries of the metrics.
  await ctx.db.first(countWaiting, { limit: 100 });
}

/** Tasks for chosen agents: shown, declined, and left by an agent that deletes itself. */
async function choose(market: Market, poster: Agent): Promise<void> {
  const [one, two] = [await market.register('one'), await market.register('two')];
  const offer = () => postTask(poster, { max_credits: 1, tags: ['common'], for_agents: [one.id, two.id] });
  const [first, second] = [await offer(), await offer()];
  await two.get(`/v1/tasks/available?tags=common`);
  await two.post(`/v1/tasks/${first}/decline`);
  await two.post(`/v1/tasks/${first}/decline`);
  await two.post(`/v1/tasks/${second}/pickup`);
  await one.post(`/v1/tasks/${first}/decline`);
  await one.delete(`/v1/me?confirm=${one.id}`);
  await market.ctx.erasure.run();
  await market.ctx.outbox.run();
}

/** System tasks with answers, matched agents, and the board of an agent with capabilities. */
async function match(market: Market, poster: Agent): Promise<void> {
  const fields = { max_credits: 2, tags: ['common', 'rare'], need: 'Something common that word7 would do' };
  // There is no infra agent, so the words decide.
  const matched = await postTask(poster, fields);
  const helper = await registerHelper(market);
  const coder = await market.register('coder', { good_at: 'common things and word7' });
  const asked = await postTask(poster, fields);
  await answer(helper, answers.match([coder], ['rare', 'common']));
  await answer(helper, answers.extract(['common', 'rare', 'coding']));
  for (const query of [
    '',
    '?tags=common',
    '?tags=common,rare',
    '?offset=50',
    '?tags=common&offset=2000',
    '?search=seed',
  ]) {
    await coder.get(`/v1/tasks/available${query}`);
  }
  await coder.post(`/v1/tasks/${asked}/pickup`);
  await coder.post(`/v1/tasks/${asked}/abandon`);
  await coder.post('/v1/tasks/pickup');
  await coder.post('/v1/tasks/pickup?tags=common');
  await coder.post('/v1/tasks/pickup/batch', { count: 10, tags: ['common', 'rare'] });
  await poster.post(`/v1/tasks/${matched}/cancel`);
  await deliverTask(poster, coder, fields);
  await answer(helper, answers.verify());
  await postTask(poster, fields);
  await helper.post(`/v1/tasks/${(await helper.post('/v1/tasks/pickup')).body.task_id}/abandon`);
  await coder.patch('/v1/me', { good_at: 'word8 and nothing else that anybody says' });
  await coder.patch('/v1/me', { good_at: null });
  await market.ctx.outbox.run();
}

/** Calls everything that reads or changes rows, so that each statement is recorded. */
async function useEverything(market: Market): Promise<void> {
  const [poster, worker] = [await market.register('poster'), await market.register('worker')];
  for (const query of ['', '?tags=common', '?tags=common,rare', '?limit=5&offset=5']) {
    await worker.get(`/v1/tasks/available${query}`);
  }
  market.clock.advance(minuteMs / 2);
  await market.ctx.search.run();
  for (const query of ['search=seed', 'search=absent', 'search=s&tags=common', 'search=absent&tags=common,rare']) {
    await worker.get(`/v1/tasks/available?${query}`);
    await worker.post(`/v1/tasks/pickup?${query}`);
  }
  // Jobs in other threads are not recorded, so the same job runs in this thread too.
  for (const tags of [[], ['common']]) {
    const board = { agent: worker.id, now: market.clock.now() };
    for (const part of ['seed', 'absent']) {
      await lookUp(market.ctx.db, { board, tags, part, from: oldest, want: 1, budgetMs: 1_000 });
    }
  }
  for (const [order, from] of Object.entries({
    reputation: 9_999,
    tasks_completed: 99_999,
    rating_count: 9,
    newest: '~',
  })) {
    const shape = `${order as DirectoryOrder}/list/0` as const;
    const params = { part: 'seed', least: 0, passed: 0, reach: 1_000 };
    await lookOnward(market.ctx.db, {
      shape,
      order: order as DirectoryOrder,
      params,
      from: [from, '~'],
      want: 1,
      budgetMs: 1_000,
    });
  }
  for (const query of ['', '?role=poster', '?role=worker&status=approved', '?status=posted']) {
    await worker.get(`/v1/tasks/mine${query}`);
  }
  await worker.get('/v1/me/credits');
  await worker.post('/v1/tasks/pickup');
  await worker.post('/v1/tasks/pickup?tags=common,rare');
  const fields = { max_credits: 2, tags: ['common'] };
  const delivered = await deliverTask(poster, worker, fields);
  for (let i = 0; i < 3; i++) {
    await poster.post(`/v1/tasks/${delivered}/reject`, { reason: 'No' });
    await worker.post(`/v1/tasks/${delivered}/deliver`, { result: 'Again' });
  }
  const approved = await deliverTask(poster, worker, fields);
  await poster.post(`/v1/tasks/${approved}/approve`, { rating: 5, feedback: 'Good' }, { 'idempotency-key': 'once' });
  await worker.post(`/v1/tasks/${approved}/deliver`, { result: 'Too late' });
  for (let i = 0; i < 2; i++) await worker.post(`/v1/tasks/${approved}/rate`, { rating: 4 });
  for (const path of ['', '/stats', '/trust', '/trust?offset=5']) await worker.get(`/v1/me${path}`);
  await worker.patch('/v1/me', { good_at: 'sums' });
  await discover(market, approved, worker);
  await worker.post(`/v1/tasks/${await claimTask(poster, worker, fields)}/abandon`);
  await poster.post(`/v1/tasks/${await postTask(poster, fields)}/cancel`);
  await talk(market, poster, worker);
  await hear(market, poster);
  await watch(market, poster, worker);
  await hook(market, poster, worker);
  await match(market, poster);
  await choose(market, poster);
  await deliverTask(poster, worker, fields);
  await claimTask(poster, worker, { ...fields, deadline_minutes: 1 });
  await claimTask(poster, worker, { ...fields, claim_timeout_minutes: 1 });
  await market.admin.post('/v1/admin/agents/suspend', { agent_id: worker.id, suspended: true });
  await market.admin.post('/v1/admin/credits/grant', { agent_id: worker.id, amount: 1 });
  await market.ctx.housekeeping.run();
  await market.pass(25 * hourMs);
  await audit(market.ctx.db, { now: market.clock.now() });
}

/** Runs the queries that nothing above has run, without values. Some are used only in rare failures. */
async function runUnheard({ ctx: { db } }: Market, engine: Engine, heard: ReadonlyMap<string, Statement>) {
  const nothing = new Proxy({}, { get: () => null });
  for (const query of declaredQueries()) {
    if (heard.has(textOf(engine, query))) continue;
    // An engine may refuse to run it. By then it has been prepared and recorded.
    await db.transact('hear', (tx) => tx.run(query as Prepared<Params, unknown>, nothing)).catch(() => undefined);
  }
  // They ran without the transactions that they belong to.
  lockOrderFaults.splice(0);
  expect([...declaredQueries()].filter((query) => !heard.has(textOf(engine, query)))).toEqual([]);
}

/** What a line of a plan does with the rows of a table. */
interface Step {
  /** It reads a whole table, without an index. Needs `scans`. */
  readonly scans: boolean;
  /** It reads an index from its beginning, or sorts. Needs `bounded` or `scans`. */
  readonly reads: boolean;
}

/** Whether a name in a plan of SQLite is not a table: a value, a list that is a parameter, or a part of the statement. */
const isNoTable = (name: string, plan: readonly string[]) =>
  name === 'CONSTANT' ||
  name === 'json_each' ||
  plan.some((other) => other === `CO-ROUTINE ${name}` || other === `MATERIALIZE ${name}`);

/** PostgreSQL sorts rows that it has found to be few, and joins few rows by comparing all. */
const fewRows = 1_000;

const stepOf = {
  SQLite: (line: string, plan: readonly string[]): Step => {
    const [, name, how] = /^SCAN (\S+)(.*)$/.exec(line) ?? [];
    const isTable = name !== undefined && !isNoTable(name, plan);
    return {
      scans: line.includes('AUTOMATIC') || (isTable && how === ''),
      reads: line.includes('TEMP B-TREE') || (isTable && how!.includes(' INDEX ') && !how!.includes('VIRTUAL TABLE')),
    };
  },
  PostgreSQL: (line: string, plan: readonly string[]): Step => {
    const compared = line.startsWith('Join Filter') ? /cost=[\d.]+\.\.(\d+)/.exec(plan[plan.indexOf(line) - 1]!) : null;
    return {
      scans: line.includes('Seq Scan on') || Number(compared?.[1] ?? 0) > 100,
      reads: Number(/Sort .*rows=(\d+)/.exec(line)?.[1] ?? 0) > fewRows,
    };
  },
} satisfies Record<EngineName, (line: string, plan: readonly string[]) => Step>;

/** The lines of a plan that the query does not declare. */
const undeclared = (engine: Engine, { bounded, scans }: Prepared<never, unknown>, plan: readonly string[]) =>
  plan.filter((line) => {
    const step = stepOf[engine.name](line, plan);
    return scans === undefined && (step.scans || (step.reads && bounded === undefined));
  });

type Planner = (statement: Statement, query: Prepared<never, unknown>) => Promise<string[]>;

/**
 * Returns an engine's plan for a statement. On PostgreSQL it is the plan with these values and, for a kept statement,
 * also the generic plan.
 */
async function openPlanner(engine: Engine, url: string): Promise<Planner> {
  if (engine.name === 'SQLite') {
    const connection = new BetterSqlite(url, { readonly: true });
    onTestFinished(() => void connection.close());
    return async ({ text }) =>
      (connection.prepare(`explain query plan ${text.replaceAll('?', 'null')}`).all() as { detail: string }[]).map(
        ({ detail }) => detail,
      );
  }
  const client = new pg.Client(url);
  await client.connect();
  onTestFinished(() => client.end());
  const explain = async (statement: string, bound: readonly unknown[]) => {
    const { rows: plan } = await client.query<Record<string, string>>(`explain ${statement}`, [...bound]);
    return plan.map((row) => row['QUERY PLAN']!.trim());
  };
  return async ({ text, values, isKept }, { bounded }) => {
    // It rightly scans tables as small as the test's for some hundreds of their rows.
    await client.query(`set enable_seqscan = ${bounded === undefined ? 'on' : 'off'}; set plan_cache_mode = auto`);
    const plan = await explain(text, values);
    if (!isKept) return plan;
    await client.query(`set plan_cache_mode = force_generic_plan; prepare kept as ${text}`);
    const nulls = values.length === 0 ? '' : `(${values.map(() => 'null').join()})`;
    const generic = await explain(`execute kept ${nulls}`, []);
    await client.query('deallocate kept');
    return [...plan, ...generic];
  };
}

/** Whether a statement reads rows. All do, except plain inserts. */
const readsRows = /^\s*(select|update|delete|with)|^insert[^(]+\([^)]+\)\s+select/i;

onBothEngines('every statement', (engine) => {
  it('finds its rows through an index, in the required order', async () => {
    const heard = listen();
    const market = await Market.fresh(engine);
    const agent = await market.register('owner of much');
    await engine.vandalise(market.url, ...seeds(agent.id), ...(engine.name === 'PostgreSQL' ? ['analyze'] : []));
    await useEverything(market);
    await runUnheard(market, engine, heard);
    const planOf = await openPlanner(engine, market.url);
    const faulty: string[] = [];
    for (const query of declaredQueries()) {
      const statement = heard.get(textOf(engine, query))!;
      if (!readsRows.test(statement.text)) continue;
      const plan = await planOf(statement, query);
      const lines = undeclared(engine, query, plan);
      if (lines.length > 0) faulty.push([query.name, ...lines, 'in:', statement.text, ...plan].join('\n  '));
    }
    expect(faulty).toEqual([]);
  }, 240_000);

  // SQLite builds one for `in (…)` in a constraint, for RETURNING, and for a SELECT from the table that it adds to. It
  // takes as long as the rest of the statement.
  it.runIf(engine.name === 'SQLite')('of a lifecycle changes its rows without a temporary table', async () => {
    const market = await Market.fresh(engine);
    const [poster, worker] = [await market.register('poster'), await market.register('worker')];
    const heard = listen();
    const id = await deliverTask(poster, worker, { tags: ['one', 'two'] });
    expect((await poster.post(`/v1/tasks/${id}/approve`, { rating: 5 })).status).toBe(200);
    const connection = new BetterSqlite(market.url, { readonly: true });
    onTestFinished(() => void connection.close());
    const changes = [...heard.keys()].filter((text) => /^\s*(insert|update|delete)/i.test(text));
    expect(changes.length).toBeGreaterThan(15);
    const opcodes = (text: string) =>
      (connection.prepare(`explain ${text.replaceAll('?', 'null')}`).all() as { opcode: string }[]).map(
        ({ opcode }) => opcode,
      );
    const building = changes.filter((text) => opcodes(text).includes('OpenEphemeral'));
    // The list of tags is the only list in a condition.
    expect(building.filter((text) => !text.includes('where "tag" in ('))).toEqual([]);
  });
});
