import { onTestFinished } from 'vitest';
import { secondMs } from '../../src/ground/clock.ts';
import { ManualClock } from './clock.ts';
import { Market } from './market.ts';
import { privateNetworks } from '../rules/webhooks/market.ts';

export const timeoutMs = 10 * secondMs;

/** Opens another server on the same database, with a clock of its own. */
export async function openServer(url: string, clock: ManualClock, env: Record<string, string> = {}): Promise<Market> {
  const market = await Market.open(url, { ...privateNetworks, PINCHWORK_INITIAL_CREDITS: '100000', ...env }, clock);
  onTestFinished(() => market.close());
  return market;
}
