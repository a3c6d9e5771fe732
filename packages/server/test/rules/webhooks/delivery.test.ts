import { expect, it } from 'vitest';
import { hourMs, minuteMs, secondMs } from '../../../src/ground/clock.ts';
import { onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { claimTask, postTask } from '../../support/market.ts';
import { answer, hang, Receiver } from '../../support/receiver.ts';
import { attempted, deliveries, events, hooked, later, sendingMarket, settled } from './market.ts';
import { until } from '../../support/until.ts';

onBothEngines('a webhook', (engine) => {
  it('gets every event once, in the format of the contract', async () => {
    const { market, worker } = await sendingMarket(engine);
    const receiver = await Receiver.open();
    const poster = await hooked(market, receiver);
    const task = await claimTask(poster, worker);
    await worker.post(`/v1/tasks/${task}/messages`, { message: 'Hello' });
    await until(async () => (await deliveries(poster, '&status=delivered')).length === 2);
    expect(receiver.received.map(({ body }) => body)).toEqual([
      { event: 'task_claimed', task_id: task, data: { worker_id: worker.id }, timestamp: '2030-01-01T00:00:00+00:00' },
      { event: 'task_message', task_id: task, data: expect.anything(), timestamp: '2030-01-01T00:00:00+00:00' },
    ]);
    const [{ headers, path }] = receiver.received as [(typeof receiver.received)[0]];
    expect(path).toBe('/hook');
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'webhook-id': expect.stringMatching(/^wd-[0-9A-Za-z]{12}$/),
      'webhook-timestamp': String(market.clock.now() / secondMs),
      'x-pinchwork-event-number': '1',
    });
    expect(Object.keys(headers).filter((name) => name.includes('signature'))).toEqual([]);
    const [, first] = await deliveries(poster);
    expect(first).toEqual({
      ...{ id: headers['webhook-id'], event: 'task_claimed', event_number: 1, task_id: task, status: 'delivered' },
      ...{ created_at: '2030-01-01T00:00:00+00:00', next_attempt_at: null },
      attempts: [{ at: '2030-01-01T00:00:00+00:00', status_code: 200, duration_ms: 0, error: null }],
    });
  });

  it('is retried with growing pauses, then is dead with its log, and can be sent again', async () => {
    const { market, worker } = await sendingMarket(engine);
    const receiver = await Receiver.open(answer(500));
    const poster = await hooked(market, receiver);
    await events(poster, worker);
    const begin = market.clock.now();
    for (const [i, backoff] of [1, 5, 25].entries()) {
      const { status, next_attempt_at } = await settled(poster, attempted(i + 1));
      expect(status).toBe('pending');
      // Times on the wire have whole seconds.
      const pause = Date.parse(next_attempt_at!) - market.clock.now();
      expect(pause).toBeGreaterThanOrEqual(Math.floor(backoff * 0.75) * secondMs - secondMs);
      expect(pause).toBeLessThanOrEqual(backoff * 1.25 * secondMs);
      later(market, backoff * 0.7 * secondMs);
      expect(receiver.received).toHaveLength(i + 1);
      later(market, backoff * 0.6 * secondMs);
    }
    const dead = await settled(poster, ({ status }) => status === 'dead');
    expect(dead.next_attempt_at).toBeNull();
    expect(dead.attempts).toHaveLength(4);
    for (const { status_code, error } of dead.attempts) {
      expect({ status_code, error }).toEqual({ status_code: 500, error: 'The receiver answered 500' });
    }
    expect(Date.parse(dead.attempts[0]!.at)).toBe(begin);
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(new Set(receiver.received.map(({ text }) => text)).size).toBe(1);

    receiver.behaviour = answer(204);
    const again = await poster.post(`/v1/me/webhook/deliveries/${dead.id}/redeliver`);
    expect(again.body).toMatchObject({ id: dead.id, status: 'pending' });
    expect(again.headers['x-status']).toBeUndefined();
    const delivered = await settled(poster, attempted(5));
    expect(delivered.status).toBe('delivered');
    expect(delivered.attempts).toHaveLength(5);
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
  });

  it('gets its events in their order, one at a time', async () => {
    const { market, worker } = await sendingMarket(engine);
    let underWay = 0;
    let most = 0;
    const receiver = await Receiver.open((response) => {
      most = Math.max(most, ++underWay);
      setImmediate(() => {
        underWay--;
        response.end();
      });
    });
    const poster = await hooked(market, receiver);
    await Promise.all(Array.from({ length: 30 }, () => events(poster, worker, 2)));
    await until(() => receiver.received.length === 60);
    const numbers = receiver.received.map(({ headers }) => Number(headers['x-pinchwork-event-number']));
    expect(numbers).toEqual(numbers.map((_, i) => i + 1));
    expect(most).toBe(1);
  });

  it('that fails once does not delay the events after it', async () => {
    const { market, worker } = await sendingMarket(engine);
    const receiver = await Receiver.open((response, n) => void response.writeHead(n === 2 ? 500 : 200).end());
    const poster = await hooked(market, receiver);
    await events(poster, worker, 4);
    await until(async () => (await deliveries(poster, '&status=delivered')).length === 3);
    later(market, 2 * secondMs);
    await until(async () => (await deliveries(poster, '&status=delivered')).length === 4);
    const numbers = receiver.received.map(({ headers }) => headers['x-pinchwork-event-number']);
    expect(numbers).toEqual(['1', '2', '3', '4', '2']);
  });

  it('that does not answer in time fails', async () => {
    const { market, worker } = await sendingMarket(engine);
    const receiver = await Receiver.open(hang);
    const poster = await hooked(market, receiver);
    await events(poster, worker);
    await until(() => receiver.received.length === 1);
    later(market, 9_999);
    expect((await deliveries(poster))[0]!.attempts).toEqual([]);
    later(market, 1);
    const { attempts } = await settled(poster, attempted(1));
    expect(attempts).toMatchObject([
      { status_code: null, error: 'The receiver did not answer in full within 10 seconds', duration_ms: 10_000 },
    ]);
  });

  it('that answers 410 gets no retry, but gets the next event', async () => {
    const { market, worker } = await sendingMarket(engine);
    const receiver = await Receiver.open(answer(410));
    const poster = await hooked(market, receiver);
    await events(poster, worker);
    const dead = await settled(poster, attempted(1));
    expect(dead).toMatchObject({ status: 'dead', attempts: [{ status_code: 410 }] });
    await events(poster, worker);
    await until(() => receiver.received.length === 2);
  });

  it('that sends Retry-After gets no delivery until then, at most for an hour', async () => {
    const { market, worker } = await sendingMarket(engine);
    const receiver = await Receiver.open((response, n) => {
      if (n === 1) response.writeHead(503, { 'retry-after': '100' }).end();
      else if (n === 2) response.writeHead(429, { 'retry-after': '86400' }).end();
      else response.end();
    });
    const poster = await hooked(market, receiver);
    await events(poster, worker);
    const failed = await settled(poster, attempted(1));
    expect(Date.parse(failed.next_attempt_at ?? '')).toBe(market.clock.now() + 100 * secondMs);
    await events(poster, worker, 2);
    later(market, 99 * secondMs);
    await market.ctx.db.transact('a turn', async () => undefined);
    expect(receiver.received).toHaveLength(1);
    later(market, secondMs);
    await until(async () => (await deliveries(poster)).flatMap(({ attempts }) => attempts).length === 2);
    later(market, hourMs - 1);
    expect(receiver.received).toHaveLength(2);
    later(market, secondMs);
    await until(async () => (await deliveries(poster, '&status=delivered')).length === 3);
  });

  it('gets the events after it was set, at its current address, and none after it is cleared', async () => {
    const { market, worker } = await sendingMarket(engine);
    const [old, current] = [await Receiver.open(answer(500)), await Receiver.open()];
    const poster = await market.register('late');
    await events(poster, worker);
    await poster.patch('/v1/me', { webhook_url: old.url });
    await events(poster, worker);
    await settled(poster, attempted(1));
    await poster.patch('/v1/me', { webhook_url: current.url, webhook_secret: 'fresh' });
    later(market, 2 * secondMs);
    await until(() => current.received.length === 1);
    expect(current.received[0]!.headers).toMatchObject({
      'x-pinchwork-event-number': '2',
      'x-pinchwork-signature': expect.any(String),
    });
    expect(old.received).toHaveLength(1);

    current.behaviour = answer(500);
    await events(poster, worker);
    await settled(poster, attempted(1));
    await poster.patch('/v1/me', { webhook_url: null });
    await events(poster, worker);
    later(market, 2 * secondMs);
    const dead = await settled(poster, ({ status }) => status === 'dead');
    expect(dead.attempts.at(-1)).toMatchObject({ status_code: null, error: expect.stringContaining('no webhook_url') });
    expect(await deliveries(poster)).toHaveLength(2);
    expect(current.received).toHaveLength(2);
    expectError(await poster.post(`/v1/me/webhook/deliveries/${dead.id}/redeliver`), 409);
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
  });

  it('of a suspended agent waits until the suspension ends', async () => {
    const { market, worker } = await sendingMarket(engine);
    const receiver = await Receiver.open();
    const poster = await hooked(market, receiver);
    const task = await claimTask(poster, worker);
    await until(() => receiver.received.length === 1);
    const suspend = (suspended: boolean) =>
      market.admin.post('/v1/admin/agents/suspend', { agent_id: poster.id, suspended });
    await suspend(true);
    await worker.post(`/v1/tasks/${task}/deliver`, { result: 'Seven' });
    later(market, 10 * minuteMs);
    await until(async () => {
      const rows = await engine.query(market.url, 'select due_at from webhook_receivers');
      return rows[0]!.due_at === null;
    });
    expect(receiver.received).toHaveLength(1);
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
    await suspend(false);
    await until(() => receiver.received.length === 2);
  });

  it('gets an event that is no longer kept', async () => {
    const { market, worker } = await sendingMarket(engine);
    const receiver = await Receiver.open(answer(500));
    const poster = await hooked(market, receiver);
    await events(poster, worker);
    await settled(poster, attempted(1));
    await engine.vandalise(market.url, `delete from events where agent_id = '${poster.id}'`);
    receiver.behaviour = answer(200);
    later(market, 2 * secondMs);
    await settled(poster, ({ status }) => status === 'delivered');
    expect(receiver.received[1]!.text).toBe(receiver.received[0]!.text);
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
  });
});

