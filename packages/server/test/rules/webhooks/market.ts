import type { DeliveryResponse } from '@pinchwork/sdk/table';
import type { Resolve } from '../../../src/rules/webhooks/address.ts';
import type { Engine } from '../../support/engines.ts';
import { type Agent, claimTask, Market } from '../../support/market.ts';
import { type Receiver } from '../../support/receiver.ts';
import { until } from '../../support/until.ts';

export const privateNetworks = { PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true' };

/** A market that sends webhooks to receivers on this machine. */
export async function sendingMarket(engine: Engine, env: Record<string, string> = {}, resolve?: Resolve) {
  const settings = { PINCHWORK_INITIAL_CREDITS: '100000', ...privateNetworks, ...env };
  const market = await Market.fresh(engine, settings, resolve);
  market.ctx.webhooks.start();
  const worker = await market.register('worker');
  return { market, worker };
}

/** An agent with a receiver as its webhook. */
export const hooked = (market: Market, receiver: Receiver, webhook_secret?: string) =>
  market.register('hooked', { webhook_url: receiver.url, webhook_secret });

/** Causes `count` events for an agent. */
export async function events(poster: Agent, worker: Agent, count = 1): Promise<void> {
  for (let i = 0; i < count; i++) await claimTask(poster, worker, { max_credits: 1 });
}

export async function deliveries(agent: Agent, query = ''): Promise<DeliveryResponse[]> {
  return (await agent.get(`/v1/me/webhook/deliveries?limit=100${query}`)).body.deliveries;
}

/** Waits until an agent's newest delivery fulfils `is`. */
export async function settled(agent: Agent, is: (delivery: DeliveryResponse) => boolean): Promise<DeliveryResponse> {
  let newest: DeliveryResponse | undefined;
  await until(async () => {
    [newest] = await deliveries(agent);
    return newest !== undefined && is(newest);
  });
  return newest!;
}

export const attempted = (times: number) => (delivery: DeliveryResponse) => delivery.attempts.length >= times;

/** Moves time forward and wakes the deliverer, which may be about to sleep until a time in the past. */
export function later(market: Market, ms: number): void {
  market.clock.advance(ms);
  market.ctx.webhooks.wake();
}
