import type { ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { secondMs } from '../../../src/ground/clock.ts';
import { ManualClock } from '../../support/clock.ts';
import { onBothEngines, postgres, sqlite } from '../../support/engines.ts';
import { type Agent, Market } from '../../support/market.ts';
import { answer, hang, Receiver } from '../../support/receiver.ts';
import { attempted, deliveries, events, hooked, later, privateNetworks, sendingMarket, settled } from './market.ts';
import { openServer, timeoutMs } from '../../support/webhook-servers.ts';
import { until } from '../../support/until.ts';

/** A clock whose time can be set without running timers, which count real time. */
class SettableClock extends ManualClock {
  #offset = 0;

  override now(): number {
    return super.now() + this.#offset;
  }

  set(ms: number): void {
    this.#offset += ms;
  }
}

async function leased(): Promise<{ market: Market; agent: Agent; receiver: Receiver }> {
  const market = await Market.fresh(sqlite, privateNetworks);
  const receiver = await Receiver.open();
  const worker = await market.register('worker');
  const agent = await hooked(market, receiver);
  await events(agent, worker);
  const until = market.clock.now() + 2 * timeoutMs;
  await sqlite.vandalise(market.url, `update webhook_receivers set leased_by = 'killed', leased_until = ${until}`);
  return { market, agent, receiver };
}

async function reopened(market: Market): Promise<Market> {
  await market.close();
  return openServer(market.url, market.clock);
}

onBothEngines('a server whose lease ends before its attempt', (engine) => {
  it('starts a second turn, after which the first sends nothing more and writes no outcome', async () => {
    const clock = new SettableClock();
    const market = await openServer(await engine.marketUrl(), clock);
    market.ctx.webhooks.start();
    const held: ServerResponse[] = [];
    const [receiver, sound] = [await Receiver.open((response) => void held.push(response)), await Receiver.open()];
    const worker = await market.register('worker');
    const agent = await hooked(market, receiver);
    await events(agent, worker, 3);
    await until(() => held.length === 1);
    clock.set(2 * timeoutMs);
    market.ctx.webhooks.wake();
    await until(() => held.length === 2);
    const outcomes: string[] = [];
    market.ctx.webhooks.observe((outcome) => outcomes.push(outcome));
    held[0]!.end();
    // The first turn has finished its transaction before this.
    const other = await hooked(market, sound);
    await events(other, worker);
    await settled(other, attempted(1));
    await until(() => outcomes.length > 0);
    expect(held).toHaveLength(2);
    expect(outcomes).toEqual(['delivered']);
    expect(await deliveries(agent, '&status=delivered')).toEqual([]);
    receiver.behaviour = answer(200);
    held[1]!.end();
    await until(async () => (await deliveries(agent, '&status=delivered')).length === 3);
    const numbers = receiver.received.map(({ headers }) => headers['x-pinchwork-event-number']);
    expect(numbers).toEqual(['1', '1', '2', '3']);
  });
});

onBothEngines('a lease', (engine) => {
  it.each([3, 40])('lasts for an attempt of %i seconds plus five seconds', async (timeoutSeconds) => {
    const { market, worker } = await sendingMarket(engine, {
      PINCHWORK_WEBHOOK_TIMEOUT_SECONDS: String(timeoutSeconds),
    });
    const receiver = await Receiver.open(hang);
    await events(await hooked(market, receiver), worker);
    await until(() => receiver.received.length === 1);
    const [row] = await engine.query(market.url, 'select leased_until from webhook_receivers');
    expect(Number(row!.leased_until) - market.clock.now()).toBe((timeoutSeconds + 5) * secondMs);
  });

  it('is renewed with each delivery, so that no second turn begins while the first lasts', async () => {
    const { market, worker } = await sendingMarket(engine, { PINCHWORK_WEBHOOK_TIMEOUT_SECONDS: '3' });
    const held: ServerResponse[] = [];
    const [receiver, sound] = [await Receiver.open((response) => void held.push(response)), await Receiver.open()];
    const agent = await hooked(market, receiver);
    await events(agent, worker, 7);
    const firstLeaseEnds = market.clock.now() + 8 * secondMs;
    for (let n = 1; n <= 5; n++) {
      await until(() => held.length === n);
      later(market, 1.9 * secondMs);
      held[n - 1]!.end();
    }
    await until(() => held.length === 6);
    expect(market.clock.now()).toBeGreaterThan(firstLeaseEnds);
    market.ctx.webhooks.wake();
    // All other due receivers have been taken before this.
    await events(await hooked(market, sound), worker);
    await until(() => sound.received.length === 1);
    expect(held).toHaveLength(6);
    receiver.behaviour = answer(200);
    held[5]!.end();
    await until(async () => (await deliveries(agent, '&status=delivered')).length === 7);
    const numbers = receiver.received.map(({ headers }) => headers['x-pinchwork-event-number']);
    expect(numbers).toEqual(['1', '2', '3', '4', '5', '6', '7']);
  });
});

it('leases of a killed server on an embedded database end at the next start', async () => {
  const { market, agent, receiver } = await leased();
  market.ctx.webhooks.start();
  await until(() => receiver.received.length === 1);
  expect((await settled(agent, attempted(1))).status).toBe('delivered');
});

onBothEngines('a server that stops', (engine) => {
  it('aborts its attempts, and leaves their deliveries due', async () => {
    const { market, worker } = await sendingMarket(engine);
    const receiver = await Receiver.open(hang);
    const agent = await hooked(market, receiver);
    await events(agent, worker);
    await until(() => receiver.received.length === 1);
    await market.ctx.webhooks.stop();
    const [delivery] = await deliveries(agent);
    expect(delivery).toMatchObject({ status: 'pending', attempts: [] });
    receiver.behaviour = answer(200);
    const next = engine === postgres ? await openServer(market.url, market.clock) : await reopened(market);
    next.ctx.webhooks.start();
    await until(() => receiver.received.length === 2);
  });
});
