import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { compose, type Core } from '../../src/compose.ts';
import { buildApp } from '../../src/doors/http/app.ts';
import { readConfig } from '../../src/ground/config.ts';
import { openShares } from '../../src/rules/limits/shares.ts';
import { Client } from './client.ts';
import type { Engine } from './engines.ts';
import { adminKey, type Reply } from './market.ts';
import { unlimited } from './unlimited.ts';

/** A listening server with small shares, and what an attacker does to it. */
export class Attacked {
  readonly core: Core;
  readonly url: string;
  readonly port: number;
  readonly #sockets = new Set<Socket>();

  private constructor(core: Core, port: number) {
    this.core = core;
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** @param shares the sizes of shares that differ from the usual ones. */
  static async open(
    engine: Engine,
    shares: Parameters<typeof openShares>[0],
    env: Record<string, string> = {},
  ): Promise<Attacked> {
    const url = await engine.marketUrl();
    const { config } = readConfig({
      PINCHWORK_DATABASE_URL: url,
      PINCHWORK_ADMIN_KEY: adminKey,
      PINCHWORK_LOG_LEVEL: 'silent',
      ...unlimited,
      ...env,
    });
    const core = await compose(config, undefined, { shares: openShares(shares) });
    const app = buildApp(core);
    await app.listen({ host: '127.0.0.1', port: 0 });
    const attacked = new Attacked(core, (app.server.address() as AddressInfo).port);
    onTestFinished(async () => {
      for (const socket of attacked.#sockets) socket.destroy();
      core.watch.close();
      core.streams.close();
      core.feed.close();
      app.server.closeAllConnections();
      await app.close();
      await core.dispose();
      engine.recycle(url);
    });
    return attacked;
  }

  /** An honest client. */
  client(): Client {
    return new Client(this.url);
  }

  /**
   * Opens connections that send these bytes and stay open. What is answered is read and kept.
   *
   * @param from the attacker's address.
   */
  async hold(count: number, bytes: string, from = '127.0.66.1'): Promise<Held[]> {
    return Promise.all(
      Array.from({ length: count }, async () => {
        const socket = connect({ host: '127.0.0.1', port: this.port, localAddress: from });
        this.#sockets.add(socket);
        const held: Held = { socket, received: '' };
        socket.on('data', (chunk: Buffer) => (held.received += chunk.toString('latin1')));
        socket.on('error', () => undefined);
        await once(socket, 'connect');
        if (bytes !== '') await new Promise((resolve) => socket.write(bytes, 'latin1', resolve));
        return held;
      }),
    );
  }
}

/** A connection of an attacker, and what it has received. */
export interface Held {
  readonly socket: Socket;
  received: string;
}

/** The head of a POST whose body is announced with a length, or in chunks, and does not follow. */
export const announced = (path: string, key?: string, length?: number, ...headers: string[]): string =>
  [
    `POST ${path} HTTP/1.1`,
    'Host: pinchwork',
    'Accept: application/json',
    'Content-Type: application/json',
    ...(key === undefined ? [] : [`Authorization: Bearer ${key}`]),
    length === undefined ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`,
    ...headers,
    '\r\n',
  ].join('\r\n');

/** @throws Error when one of the replies is no success. */
export function expectAllServed(replies: readonly Reply[]): void {
  const failed = replies.filter(({ status }) => status >= 300);
  if (failed.length > 0) throw new Error(`An honest request was answered ${failed[0]!.status}: ${failed[0]!.text}`);
}
