import { type AnyEndpoint, endpoints } from '@pinchwork/sdk/table';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Caller } from '../../src/doors/caller.ts';
import type { InvokeOptions, RawInput } from '../../src/doors/input.ts';
import { type Door, openDoor, type Outcome } from '../../src/doors/invoke.ts';
import { secondMs } from '../../src/ground/clock.ts';
import { onBothEngines } from '../support/engines.ts';
import { adminKey, type Agent, Market, postTask } from '../support/market.ts';

/** The function behind all doors, called without any transport. */
onBothEngines('a call that does not come over HTTP', (engine) => {
  let market: Market;
  let door: Door;
  let poster: Agent;
  let worker: Agent;
  beforeAll(async () => {
    market = await Market.shared(engine, { PINCHWORK_RATE_LIMIT_PICKUP: '2/hour' });
    door = openDoor(market.ctx);
    poster = await market.register('poster');
    worker = await market.register('worker');
  });
  afterAll(() => market.close());

  const address = '192.0.2.1';
  const options = (more: Partial<InvokeOptions> = {}): InvokeOptions => ({
    signal: new AbortController().signal,
    origin: 'https://market.example',
    ...more,
  });

  async function letIn(endpoint: AnyEndpoint, key: string | undefined): Promise<Caller> {
    const { caller, refusal } = await door.admit(endpoint, { key, address });
    if (refusal !== undefined) throw refusal;
    return caller!;
  }

  async function call(
    endpoint: AnyEndpoint,
    key: string | undefined,
    input: Partial<RawInput> = {},
    more: Partial<InvokeOptions> = {},
  ): Promise<Outcome> {
    const caller = await letIn(endpoint, key);
    return door.invoke(endpoint, caller, { params: {}, query: {}, body: {}, ...input }, options(more));
  }

  const refusalOf = (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => 'none',
      (error: unknown) => (error as { code?: string }).code,
    );
  const create = (need: string, more: Partial<InvokeOptions> = {}) =>
    call(endpoints.createTask, poster.key, { body: { need, max_credits: 1 } }, more);

  it('does what the request does', async () => {
    const { reply, replayed } = await create('From somewhere else');
    const { task_id: id } = reply as { task_id: string };
    expect(replayed).toBe(false);
    expect((await poster.get(`/v1/tasks/${id}`)).body).toMatchObject({ need: 'From somewhere else', status: 'posted' });
    const shown = await call(endpoints.showTask, poster.key, { params: { id } });
    expect(shown.reply).toMatchObject({ task_id: id, max_credits: 1 });
  });

  it('is refused with the codes of the row', async () => {
    const params = { id: 'tk-000000000000' };
    expect(await refusalOf(call(endpoints.showMe, undefined))).toBe('unauthorized');
    expect(await refusalOf(call(endpoints.showMe, 'pwk-wrong'))).toBe('unauthorized');
    expect(await refusalOf(call(endpoints.audit, poster.key))).toBe('forbidden');
    expect(await refusalOf(call(endpoints.createTask, poster.key, { body: { need: 5 } }))).toBe('invalid_request');
    expect(await refusalOf(call(endpoints.listBoard, poster.key, { query: { limit: '0' } }))).toBe('invalid_request');
    expect(await refusalOf(call(endpoints.showTask, poster.key, { params }))).toBe('not_found');
    expect(await refusalOf(call(endpoints.showTask, poster.key, { params: { id: 'odd' } }))).toBe('not_found');
  });

  it('names the fields that are wrong', async () => {
    const wrong = call(endpoints.createTask, poster.key, { body: { max_credits: 'many', tags: 5 } });
    await expect(wrong).rejects.toMatchObject({ fields: ['need', 'max_credits', 'tags'] });
  });

  it('says which of the successes in its row it comes to', async () => {
    const { key } = await market.register('idler');
    const nothing = await call(endpoints.pickupNext, key, { query: { search: 'nothing like that' } });
    expect([nothing.success.status, nothing.reply]).toEqual([204, {}]);
    const body = { need: 'Nobody does this in a second', max_credits: 1 };
    expect((await call(endpoints.createTask, poster.key, { body })).success).toBe(endpoints.createTask);
    const waited = { body: { ...body, wait: 300 } };
    const aborted = await call(endpoints.createTask, poster.key, waited, { signal: AbortSignal.abort() });
    expect(aborted.success).toMatchObject({ name: 'time is up', status: 201 });
  });

  it('is counted together with requests', async () => {
    const id = await postTask(poster, { max_credits: 1 });
    expect((await worker.post(`/v1/tasks/${id}/pickup`)).status).toBe(200);
    expect(await refusalOf(call(endpoints.pickupNext, worker.key))).toBe('none');
    expect(await refusalOf(call(endpoints.pickupNext, worker.key))).toBe('rate_limited');
    expect((await worker.post('/v1/tasks/pickup')).body.code).toBe('rate_limited');
  });

  it('happens once per idempotency key', async () => {
    const once = { idempotencyKey: 'a key of another door' };
    const [first, again] = [await create('Once', once), await create('Once', once)];
    expect(again).toEqual({ ...first, replayed: true });
    expect(await refusalOf(create('Twice', once))).toBe('idempotency_key_reused');
    expect(await refusalOf(create('x', { idempotencyKey: 'k'.repeat(256) }))).toBe('invalid_request');
  });

  it('with a used idempotency key is told so before an id of an odd shape is not found', async () => {
    const once = { idempotencyKey: 'a key that is used' };
    await create('The first', once);
    const odd = { params: { id: 'odd' } };
    expect(await refusalOf(call(endpoints.cancel, poster.key, odd, once))).toBe('idempotency_key_reused');
    const unused = { idempotencyKey: 'a key that is not used' };
    expect(await refusalOf(call(endpoints.cancel, poster.key, odd, unused))).toBe('not_found');
    expect(await refusalOf(create('The key is still free', unused))).toBe('none');
  });

  it('says when its transaction has ended, before it waits', async () => {
    let settled = 0;
    const aborted = new AbortController();
    const more = { settled: () => (settled += 1), signal: aborted.signal };
    const body = { need: 'Waited for', max_credits: 1, wait: 300 };
    const waiting = call(endpoints.createTask, poster.key, { body }, more);
    await expect.poll(() => settled).toBe(1);
    aborted.abort();
    expect((await waiting).reply).toMatchObject({ status: 'posted', need: 'Waited for' });
  });

  it('that takes its time is refused when its agent has been suspended meanwhile', async () => {
    const agent = await market.register('slow');
    const suspend = (suspended: boolean) =>
      market.request({
        method: 'POST',
        url: '/v1/admin/agents/suspend',
        headers: { authorization: `Bearer ${adminKey}` },
        payload: JSON.stringify({ agent_id: agent.id, suspended }),
      });
    const caller = await letIn(endpoints.showMe, agent.key);
    await suspend(true);
    market.clock.advance(secondMs);
    const input = { params: {}, query: {}, body: {} };
    expect(await refusalOf(door.invoke(endpoints.showMe, caller, input, options()))).toBe('agent_suspended');
    await suspend(false);
    market.clock.advance(secondMs);
    expect(await refusalOf(door.invoke(endpoints.showMe, caller, input, options()))).toBe('none');
  });

  it('is carried out only for a caller that was admitted to the same endpoint', async () => {
    const input = { params: {}, query: {}, body: {} };
    const caller = await letIn(endpoints.showMe, poster.key);
    await expect(door.invoke(endpoints.showStats, caller, input, options())).rejects.toThrow('not admitted');
    const made = Object.assign({}, caller);
    await expect(door.invoke(endpoints.showMe, made, input, options())).rejects.toThrow('not admitted');
  });

  it('warns of unknown names where the row has warnings, and nowhere else', async () => {
    const query = { colour: 'red' };
    const { reply } = await call(endpoints.showMe, poster.key, { query });
    expect(reply).toMatchObject({ warnings: [expect.stringContaining('colour')] });
    expect((await call(endpoints.health, undefined, { query })).reply).toEqual({ status: 'ok' });
  });

  it('knows under which address its caller reaches the server', async () => {
    const { reply } = await call(endpoints.showCapabilities, undefined);
    expect(reply).toMatchObject({ docs_url: 'https://market.example/docs' });
  });
});
