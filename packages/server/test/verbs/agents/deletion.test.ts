import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { hourMs, minuteMs } from '../../../src/ground/clock.ts';
import { conflict } from '../../../src/ground/errors.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { type Agent, claimTask, deadWebhook, deliverTask, Market, postTask, type Reply } from '../../support/market.ts';
import { readTables } from '../../support/tables.ts';

const deletion = (agent: Agent, confirm = agent.id) => agent.delete(`/v1/me?confirm=${confirm}`);

async function deleted(agent: Agent): Promise<void> {
  const { status, text } = await deletion(agent);
  expect(status, text).toBe(200);
}

/** Lets the job remove all that it removes, now and a minute later. */
async function erase(market: Market): Promise<void> {
  await market.ctx.erasure.run();
  market.clock.advance(minuteMs);
  await market.ctx.timers.pass();
  await market.ctx.erasure.run();
}

const expectCleanAudit = async (market: Market) => expect((await market.ctx.audit()).broken).toEqual([]);

/** The row of an agent, as the database has it. */
const rowOf = async (engine: Engine, market: Market, agent: Agent) =>
  (await engine.query(market.url, `select * from agents where id = '${agent.id}'`))[0]!;

onBothEngines('an agent that deletes itself', (engine) => {
  let market: Market;
  let other: Agent;
  beforeAll(async () => {
    market = await Market.shared(engine, { PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true' });
    other = await market.register('other');
    await market.admin.post('/v1/admin/credits/grant', { agent_id: other.id, amount: 100_000 });
  });
  afterAll(() => market.close());

  it('must confirm with its own id', async () => {
    const agent = await market.register('agent');
    const before = await readTables(market.url);
    for (const path of ['/v1/me', '/v1/me?confirm=', '/v1/me?confirm=yes', `/v1/me?confirm=${other.id}`]) {
      expect(expectError(await agent.delete(path), 400)).toContain('confirm');
    }
    expect(await readTables(market.url)).toEqual(before);
  });

  it.each<[string, (agent: Agent) => Promise<unknown>]>([
    ['has a task on the board', (agent) => postTask(agent, { max_credits: 1 })],
    ['has a task that another one has claimed', (agent) => claimTask(agent, other, { max_credits: 1 })],
    ['is to review a delivery', (agent) => deliverTask(agent, other, { max_credits: 1 })],
    ['holds a claim', (agent) => claimTask(other, agent)],
    ['has a delivery under review', (agent) => deliverTask(other, agent)],
  ])('is refused while it %s, and nothing changes', async (_, get) => {
    const agent = await market.register('agent');
    await get(agent);
    const before = await readTables(market.url);
    const reply = await deletion(agent);
    expect(expectError(reply, 409)).toMatch(/tk-\w+.* is (posted|claimed|delivered)/);
    expect(await readTables(market.url)).toEqual(before);
    expect((await agent.get('/v1/me')).status).toBe(200);
  });

  it('is gone: its keys, profile, place in the directory and webhook; its name is deleted', async () => {
    const agent = await market.register('Ada', {
      good_at: 'sums',
      accepts_system_tasks: true,
      webhook_url: deadWebhook,
      webhook_secret: 'secret',
    });
    const { body } = await agent.post('/v1/me/keys', { name: 'spare', scopes: ['read'] });
    const spare = market.client(agent.id, body.api_key);
    const { stream } = await market.ctx.streams.open(agent.id, { after: 0, keyId: body.key_id });
    expect((await deletion(agent)).body).toEqual({ agent_id: agent.id, deleted: true });
    for (const key of [agent, spare]) expectError(await key.get('/v1/me'), 401);
    expect(stream.ended).toBe(true);
    expectError(await other.get(`/v1/agents/${agent.id}`), 404);
    expect((await other.get('/v1/agents?search=Ada')).body.agents).toEqual([]);
    const row = await rowOf(engine, market, agent);
    expect(row).toMatchObject({ name: 'deleted', good_at: null, folded: '', webhook_url: null, webhook_secret: null });
    expect(Number(row.accepts_system_tasks)).toBe(0);
    await expectCleanAudit(market);
    await erase(market);
    expect((await rowOf(engine, market, agent)).erase_due_at).toBeNull();
    expect(await engine.query(market.url, `select id from webhook_deliveries where agent_id = '${agent.id}'`)).toEqual(
      [],
    );
    await expectCleanAudit(market);
  });

  it('gives its credits to the fees, and the books stay', async () => {
    const agent = await market.register('rich');
    await deliverTask(agent, other, { max_credits: 10 }).then((id) => agent.post(`/v1/tasks/${id}/approve`));
    await deleted(agent);
    const entries = await engine.query(
      market.url,
      `select amount, reason from ledger_entries where account_id = '${agent.id}' order by transfer_id, amount`,
    );
    expect(entries.map(({ amount, reason }) => [Number(amount), reason])).toEqual([
      [100, 'signup_bonus'],
      [-10, 'escrow'],
      [-90, 'account_closed'],
    ]);
    const [fees] = await engine.query(
      market.url,
      "select sum(amount) as amount from ledger_entries where account_id = 'fees' and reason = 'account_closed'",
    );
    expect(Number(fees!.amount)).toBeGreaterThanOrEqual(90);
    await expectCleanAudit(market);
  });

  it('is unknown to the operator too: it gets neither credits nor keys, nor is it suspended', async () => {
    const agent = await market.register('agent');
    await deleted(agent);
    for (const reply of [
      await market.admin.post('/v1/admin/credits/grant', { agent_id: agent.id, amount: 1 }),
      await market.admin.post('/v1/admin/credits/debit', { agent_id: agent.id, amount: 1 }),
      await market.admin.post('/v1/admin/agents/suspend', { agent_id: agent.id, suspended: false }),
      await market.admin.post(`/v1/admin/agents/${agent.id}`, { reissue_key: true }),
    ]) {
      expectError(reply, 404);
    }
    expectError(await agent.get('/v1/me'), 401);
  });

  it('takes with it all that it wrote, but a result that was paid for; what others wrote stays', async () => {
    const agent = await market.register('writer');
    const key = { 'idempotency-key': randomUUID() };
    await market.admin.post('/v1/admin/credits/grant', { agent_id: agent.id, amount: 1_000 });
    const mine = await postTask(agent, { need: 'MINE need', context: 'MINE context', max_credits: 10 });
    const question = await other.post(`/v1/tasks/${mine}/questions`, { question: 'THEIRS question' });
    await agent.post(`/v1/tasks/${mine}/questions/${question.body.id}/answer`, { answer: 'MINE answer' });
    await other.post(`/v1/tasks/${mine}/pickup`);
    await agent.post(`/v1/tasks/${mine}/messages`, { message: 'MINE message' }, key);
    await other.post(`/v1/tasks/${mine}/messages`, { message: 'THEIRS message' });
    await other.post(`/v1/tasks/${mine}/deliver`, { result: 'THEIRS first result' });
    await agent.post(`/v1/tasks/${mine}/reject`, { reason: 'MINE reason', feedback: 'MINE feedback' });
    await other.post(`/v1/tasks/${mine}/deliver`, { result: 'THEIRS result' });
    await agent.post(`/v1/tasks/${mine}/approve`, { rating: 5, feedback: 'MINE praise' });

    const theirs = await postTask(other, { need: 'THEIRS need', max_credits: 10 });
    await agent.post(`/v1/tasks/${theirs}/questions`, { question: 'MINE question' });
    await agent.post(`/v1/tasks/${theirs}/pickup`);
    await agent.post(`/v1/tasks/${theirs}/messages`, { message: 'MINE other message' });
    await agent.post(`/v1/tasks/${theirs}/deliver`, { result: 'MINE rejected result' });
    await other.post(`/v1/tasks/${theirs}/reject`, { reason: 'THEIRS reason' });
    await agent.post(`/v1/tasks/${theirs}/deliver`, { result: 'PAID result' });
    await other.post(`/v1/tasks/${theirs}/approve`);
    await agent.post(`/v1/tasks/${theirs}/rate`, { rating: 4, feedback: 'MINE thanks' });

    const lost = await claimTask(other, agent, { max_credits: 10 });
    await agent.post(`/v1/tasks/${lost}/messages`, { message: 'MINE last message' });
    await agent.post(`/v1/tasks/${lost}/deliver`, { result: 'MINE lost result' });
    await other.post(`/v1/tasks/${lost}/reject`, { reason: 'THEIRS reason' });
    await agent.post(`/v1/tasks/${lost}/abandon`);
    const cancelled = await deliverTask(other, agent, { need: 'THEIRS other need', max_credits: 10 });
    await engine.vandalise(market.url, `update tasks set result = 'MINE unpaid result' where id = '${cancelled}'`);
    await market.admin.post(`/v1/admin/tasks/${cancelled}/cancel`, { reason: 'Spam' });

    const before = JSON.stringify(await readTables(market.url));
    expect(before.match(/MINE/g)!.length).toBeGreaterThan(14);
    await deleted(agent);
    await market.ctx.erasure.run();
    const after = await readTables(market.url);
    for (const [table, rows] of Object.entries(after)) expect(JSON.stringify(rows), table).not.toContain('MINE');
    const all = JSON.stringify(after);
    for (const kept of ['PAID result', 'THEIRS result', 'THEIRS question', 'THEIRS message', 'THEIRS need']) {
      expect(all).toContain(kept);
    }
    expect((await other.get(`/v1/tasks/${theirs}`)).body).toMatchObject({ result: 'PAID result' });
    expect((await other.get(`/v1/tasks/${mine}`)).body).toMatchObject({
      ...{ need: '', context: null, result: 'THEIRS result', texts_removed: 'owner' },
    });
    // The task is not the deleted agent's: it goes on, and its texts are kept.
    const { body } = await other.get(`/v1/tasks/${lost}`);
    expect([body.status, body.texts_removed]).toEqual(['posted', undefined]);
    await other.post(`/v1/tasks/${lost}/cancel`);
    await erase(market);
    await expectCleanAudit(market);
  });

  it('leaves texts under an open report with the operator until it is decided', async () => {
    const agent = await market.register('reported');
    const task = await postTask(agent, { need: 'REPORTED need', max_credits: 1 });
    const { body: report } = await other.post(`/v1/tasks/${task}/report`, { reason: 'Spam' });
    const foreign = await postTask(other, { max_credits: 1 });
    const { body: own } = await agent.post(`/v1/tasks/${foreign}/report`, { reason: 'REPORTED reason' });
    await agent.post(`/v1/tasks/${task}/cancel`);
    await deleted(agent);
    await erase(market);
    const texts = async () => JSON.stringify(await readTables(market.url)).match(/REPORTED \w+/g) ?? [];
    expect((await texts()).sort()).toEqual(['REPORTED need', 'REPORTED reason']);
    for (const { report_id } of [report, own]) {
      await market.admin.post(`/v1/admin/reports/${report_id}`, { status: 'resolved' });
    }
    market.clock.advance(hourMs);
    await market.ctx.erasure.run();
    expect(await texts()).toEqual([]);
    expect((await rowOf(engine, market, agent)).erase_due_at).toBeNull();
    await other.post(`/v1/tasks/${foreign}/cancel`);
  });

  it('loses its texts also when the removal for an earlier one fails, which is put off', async () => {
    const market = await Market.fresh(engine);
    const agents = [await market.register('first'), await market.register('second')];
    const tasks: string[] = [];
    for (const agent of agents) {
      tasks.push(await postTask(agent, { need: 'Secret' }));
      expect((await agent.post(`/v1/tasks/${tasks.at(-1)!}/cancel`)).status).toBe(200);
      expect((await agent.delete(`/v1/me?confirm=${agent.id}`)).status).toBe(200);
      market.clock.advance(1_000);
    }
    const { db, erasure } = market.ctx;
    const needs = async () =>
      Promise.all(tasks.map(async (id) => (await market.admin.get(`/v1/admin/tasks/${id}`)).body.task.need as string));
    const transact = db.transact.bind(db);
    let closings = 0;
    db.transact = (name, work) =>
      name === 'close again' && ++closings === 1 ? Promise.reject(conflict('Broken')) : transact(name, work);
    await erasure.run();
    expect([closings, await needs()]).toEqual([2, ['Secret', '']]);
    market.clock.advance(10 * 60_000);
    await erasure.run();
    expect(await needs()).toEqual(['', '']);
  });

  it('loses all of many texts, page by page, and the removal goes on where a server has stopped', async () => {
    const agent = await market.register('prolific');
    await market.admin.post('/v1/admin/credits/grant', { agent_id: agent.id, amount: 1_000 });
    for (let i = 0; i < 45; i++) {
      const id = await postTask(agent, { need: 'MANY need', max_credits: 1 });
      await agent.post(`/v1/tasks/${id}/cancel`);
    }
    await deleted(agent);
    // Another server had begun, and stopped.
    const until = market.clock.now() + 10 * minuteMs;
    await engine.vandalise(market.url, `update agents set erase_due_at = ${until} where id = '${agent.id}'`);
    await market.ctx.erasure.run();
    expect(JSON.stringify(await readTables(market.url))).toContain('MANY need');
    market.clock.advance(10 * minuteMs);
    await market.ctx.erasure.run();
    expect(JSON.stringify(await readTables(market.url))).not.toContain('MANY need');
  });
});

onBothEngines('a webhook that waits for its test', (engine) => {
  it('is not called any more once its agent has deleted itself', async () => {
    const market = await Market.fresh(engine);
    const agent = await market.register('agent', { webhook_url: deadWebhook });
    const receiver = async () => {
      const [row] = await engine.query(market.url, `select * from webhook_receivers where agent_id = '${agent.id}'`);
      return [row!.status, row!.probe_id];
    };
    expect(await receiver()).not.toContain(null);
    await deleted(agent);
    expect(await receiver()).toEqual(['active', null]);
  });
});

/** What a request of the agent does that was let in before the deletion. */
type Clash = (agent: Agent, other: Agent, market: Market) => Promise<Reply>;

const clashes: Record<string, Clash> = {
  'posting a task': (agent) => agent.post('/v1/tasks', { need: 'LATE need', max_credits: 1 }),
  'picking up a task': async (agent, other) => agent.post(`/v1/tasks/${await postTask(other)}/pickup`),
  'picking up the next task': async (agent, other) => {
    await postTask(other);
    return agent.post('/v1/tasks/pickup');
  },
  'asking a question': async (agent, other) =>
    agent.post(`/v1/tasks/${await postTask(other)}/questions`, { question: 'LATE question' }),
  'reporting a task': async (agent, other) =>
    agent.post(`/v1/tasks/${await postTask(other)}/report`, { reason: 'LATE reason' }),
  'changing its profile': (agent) =>
    agent.patch('/v1/me', { name: 'LATE name', good_at: 'LATE words', webhook_url: deadWebhook }),
  'making a key': (agent) => agent.post('/v1/me/keys', { name: 'LATE key' }),
  'rotating its key': (agent) => agent.post('/v1/me/keys/rotate'),
  'getting credits from the operator': (agent, _, market) =>
    market.admin.post('/v1/admin/credits/grant', { agent_id: agent.id, amount: 5 }),
  'getting a new key from the operator': (agent, _, market) =>
    market.admin.post(`/v1/admin/agents/${agent.id}`, { reissue_key: true }),
  'the end of a suspension': (agent, _, market) =>
    market.admin.post('/v1/admin/agents/suspend', { agent_id: agent.id, suspended: false }),
  'a second deletion': (agent) => deletion(agent),
};

onBothEngines('a deletion at the same moment as', (engine) => {
  it.each(Object.entries(clashes))('%s leaves nothing to the agent that is deleted', async (_, clash) => {
    const market = await Market.fresh(engine, { PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true' });
    const other = await market.register('other');
    await market.admin.post('/v1/admin/credits/grant', { agent_id: other.id, amount: 10_000 });
    const agents: Agent[] = [];
    for (let i = 0; i < 6; i++) {
      const agent = await market.register(`agent ${i}`);
      const early = i % 2 === 0 ? undefined : clash(agent, other, market);
      const [reply] = await Promise.all([deletion(agent), early ?? clash(agent, other, market)]);
      expect([200, 401, 409], reply.text).toContain(reply.status);
      if (reply.status === 200) agents.push(agent);
    }
    for (const { report_id } of (await market.admin.get('/v1/admin/reports?status=open')).body.reports) {
      await market.admin.post(`/v1/admin/reports/${report_id}`, { status: 'dismissed' });
    }
    await erase(market);
    await erase(market);
    for (const agent of agents) {
      expect((await agent.get('/v1/me')).status).toBe(401);
      expect(await rowOf(engine, market, agent)).toMatchObject({
        name: 'deleted',
        webhook_url: null,
        erase_due_at: null,
      });
      const [left] = await engine.query(
        market.url,
        `select (select balance from accounts where id = '${agent.id}') as credits,
           (select count(*) from tasks where '${agent.id}' in (poster_id, worker_id) and status in ('posted', 'claimed', 'delivered')) as tasks,
           (select count(*) from api_keys where agent_id = '${agent.id}' and ended_at is null) as keys`,
      );
      expect(Object.values(left!).map(Number)).toEqual([0, 0, 0]);
    }
    const gone = new Set(agents.map(({ id }) => id));
    const { tasks, questions, reports } = await readTables(market.url);
    for (const row of [...tasks!, ...questions!, ...reports!]) {
      const author = (row.poster_id ?? row.asker_id ?? row.reporter_id) as string;
      if (gone.has(author)) expect(JSON.stringify(row)).not.toContain('LATE');
    }
    await expectCleanAudit(market);
  });
});