onBothEngines('trying a webhook', (engine) => {
  it('answers with the outcome, and sends nothing twice', async () => {
    const { market, worker } = await sendingMarket(engine);
    const receiver = await Receiver.open();
    const poster = await hooked(market, receiver, 'secret');
    const key = { 'idempotency-key': 'once' };
    const { status, body } = await poster.post('/v1/me/webhook/test', undefined, key);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      ...{ event: 'webhook_test', event_number: null, task_id: null, status: 'delivered' },
      attempts: [{ status_code: 200, error: null }],
    });
    expect(receiver.received).toMatchObject([{ body: { event: 'webhook_test', task_id: null, data: {} } }]);
    expect((await poster.post('/v1/me/webhook/test', undefined, key)).body).toEqual(body);
    expect(receiver.received).toHaveLength(1);
    expect(await deliveries(poster)).toEqual([body]);

    receiver.behaviour = answer(301, { location: receiver.url });
    expect((await poster.post('/v1/me/webhook/test')).body).toMatchObject({
      status: 'dead',
      attempts: [{ status_code: 301, error: 'The receiver answered 301: redirects are not followed' }],
    });
    receiver.close();
    expect((await poster.post('/v1/me/webhook/test')).body).toMatchObject({
      status: 'dead',
      attempts: [{ status_code: null, error: 'The connection was refused (ECONNREFUSED)' }],
    });
    expectError(await worker.post('/v1/me/webhook/test'), 409);
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
  });
});

