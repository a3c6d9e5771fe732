import BetterSqlite from 'better-sqlite3';
import pg from 'pg';
import type { DirectoryOrder } from '@pinchwork/sdk/table';
import { expect, it, onTestFinished } from 'vitest';
import lookOnward from '../../src/rules/agents/directory-job.ts';
import audit from '../../src/audit/audit.ts';
import { oldest } from '../../src/rules/board/scan.ts';
import lookUp from '../../src/rules/board/look-up-job.ts';
import readFlow from '../../src/rules/market/flow.ts';
import { hourMs, minuteMs } from '../../src/ground/clock.ts';
import { Packet } from '../../src/storage/postgres/packet.ts';
import { compile as onPostgres } from '../../src/storage/postgres/statements.ts';
import { declaredQueries, type Params, type Prepared } from '../../src/storage/prepared.ts';
import { compile as onSqlite } from '../../src/storage/sqlite/statements.ts';
import { countWaiting } from '../../src/rules/webhooks/queries.ts';
import { A2aClient } from '../support/a2a.ts';
import { type Engine, type EngineName, onBothEngines } from '../support/engines.ts';
import { looks, unlisted } from '../support/guards.ts';
import { answer, answers, registerHelper } from '../support/helpers.ts';
import { type Agent, claimTask, deadWebhook, deliverTask, makeDelivery, Market, postTask } from '../support/market.ts';
import { lockOrderFaults } from '../support/lock-order.ts';
import { seeds } from '../support/seeds.ts';
import { until } from '../support/until.ts';

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
    if (args[0] instanceof Packet) {
      for (const { statement, values } of args[0].statements) {
        heard.set(statement.text, { text: statement.text, values, isKept: statement.name !== '' });
      }
    }
    return (query as (...all: unknown[]) => unknown).apply(this, args);
  } as typeof query;
  onTestFinished(() => {
    BetterSqlite.prototype.prepare = prepare;
    pg.Client.prototype.query = query;
  });
  return heard;
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
  for (const query of ['', '?tags=common', '?tags=common,rare', '?search=seed']) await get(`/human${query}`);
  // Jobs in other threads are not recorded.
  await readFlow(market.ctx.db, { now: market.clock.now() });
  for (const path of [`tasks/${task}`, 'agents', `agents/${agent.id}`]) await get(`/human/${path}`);
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

/**
 * Calls what reads or changes rows, in many ways. A list of declared queries would not do instead: a query with filters
 * is declared for each combination of them when it is first used, and PostgreSQL chooses a plan by the values, which
 * only a real call has. What is not called here is explained without values (`runUnheard`).
 */
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
  for (const pageSize of [1, 2, 100]) await new A2aClient(market, poster).rpc('ListTasks', { pageSize });
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
    expect(unlisted(declaredQueries())).toEqual([]);
    const names = [...declaredQueries()].map(({ name }) => name);
    expect(Object.keys(looks).filter((name) => !names.includes(name))).toEqual([]);
    // Its name stands for it in this report and in the database's own.
    expect(names.filter((name, i) => names.indexOf(name) < i)).toEqual([]);
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
