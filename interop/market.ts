import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Catalog } from '@pinchwork/sdk/mcp';
import { compose } from '../packages/server/src/compose.ts';
import { buildApp } from '../packages/server/src/doors/http/app.ts';
import { readConfig } from '../packages/server/src/ground/config.ts';

/** What a kit or a client has found. */
export interface Result {
  readonly isOk: boolean;
  /** The last line of a kit, or what went wrong. */
  readonly summary: string;
  readonly output: string;
}

/** A market of its own for one row, without rate limits, which listens on this machine. */
export interface OpenMarket {
  readonly url: URL;
  /** Registers an agent. @returns its key */
  register(name: string): Promise<string>;
}

interface MarketOptions {
  /** What `/mcp` offers. Default: the market. */
  readonly catalog?: Catalog;
  /** By the names of their variables. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Opens a market, uses it and removes it. */
export async function withMarket<T>(
  use: (market: OpenMarket) => Promise<T>,
  { catalog, settings = {} }: MarketOptions = {},
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'pinchwork-interop-'));
  const limits = ['REGISTER', 'CREATE', 'PICKUP', 'DELIVER', 'READ', 'WRITE', 'ADMIN'];
  const { config } = readConfig({
    ...{ PINCHWORK_DATABASE_URL: join(folder, 'market.db'), PINCHWORK_LOG_LEVEL: 'silent' },
    ...Object.fromEntries(limits.map((name) => [`PINCHWORK_RATE_LIMIT_${name}`, 'off'])),
    ...settings,
  });
  const core = await compose(config);
  const app = buildApp(core, catalog);
  try {
    const url = new URL(await app.listen({ host: '127.0.0.1', port: 0 }));
    const register = async (name: string) => {
      const { payload } = await app.inject({ method: 'POST', url: '/v1/register', payload: { name } });
      return /pwk-\w+/.exec(payload)?.[0] ?? '';
    };
    return await use({ url, register });
  } finally {
    app.server.closeAllConnections();
    core.watch.close();
    core.streams.close();
    core.feed.close();
    await app.close();
    await core.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
}
