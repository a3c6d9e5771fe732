import { expect, it } from 'vitest';
import { hourMs, minuteMs, secondMs } from '../../../src/ground/clock.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { type Agent, claimTask, type Market } from '../../support/market.ts';
import { answer, hang, Receiver } from '../../support/receiver.ts';
import { deliveries, events, hooked, later, sendingMarket, settled } from './market.ts';
import { until } from '../../support/until.ts';

const dayMs = 24 * hourMs;

/** A market whose receivers must confirm themselves, as on public addresses, but may be on this machine. */
async function strictMarket(engine: Engine, env: Record<string, string> = {}) {
  const opened = await sendingMarket(engine, env);
  Object.assign(opened.market.ctx.config.webhooks, { confirmsReceivers: true });
  return opened;
}

const statusOf = async (agent: Agent) => (await agent.get('/v1/me')).body.webhook_status;

const isStatus = (agent: Agent, status: string) => until(async () => (await statusOf(agent)) === status);

const kinds = (receiver: Receiver) => receiver.received.map(({ body }) => body.event);

/** The audit finds nothing, except tasks, whose clock does not run here. */
async function isSound(market: Market): Promise<void> {
  const { broken } = (await market.admin.get('/v1/admin/audit')).body as { broken: { invariant: string }[] };
  expect(broken.filter(({ invariant }) => invariant !== 'nothing is overdue')).toEqual([]);
}

/** Waits until no receiver is served and none is due. */
async function idle(market: Market, engine: Engine): Promise<void> {
  await until(async () => {
    market.ctx.webhooks.wake();
    const rows = await engine.query(market.url, 'select leased_by, ready_at from webhook_receivers');
    return rows.every(({ leased_by, ready_at }) => {
      return leased_by === null && (ready_at === null || Number(ready_at) > market.clock.now());
    });
  });
}

/** Lets the deliverer look at what is due. */
const settle = (market: Market) => market.ctx.db.transact('a turn', async () => undefined);

