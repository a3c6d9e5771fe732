import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { expect, it } from 'vitest';
import { hourMs, minuteMs } from '../../../src/ground/clock.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { listen } from '../../support/streams.ts';
import { type Agent, claimTask, deliverTask, Market, postTask } from '../../support/market.ts';

async function open(engine: Engine) {
  const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '100000' });
  const suspend = async (agent: Agent, suspended = true) => {
    const body = { agent_id: agent.id, suspended, reason: 'spam' };
    expect((await market.admin.post('/v1/admin/agents/suspend', body)).status).toBe(200);
  };
  const [poster, worker, other] = [
    await market.register('poster'),
    await market.register('worker'),
    await market.register('other'),
  ];
  return { market, suspend, poster, worker, other };
}

const onBoard = async (agent: Agent) =>
  (await agent.get('/v1/tasks/available')).body.tasks.map((task: { task_id: string }) => task.task_id);
const statusOf = async (agent: Agent, id: string) => (await agent.get(`/v1/tasks/${id}`)).body.status;

onBothEngines('a suspended agent', (engine) => {
  it('is refused everything until the suspension ends', async () => {
    const { suspend, worker } = await open(engine);
    await suspend(worker);
    for (const reply of [await worker.get('/v1/me'), await worker.post('/v1/tasks', { need: 'x' })]) {
      expect(expectError(reply, 403)).toBe('Agent suspended');
    }
    await suspend(worker, false);
    expect((await worker.get('/v1/me')).status).toBe(200);
  });

  it('keeps its reason when it is suspended again without one', async () => {
    const { market, suspend, worker } = await open(engine);
    const reason = async () => (await market.admin.get(`/v1/admin/agents/${worker.id}`)).body.agent.suspension_reason;
    const suspendWithoutReason = () =>
      market.admin.post('/v1/admin/agents/suspend', { agent_id: worker.id, suspended: true });
    await suspend(worker);
    expect((await suspendWithoutReason()).body.message).toContain('was suspended already');
    expect(await reason()).toBe('spam');
    await suspend(worker, false);
    await suspendWithoutReason();
    expect(await reason()).toBeNull();
  });

  it('as a poster: its posted tasks are hidden, also by id, and come back', async () => {
    const { suspend, poster, worker, other } = await open(engine);
    const hidden = await postTask(poster, { tags: ['sums'] });
    const shown = await postTask(other, { tags: ['sums'] });
    await suspend(poster);
    expect(await onBoard(worker)).toEqual([shown]);
    expect((await worker.get('/v1/tasks/available?tags=sums')).body.total).toBe(1);
    expect(expectError(await worker.post(`/v1/tasks/${hidden}/pickup`), 404)).toBe('Task not found');
    expect((await worker.post('/v1/tasks/pickup/batch', { count: 10 })).body.tasks).toHaveLength(1);
    expect((await worker.post('/v1/tasks/pickup')).status).toBe(204);
    await suspend(poster, false);
    expect(await onBoard(worker)).toEqual([hidden]);
    expect((await worker.post(`/v1/tasks/${hidden}/pickup`)).status).toBe(200);
  });

  it('as a poster: claimed tasks continue, and the clock approves them', async () => {
    const { market, suspend, poster, worker } = await open(engine);
    const id = await claimTask(poster, worker, { max_credits: 10 });
    await suspend(poster);
    expect((await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Seven' })).status).toBe(200);
    await market.pass(25 * hourMs);
    expect(await statusOf(worker, id)).toBe('approved');
    expect(await market.balanceOf(worker)).toBe(100_009);
  });

  it('as a poster: its posted tasks expire, and its credits stay', async () => {
    const { market, suspend, poster } = await open(engine);
    const id = await postTask(poster, { max_credits: 10 });
    await suspend(poster);
    await market.pass(73 * hourMs);
    await suspend(poster, false);
    expect(await statusOf(poster, id)).toBe('expired');
    expect(await market.balanceOf(poster)).toBe(100_000);
  });

  it('as a worker: all its claimed tasks are on the board again, however many', async () => {
    const { market, suspend, poster, worker, other } = await open(engine);
    const ids: string[] = [];
    for (let i = 0; i < 120; i++) ids.push(await claimTask(poster, worker, { max_credits: 1 }));
    await suspend(worker);
    expect((await other.get('/v1/tasks/available')).body.total).toBe(120);
    expect(await statusOf(poster, ids[0]!)).toBe('posted');
    const [row] = await engine.query(
      market.url,
      `select from_status, to_status, actor_id, worker_id from task_transitions where task_id = '${ids[0]}' and transition = 'dismissWorker'`,
    );
    expect(row).toEqual({ from_status: 'claimed', to_status: 'posted', actor_id: 'admin', worker_id: worker.id });
    await suspend(worker, false);
    expectError(await worker.post(`/v1/tasks/${ids[0]}/deliver`, { result: 'Seven' }), 403);
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
  });

  it('as a worker: is later told that a task which it lost is not its own, not that it was cancelled', async () => {
    const { market, suspend, poster, worker } = await open(engine);
    const id = await claimTask(poster, worker);
    await suspend(worker);
    await suspend(worker, false);
    await poster.post(`/v1/tasks/${id}/cancel`);
    expect(expectError(await worker.post(`/v1/tasks/${id}/deliver`, { result: 'x' }), 403)).toContain('worker');
    const cancelled = await claimTask(poster, worker);
    await market.admin.post(`/v1/admin/tasks/${cancelled}/cancel`, { reason: 'So' });
    expect(expectError(await worker.post(`/v1/tasks/${cancelled}/deliver`, { result: 'x' }), 409)).toContain(
      'operator',
    );
  });

  it('as a worker: its deliveries can be approved, and it is paid', async () => {
    const { market, suspend, poster, worker } = await open(engine);
    const id = await deliverTask(poster, worker, { max_credits: 10 });
    await suspend(worker);
    expect((await poster.post(`/v1/tasks/${id}/approve`, { rating: 4 })).status).toBe(200);
    await suspend(worker, false);
    expect(await market.balanceOf(worker)).toBe(100_009);
  });

  it('as a worker: a rejection puts the task on the board, since the worker cannot act', async () => {
    const { suspend, poster, worker, other } = await open(engine);
    const id = await deliverTask(poster, worker);
    await suspend(worker);
    const { body } = await poster.post(`/v1/tasks/${id}/reject`, { reason: 'No' });
    expect(body).toMatchObject({ status: 'posted', worker_id: null, rejection_grace_deadline: null });
    expect((await other.post(`/v1/tasks/${id}/pickup`)).status).toBe(200);
  });

  it('gets no cooldown for the claims that it loses', async () => {
    const { market, suspend, poster, worker } = await open(engine);
    for (let i = 0; i < 6; i++) await claimTask(poster, worker, { max_credits: 1 });
    await suspend(worker);
    await suspend(worker, false);
    expect((await worker.post('/v1/tasks/pickup')).status).toBe(200);
    expect((await market.admin.get('/v1/admin/audit')).body.ok).toBe(true);
  });

  it('also loses a claim that commits after the suspension', async () => {
    const { market, suspend, poster, worker } = await open(engine);
    const id = await postTask(poster);
    await suspend(worker);
    // As a claim on another server that began before the suspension.
    await engine.vandalise(
      market.url,
      `update tasks set status = 'claimed', worker_id = '${worker.id}', claim_number = 1, version = 2, claim_deadline_at = expires_at where id = '${id}'`,
      `insert into task_transitions (task_id, version, transition, from_status, to_status, actor_id, worker_id, claim_number, at)
         values ('${id}', 2, 'claim', 'posted', 'claimed', '${worker.id}', '${worker.id}', 1, ${market.clock.now()})`,
    );
    await market.ctx.timers.pass();
    expect(await statusOf(poster, id)).toBe('posted');
    market.clock.advance(2 * minuteMs);
    await market.ctx.timers.pass();
    const [agent] = await engine.query(market.url, `select release_claims_until from agents where id = '${worker.id}'`);
    expect(agent!.release_claims_until).toBeNull();
  });

  it('has all its waiting requests ended', async () => {
    const { market, suspend, poster, worker } = await open(engine);
    const id = await claimTask(poster, worker);
    const [forResult, forChange] = [
      poster.post('/v1/tasks', { need: 'Wait for this', wait: 300 }),
      worker.get(`/v1/tasks/${id}?wait=300`),
    ];
    while (market.ctx.watch.count < 2) await new Promise(setImmediate);
    await suspend(worker);
    expect(expectError(await forChange, 403)).toBe('Agent suspended');
    await suspend(poster);
    // The task is posted even if the wait fails.
    expect((await forResult).status).toBe(201);
    expect(market.ctx.watch.count).toBe(0);
  });

  it('is refused a request that began before, with a slow body', async () => {
    const { market, suspend, worker } = await open(engine);
    const { url } = await listen(market);
    const body = JSON.stringify({ need: 'Count the words', max_credits: 1 });
    const post = request(`${url}/v1/tasks`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${worker.key}`,
        'content-type': 'application/json',
        'content-length': body.length,
        expect: '100-continue',
      },
    });
    post.flushHeaders();
    await once(post, 'continue');
    post.write(body.slice(0, 10));
    // Later requests were authenticated from the cache, too.
    expect((await worker.get('/v1/me')).status).toBe(200);
    await suspend(worker);
    market.clock.advance(501);
    post.end(body.slice(10));
    const [response] = (await once(post, 'response')) as [IncomingMessage];
    expect(response.statusCode).toBe(403);
    response.resume();
    expect(await engine.query(market.url, 'select id from tasks')).toEqual([]);
  });

  it('stays suspended after a second suspension and after a repeated one', async () => {
    const { market, suspend, poster, worker } = await open(engine);
    await suspend(worker);
    await suspend(worker);
    expectError(await worker.get('/v1/me'), 403);
    const body = { agent_id: worker.id, suspended: false };
    const once = { 'idempotency-key': 'end it' };
    expect((await market.admin.post('/v1/admin/agents/suspend', body, once)).status).toBe(200);
    await claimTask(poster, worker);
    expect((await market.admin.post('/v1/admin/agents/suspend', body, once)).headers['idempotency-replayed']).toBe(
      'true',
    );
    expect((await worker.get('/v1/me')).status).toBe(200);
  });
});
