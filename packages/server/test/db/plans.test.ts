import BetterSqlite from 'better-sqlite3';
import pg from 'pg';
import type { DirectoryOrder } from '@pinchwork/sdk';
import { expect, it, onTestFinished } from 'vitest';
import lookOnward from '../../src/agents/directory-job.ts';
import audit from '../../src/audit/audit.ts';
import { oldest } from '../../src/board/scan.ts';
import lookUp from '../../src/board/search.ts';
import { hourMs, minuteMs } from '../../src/clock.ts';
import { type Engine, onBothEngines } from '../support/engines.ts';
import { type Agent, claimTask, deliverTask, Market, postTask } from '../support/market.ts';

interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** Notes every statement that reaches an engine's driver, with the values of its latest run. */
function listen(): Map<string, Statement> {
  const heard = new Map<string, Statement>();
  const { prepare } = BetterSqlite.prototype;
  const { query } = pg.Client.prototype;
  BetterSqlite.prototype.prepare = function (this: BetterSqlite.Database, source: string) {
    heard.set(source, { text: source, values: [] });
    return prepare.call(this, source);
  } as typeof prepare;
  pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
    const config = args[0] as { text?: string; values?: unknown[] };
    if (config.text !== undefined) heard.set(config.text, { text: config.text, values: config.values ?? [] });
    return (query as (...all: unknown[]) => unknown).apply(this, args);
  } as typeof query;
  onTestFinished(() => {
    BetterSqlite.prototype.prepare = prepare;
    pg.Client.prototype.query = query;
  });
  return heard;
}

/** So many rows of everything that grows: on empty tables a planner reads the whole, whatever is indexed. */
const rows = 20_000;

function seeds(agent: string): string[] {
  const each = `with recursive n (i) as (select 1 union all select i + 1 from n where i < ${rows})`;
  const id = (prefix: string) => `'${prefix}' || substr('000000000000' || i, length('000000000000' || i) - 11)`;
  const at = '1893456000000 - i';
  return [
    `${each} insert into agents (id, name, created_at) select ${id('ag-')}, 'seed', ${at} from n`,
    `${each} insert into accounts (id, balance) select ${id('ag-')}, 0 from n`,
    `${each} insert into accounts (id, balance) select ${id('tk-')}, 0 from n`,
    `${each} insert into api_keys (id, agent_id, key_hash, created_at) select ${id('')}, ${id('ag-')}, 'x', ${at} from n`,
    // Of everything one agent has half, the others a little each. A third of the tasks is on the board.
    `${each} insert into tasks (id, poster_id, worker_id, need, tags, max_credits, fee_ppm, status, version, created_at, expires_at, claim_number, credits_charged)
       select ${id('tk-')}, case when i % 2 = 0 then '${agent}' else ${id('ag-')} end, case when i % 3 = 0 then null when i % 2 = 1 then '${agent}' else ${id('ag-')} end,
         'seed', '["common"]', 1, 0, case i % 3 when 0 then 'posted' else 'approved' end, 1, ${at}, 1993456000000 + i, 1, 1 from n`,
    `${each} insert into board_tags (tag, created_at, task_id) select 'common', ${at}, ${id('tk-')} from n where i % 3 = 0`,
    `${each} insert into task_transitions (task_id, version, transition, from_status, to_status, claim_number, at)
       select ${id('tk-')}, 1, 'post', null, 'posted', 0, ${at} from n`,
    `${each} insert into ledger_entries (transfer_id, account_id, amount, reason, created_at)
       select ${id('le-')}, case when i % 2 = 0 then '${agent}' else ${id('ag-')} end, 1, 'seed', ${at} from n`,
    `${each} insert into events (agent_id, number, type, task_id, data, created_at)
       select case when i % 2 = 0 then '${agent}' else ${id('ag-')} end, 1000 + i, 'task_claimed', ${id('tk-')}, '{}', ${at} from n`,
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
    `${each} insert into agent_tags (agent_id, tag, name, tasks_completed) select ${id('ag-')}, 'common', 'common', i from n`,
    `${each} insert into agent_tags (agent_id, tag, name, tasks_completed) select '${agent}', 'own' || i, 'own' || i, i from n where i <= 5000`,
    `${each} insert into trust (truster_id, trusted_id, score, interactions, updated_at)
       select '${agent}', ${id('ag-')}, 0.5, 1, ${at} from n`,
    `${each} insert into earnings (agent_id, at, total)
       select case when i % 2 = 0 then '${agent}' else ${id('ag-')} end, ${at}, i from n`,
    `${each} insert into rate_windows (key, count, ends_at) select ${id('')}, 1, 1893456000000 + i from n`,
  ];
}

/** Questions, messages and reports, from everybody's side. */
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