onBothEngines('a new webhook address', (engine) => {
  it('gets nothing but tests until it has answered one, then what has waited, in order', async () => {
    const { market, worker } = await strictMarket(engine);
    const receiver = await Receiver.open(answer(404));
    const poster = await hooked(market, receiver);
    const [probe] = [await settled(poster, ({ attempts }) => attempts.length === 1)];
    expect(probe).toMatchObject({ event: 'webhook_test', event_number: null, status: 'pending' });
    expect(Date.parse(probe.next_attempt_at!)).toBe(market.clock.now() + minuteMs);
    await events(poster, worker, 3);
    expect(await statusOf(poster)).toBe('unconfirmed');
    later(market, minuteMs - 1);
    await idle(market, engine);
    expect(kinds(receiver)).toEqual(['webhook_test']);
    await isSound(market);
    later(market, 1);
    await idle(market, engine);
    expect(receiver.received).toHaveLength(2);
    receiver.behaviour = answer(200);
    later(market, 5 * minuteMs);
    await until(async () => (await deliveries(poster, '&status=pending')).length === 0);
    expect(kinds(receiver)).toEqual([...Array(3).fill('webhook_test'), ...Array(3).fill('task_claimed')]);
    expect(new Set(receiver.received.slice(0, 3).map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(await statusOf(poster)).toBe('active');
    await isSound(market);
  });

  it('goes on at once when it takes a test that its owner asked for', async () => {
    const { market, worker } = await strictMarket(engine);
    const receiver = await Receiver.open(answer(500));
    const poster = await hooked(market, receiver);
    await settled(poster, ({ attempts }) => attempts.length === 1);
    await events(poster, worker);
    expect((await poster.post('/v1/me/webhook/test')).body.status).toBe('dead');
    expect(await statusOf(poster)).toBe('unconfirmed');
    receiver.behaviour = answer(200);
    expect((await poster.post('/v1/me/webhook/test')).body.status).toBe('delivered');
    expect(await statusOf(poster)).toBe('active');
    await until(() => kinds(receiver).includes('task_claimed'));
    await until(async () => (await deliveries(poster, '&status=pending')).length === 0);
    await isSound(market);
  });

  it('is tested for a day; each delivery waits for a day, then is dead and says why', async () => {
    const { market, worker } = await strictMarket(engine);
    const receiver = await Receiver.open(answer(500));
    const poster = await hooked(market, receiver);
    await events(poster, worker);
    for (const [tests, waitMs] of [minuteMs, 5 * minuteMs, 25 * minuteMs, hourMs].entries()) {
      await idle(market, engine);
      expect(receiver.received).toHaveLength(tests + 1);
      later(market, waitMs);
    }
    await idle(market, engine);
    later(market, 22 * hourMs);
    await idle(market, engine);
    expect(receiver.received).toHaveLength(6);
    later(market, hourMs);
    await until(async () => (await deliveries(poster, '&status=pending')).length === 0);
    const [overdue, probe] = await deliveries(poster);
    expect(probe).toMatchObject({ event: 'webhook_test', status: 'dead' });
    expect(overdue).toMatchObject({ event: 'task_claimed', status: 'dead' });
    expect(overdue!.attempts).toEqual([
      expect.objectContaining({ status_code: null, error: expect.stringContaining('did not answer the test') }),
    ]);
    const tests = receiver.received.length;
    await events(poster, worker);
    later(market, dayMs - secondMs);
    await settle(market);
    expect((await deliveries(poster, '&status=pending')).length).toBe(1);
    await isSound(market);
    later(market, secondMs);
    await until(async () => (await deliveries(poster, '&status=pending')).length === 0);
    expect(receiver.received).toHaveLength(tests);
    receiver.behaviour = answer(200);
    await poster.post('/v1/me/webhook/test');
    await events(poster, worker);
    await until(() => kinds(receiver).at(-1) === 'task_claimed');
    await isSound(market);
  });

  it('is what a change makes, and a late answer of the old one does not confirm it', async () => {
    const { market, worker } = await strictMarket(engine);
    const [first, second] = [await Receiver.open(), await Receiver.open(answer(500))];
    const poster = await hooked(market, first);
    await isStatus(poster, 'active');
    await poster.patch('/v1/me', { webhook_url: first.url, webhook_secret: 'other' });
    expect(await statusOf(poster)).toBe('active');
    first.behaviour = hang;
    await events(poster, worker);
    await until(() => kinds(first).includes('task_claimed'));
    expect((await poster.patch('/v1/me', { webhook_url: second.url })).body.webhook_status).toBe('unconfirmed');
    const back = await poster.patch('/v1/me', { webhook_url: null });
    expect(back.body).toMatchObject({ webhook_url: null, webhook_status: null });
    await poster.patch('/v1/me', { webhook_url: first.url });
    expect(await statusOf(poster)).toBe('unconfirmed');
    await poster.patch('/v1/me', { webhook_url: second.url });
    later(market, 10 * secondMs);
    await until(() => second.received.length > 0);
    await idle(market, engine);
    expect(kinds(second)).toEqual(['webhook_test']);
    expect(await statusOf(poster)).toBe('unconfirmed');
    await isSound(market);
    second.behaviour = answer(200);
    later(market, minuteMs);
    await isStatus(poster, 'active');
    first.behaviour = answer(200);
    // An exchange under way would be timed out by the leap.
    await idle(market, engine);
    later(market, hourMs);
    await until(async () => (await deliveries(poster, '&status=pending')).length === 0);
    // The tests of the old address are not sent to the new one.
    expect(kinds(second).filter((kind) => kind === 'webhook_test')).toHaveLength(2);
  });

  it('needs no test where private networks are allowed', async () => {
    const { market, worker } = await sendingMarket(engine);
    const receiver = await Receiver.open();
    const poster = await hooked(market, receiver);
    expect(await statusOf(poster)).toBe('active');
    expect(await statusOf(worker)).toBe(null);
    await events(poster, worker);
    await until(() => receiver.received.length === 1);
    expect(kinds(receiver)).toEqual(['task_claimed']);
  });
});

onBothEngines('a receiver that accepts nothing', (engine) => {
  const noRetries = { PINCHWORK_WEBHOOK_MAX_RETRIES: '0' };

  /** A receiver that has been paused after 20 dead deliveries. */
  async function paused() {
    const { market, worker } = await sendingMarket(engine, noRetries);
    const receiver = await Receiver.open(answer(500));
    const poster = await hooked(market, receiver);
    await events(poster, worker, 19);
    await until(async () => (await deliveries(poster, '&status=dead')).length === 19);
    expect(await statusOf(poster)).toBe('active');
    await events(poster, worker);
    await isStatus(poster, 'paused');
    return { market, worker, receiver, poster };
  }

  it('is paused after 20 dead deliveries in a row, hears of it, is tested hourly, and goes on when it answers', async () => {
    const { market, worker, receiver, poster } = await paused();
    const { body } = await poster.get('/v1/events/history?types=webhook_paused');
    expect(body.events).toEqual([
      expect.objectContaining({
        ...{ type: 'webhook_paused', task_id: null },
        reason: '20 deliveries in a row ended dead; the last: The receiver answered 500',
      }),
    ]);
    await events(poster, worker, 2);
    later(market, hourMs - 1);
    await idle(market, engine);
    expect(receiver.received).toHaveLength(20);
    await isSound(market);
    later(market, 1);
    await idle(market, engine);
    expect(receiver.received).toHaveLength(21);
    later(market, hourMs - 1);
    await idle(market, engine);
    expect(receiver.received).toHaveLength(21);
    receiver.behaviour = answer(200);
    later(market, 1);
    await isStatus(poster, 'active');
    await until(async () => (await deliveries(poster, '&status=pending')).length === 0);
    const after = ['webhook_test', 'webhook_test', 'webhook_paused', 'task_claimed', 'task_claimed'];
    expect(kinds(receiver).slice(20)).toEqual(after);
    await isSound(market);
  });

  it('is tested for seven days, after which what has waited is dead', async () => {
    const { market, receiver, poster } = await paused();
    later(market, hourMs);
    await idle(market, engine);
    later(market, 7 * dayMs - 2 * hourMs);
    await idle(market, engine);
    expect(receiver.received).toHaveLength(22);
    expect((await deliveries(poster, '&status=pending')).map(({ event }) => event)).toContain('webhook_paused');
    later(market, hourMs);
    await until(async () => (await deliveries(poster, '&status=pending')).length === 0);
    const [told] = await deliveries(poster, '&status=dead');
    expect(told).toMatchObject({ event: 'webhook_paused', attempts: [{ error: expect.stringContaining('7 days') }] });
    later(market, 2 * hourMs);
    await settle(market);
    expect(receiver.received).toHaveLength(23);
    expect(await statusOf(poster)).toBe('paused');
    await isSound(market);
    receiver.behaviour = answer(200);
    await poster.post('/v1/me/webhook/test');
    expect(await statusOf(poster)).toBe('active');
  });

  it('is not paused if it accepts one in between, or if its owner has cleared the address', async () => {
    const { market, worker } = await sendingMarket(engine, noRetries);
    const receiver = await Receiver.open((response, n) => void response.writeHead(n === 20 ? 200 : 500).end());
    const poster = await hooked(market, receiver);
    await events(poster, worker, 39);
    await until(async () => (await deliveries(poster, '&status=pending')).length === 0);
    expect(await statusOf(poster)).toBe('active');
    await market.ctx.webhooks.stop();
    await events(poster, worker, 3);
    await poster.patch('/v1/me', { webhook_url: null });
    expect((await poster.get('/v1/events/history?types=webhook_paused')).body.events).toEqual([]);
  });
});

onBothEngines('the filter of a webhook', (engine) => {
  it('sends only the events that it names, from the next one on', async () => {
    const { market, worker } = await sendingMarket(engine);
    const receiver = await Receiver.open();
    const poster = await hooked(market, receiver);
    expect((await poster.get('/v1/me')).body.webhook_events).toBe(null);
    const filtered = await poster.patch('/v1/me', { webhook_events: 'task_delivered, task_message' });
    expect(filtered.body.webhook_events).toEqual(['task_delivered', 'task_message']);
    const task = await claimTask(poster, worker);
    await worker.post(`/v1/tasks/${task}/deliver`, { result: 'Seven' });
    await until(async () => (await deliveries(poster, '&status=delivered')).length === 1);
    await isSound(market);
    await poster.patch('/v1/me', { webhook_events: null });
    expect((await poster.get('/v1/me')).body.webhook_events).toBe(null);
    await events(poster, worker);
    await until(async () => (await deliveries(poster, '&status=delivered')).length === 2);
    expect(kinds(receiver)).toEqual(['task_delivered', 'task_claimed']);
    await poster.patch('/v1/me', { webhook_events: ['task_claimed'] });
    await isSound(market);
  });

  it.each([[['task_claimed', 'task_gone']], [[]], ['task_gone'], [7], [['webhook_test']]])(
    'is not %j',
    async (filter) => {
      const { worker } = await sendingMarket(engine);
      expectError(await worker.patch('/v1/me', { webhook_events: filter }), 400);
    },
  );
});
