import { afterAll, beforeAll } from 'vitest';
import { systemClock } from '../../../server/src/ground/clock.ts';
import { ManualClock } from '../../../server/test/support/clock.ts';
import { sqlite } from '../../../server/test/support/engines.ts';
import { adminKey, Market } from '../../../server/test/support/market.ts';
import { type Options, Pinchwork } from '../../src/index.ts';

/** Clients are in real time, so their market is too. */
class RealClock extends ManualClock {
  override now = systemClock.now;
  override after = systemClock.after;
}

/** A market that listens on a port, and clients of it. Opened once for all tests of a file. */
class LiveMarket {
  market!: Market;
  url!: string;

  /** A client with the key of a new agent, or with options of the test's own. */
  async agent(
    name = 'agent',
    options: Options = {},
  ): Promise<Pinchwork & { readonly id: string; readonly key: string }> {
    const { agent_id, api_key } = await this.client().register({ name });
    return Object.assign(this.client({ apiKey: api_key, ...options }), { id: agent_id, key: api_key });
  }

  client(options: Options = {}): Pinchwork {
    return new Pinchwork({ server: this.url, adminKey, ...options });
  }
}

/** @param env settings of the server */
export function liveMarket(env: Record<string, string> = {}): LiveMarket {
  const live = new LiveMarket();
  beforeAll(async () => {
    live.market = await Market.open(await sqlite.marketUrl(), env, new RealClock());
    live.url = await live.market.app.listen({ host: '127.0.0.1', port: 0 });
  });
  afterAll(async () => {
    // Idle connections of the tests' own process, which keep-alive holds open.
    live.market.app.server.closeAllConnections();
    await live.market.close();
    sqlite.recycle(live.market.url);
  });
  return live;
}