/** The directory in every order and by every filter, profiles, and the pages for people. */
async function discover(market: Market, task: string, agent: Agent): Promise<void> {
  const get = (url: string) => market.request({ method: 'GET', url });
  for (const order of ['reputation', 'tasks_completed', 'rating_count', 'newest']) {
    for (const filter of ['', '&tags=common', '&tags=rare', '&tags=common,rare', '&search=seed', '&min_reputation=1']) {
      expect((await get(`/v1/agents?sort_by=${order}${filter}`)).status).toBe(200);
    }
  }
  await get('/v1/agents?limit=100');
  await get(`/v1/agents/${agent.id}`);
  await get('/human');
  await get(`/human/tasks/${task}`);
}

/** Calls everything that reads or changes rows, so that each of its statements is heard. */
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
  // What runs apart is not heard: the same once more, in this thread.
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
    const params = { part: 'seed', least: 0, reach: 1_000 };
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
  await deliverTask(poster, worker, fields);
  await claimTask(poster, worker, { ...fields, deadline_minutes: 1 });
  await claimTask(poster, worker, { ...fields, claim_timeout_minutes: 1 });
  await market.admin.post('/v1/admin/agents/suspend', { agent_id: worker.id, suspended: true });
  await market.admin.post('/v1/admin/credits/grant', { agent_id: worker.id, amount: 1 });
  await market.ctx.housekeeping.run();
  await market.pass(25 * hourMs);
  await audit(market.ctx.db, { now: market.clock.now() });
}

/** What SQLite may read from end to end: parts of a statement that are bounded, and indexes of a few rows alone. */
const mayScan = [
  'CONSTANT',
  'window',
  'counted',
  'tags_',
  'tasks USING INDEX tasks_board',
  'agents USING INDEX agents_releasing',
  // The index of trigrams, asked for some.
  'search_trigrams VIRTUAL TABLE INDEX',
  'found',
];
const scans = new RegExp(`^SCAN (?!${mayScan.join('|')})|AUTOMATIC`);

/**
 * Whether a line of a plan says that it reads a whole table, or sorts what may be one. PostgreSQL may sort what it has
 * found to be few.
 */
const faults = {
  SQLite: (line: string, sortsFew: boolean) => scans.test(line) || (!sortsFew && line.includes('TEMP B-TREE')),
  // A window of 2,000 is a tenth of our seeds: PostgreSQL rightly reads them all; of more, it looks the few up.
  PostgreSQL: (line: string, sortsFew: boolean) =>
    !sortsFew && (line.includes('Seq Scan on') || Number(/Sort .*rows=(\d+)/.exec(line)?.[1] ?? 0) > 1_000),
};

/** Sorts as many agents as one request looks at, and must find those few by an index all the same. */
const windowed = 'as "window"';

/** What may sort or read a whole result, because it is bounded; each with its bound. */
const bounded: [RegExp, string][] = [
  [/as "mine"/, 'as many rows of each role and status as the page reaches'],
  [/as "page"|as "counted"|as "e"/, 'the rows of one page, or as many as are counted'],
  [/having sum\(e.amount\)|count\(distinct e.transfer_id\)/, 'one range of an audit'],
  [/as "completed"/, 'everything, counted once a minute for all readers, on SQLite in a thread of its own'],
  [/from \(select id from tasks where id in/, 'as many tasks as are named: up to a thousand'],
  [/"search_progress"/, 'one row'],
  [/from "meta"|schema_migrations|kysely_migration|sqlite_master|pg_catalog|from "stuck_timers"/, 'a handful of rows'],
];

async function planOf(engine: Engine, url: string, { text, values }: Statement): Promise<string[]> {
  if (engine.name === 'SQLite') {
    const plan = await engine.query(url, `explain query plan ${text.replaceAll('?', 'null')}`);
    return plan.map(({ detail }) => String(detail));
  }
  const client = new pg.Client(url);
  await client.connect();
  const { rows: plan } = await client.query<Record<string, string>>(`explain ${text}`, [...values]);
  await client.end();
  return plan.map((row) => row['QUERY PLAN']!.trim());
}

onBothEngines('every statement', (engine) => {
  it('finds its rows by an index, in the order it wants them', async () => {
    const heard = listen();
    const market = await Market.fresh(engine);
    const agent = await market.register('owner of much');
    await engine.vandalise(market.url, ...seeds(agent.id), ...(engine.name === 'PostgreSQL' ? ['analyze'] : []));
    heard.clear();
    await useEverything(market);
    const statements = [...heard.values()].filter(({ text }) => /^(select|update|delete|with)/i.test(text));
    expect(statements.length).toBeGreaterThan(50);
    const faulty: string[] = [];
    for (const statement of statements) {
      const sortsFew = statement.text.includes(windowed);
      if (!sortsFew && bounded.some(([pattern]) => pattern.test(statement.text))) continue;
      const plan = await planOf(engine, market.url, statement);
      if (plan.some((line) => faults[engine.name](line, sortsFew))) faulty.push([statement.text, ...plan].join('\n  '));
    }
    expect(faulty).toEqual([]);
  });
});
