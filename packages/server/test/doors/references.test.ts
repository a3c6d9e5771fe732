import { expect, it } from 'vitest';
import { onBothEngines } from '../support/engines.ts';
import { answers, registerHelper } from '../support/helpers.ts';
import { type Agent, Market, type Reply } from '../support/market.ts';

/** Texts as long as they may be, each its own. */
const [need, context, result] = ['n'.repeat(50_000), 'c'.repeat(100_000), 'r'.repeat(500_000)];

let count = 0;

/** Sends a request with a key, and returns what answers its repetition. */
async function twice(agent: Agent, path: string, body: object): Promise<{ first: Reply; again: () => Promise<Reply> }> {
  const key = { 'idempotency-key': `request ${++count}` };
  const send = () => agent.post(path, body, key);
  const first = await send();
  expect(first.status, first.text).toBeLessThan(300);
  return { first, again: send };
}

/** The answer is the first one again. */
async function expectSame({ first, again }: { first: Reply; again: () => Promise<Reply> }): Promise<void> {
  const repeated = await again();
  expect(repeated.headers['idempotency-replayed']).toBe('true');
  expect(repeated.body).toEqual(first.body);
}

onBothEngines('a stored answer', (engine) => {
  const open = () => Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '10000' });
  const storedBytes = async (market: Market) => {
    const [row] = await engine.query(market.url, 'select sum(length(reply)) as bytes from idempotency_keys');
    return Number(row!.bytes);
  };

  it('refers to the long texts of tasks, and a repetition has them again', async () => {
    const market = await open();
    const [poster, worker] = [await market.register('poster'), await market.register('worker')];
    const texts = { need, context, max_credits: 1 };
    const created = await twice(poster, '/v1/tasks', texts);
    const path = `/v1/tasks/${created.first.body.task_id}`;
    const claimed = await twice(worker, `${path}/pickup`, {});
    expect(claimed.first.body).toMatchObject({ need, context });
    const delivered = await twice(worker, `${path}/deliver`, { result });
    expect(delivered.first.body).toMatchObject({ need, context, result });
    const rejected = await twice(poster, `${path}/reject`, { reason: 'Wrong', feedback: 'f'.repeat(900) });
    const redelivered = await twice(worker, `${path}/deliver`, { result: 'x'.repeat(400_000) });
    const approved = await twice(poster, `${path}/approve`, {});
    for (let i = 0; i < 3; i++) await twice(poster, '/v1/tasks', { ...texts, need: `${i}${need.slice(1)}` });
    const batch = await twice(worker, '/v1/tasks/pickup/batch', { count: 3 });
    expect(batch.first.body.tasks).toHaveLength(3);
    for (const request of [created, claimed, delivered, rejected, redelivered, approved, batch])
      await expectSame(request);
    expect(await storedBytes(market)).toBeLessThan(20_000);
  });

  it('keeps numbers and states as they were, and short texts too', async () => {
    const market = await open();
    const [poster, worker] = [await market.register('poster'), await market.register('worker')];
    const created = await twice(poster, '/v1/tasks', { need: 'Short', context, max_credits: 7 });
    await worker.post(`/v1/tasks/${created.first.body.task_id}/pickup`);
    await expectSame(created);
  });

  it('does not bring back a text that was removed', async () => {
    const market = await open();
    const [poster, worker] = [await market.register('poster'), await market.register('worker')];
    const created = await twice(poster, '/v1/tasks', { need, context, max_credits: 1 });
    const path = `/v1/tasks/${created.first.body.task_id}`;
    const claimed = await twice(worker, `${path}/pickup`, {});
    const delivered = await twice(worker, `${path}/deliver`, { result });
    await market.admin.post(`/v1/admin${path.slice(3)}/redact`, { reason: 'Private' });
    expect((await claimed.again()).body).toMatchObject({ need: '', context: null });
    expect((await delivered.again()).body).toMatchObject({
      need: '',
      context: null,
      result: null,
      status: 'delivered',
    });
    expect(JSON.stringify([(await created.again()).body])).not.toContain('nnnn');
  });

  it('does not show a worker what another one delivered later', async () => {
    const market = await open();
    const [poster, worker, later] = [await market.register('poster'), await market.register(), await market.register()];
    const created = await twice(poster, '/v1/tasks', { need: 'Count', max_credits: 1 });
    const path = `/v1/tasks/${created.first.body.task_id}`;
    await worker.post(`${path}/pickup`);
    const delivered = await twice(worker, `${path}/deliver`, { result });
    await poster.post(`${path}/reject`, { reason: 'Wrong' });
    await worker.post(`${path}/abandon`);
    await later.post(`${path}/pickup`);
    await later.post(`${path}/deliver`, { result: 's'.repeat(500_000) });
    await expectSame(delivered);
    await engine.vandalise(market.url, 'delete from rejected_deliveries');
    expect((await delivered.again()).body.result).toBe(null);
  });

  it.each([need, 'nnnn'])('shows the texts of a system task only while its helper holds it (%#)', async (text) => {
    const market = await open();
    const poster = await market.register('poster');
    const helper = await registerHelper(market);
    await poster.post('/v1/tasks', { need: text, max_credits: 1 });
    const matching = await twice(helper, '/v1/tasks/pickup', {});
    expect(matching.first.body.context).toContain('nnnn');
    await expectSame(matching);
    const system = `/v1/tasks/${matching.first.body.task_id}`;
    expect((await helper.post(`${system}/abandon`)).status).toBe(200);
    const other = await registerHelper(market, 'other');
    expect((await other.post(`${system}/pickup`)).status).toBe(200);
    expect((await matching.again()).text).not.toContain('nnnn');
    await other.post(`${system}/deliver`, { result: answers.match() });
    expect((await matching.again()).text).not.toContain('nnnn');
  });

  it('of a helper does not keep the profile of an agent that deletes itself', async () => {
    const market = await open();
    const helper = await registerHelper(market);
    const agent = await market.register('agent');
    await agent.patch('/v1/me', { good_at: 'Beekeeping' });
    const asked = await twice(helper, '/v1/tasks/pickup', {});
    expect(asked.first.body.context).toContain('Beekeeping');
    await expectSame(asked);
    expect((await agent.delete(`/v1/me?confirm=${agent.id}`)).status).toBe(200);
    expect((await asked.again()).text).not.toContain('Beekeeping');
    const stored = await engine.query(market.url, 'select reply from idempotency_keys');
    expect(JSON.stringify(stored)).not.toContain('Beekeeping');
  });
});