onBothEngines('the list of deliveries', (engine) => {
  it('has only the agent’s own, newest first, by status, in pages', async () => {
    const { market, worker } = await sendingMarket(engine);
    const receiver = await Receiver.open((response, n) => void response.writeHead(n % 2 === 0 ? 410 : 200).end());
    const poster = await hooked(market, receiver);
    await postTask(worker);
    await events(poster, worker, 7);
    await until(async () => (await deliveries(poster, '&status=pending')).length === 0);
    const all = await deliveries(poster);
    expect(all.map(({ event_number }) => event_number)).toEqual([7, 6, 5, 4, 3, 2, 1]);
    expect((await deliveries(poster, '&status=dead')).map(({ event_number }) => event_number)).toEqual([6, 4, 2]);
    const pages: unknown[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`;
      const { body } = await poster.get(`/v1/me/webhook/deliveries?limit=3${query}`);
      expect(body.total).toBe(7);
      pages.push(...body.deliveries);
      cursor = body.next_cursor;
    }
    expect(pages).toEqual(all);
    expect((await poster.get('/v1/me/webhook/deliveries?limit=2&offset=5')).body.deliveries).toEqual(all.slice(5));
    expect(await deliveries(worker)).toEqual([]);
    expectError(await poster.get('/v1/me/webhook/deliveries?status=odd'), 400);
    expectError(await worker.post(`/v1/me/webhook/deliveries/${all[0]!.id}/redeliver`), 409);
  });

  it('loses delivered ones after 7 days and dead ones after 30', async () => {
    const { market, worker } = await sendingMarket(engine);
    const receiver = await Receiver.open((response, n) => void response.writeHead(n === 1 ? 410 : 200).end());
    const poster = await hooked(market, receiver);
    await events(poster, worker, 2);
    await until(async () => (await deliveries(poster, '&status=pending')).length === 0);
    const statusesAfter = async (days: number) => {
      later(market, days * 24 * hourMs);
      await market.ctx.housekeeping.run();
      return (await deliveries(poster)).map(({ status }) => status);
    };
    expect(await statusesAfter(6.9)).toEqual(['delivered', 'dead']);
    expect(await statusesAfter(0.2)).toEqual(['dead']);
    expect(await statusesAfter(22)).toEqual(['dead']);
    expect(await statusesAfter(1)).toEqual([]);
  });
});
