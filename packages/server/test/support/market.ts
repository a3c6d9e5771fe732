import type { FastifyInstance, InjectOptions } from 'fastify';
import { onTestFinished } from 'vitest';
import { buildApp } from '../../src/doors/http/app.ts';
import { readConfig } from '../../src/ground/config.ts';
import { compose, type Core } from '../../src/compose.ts';
import { openDatabase } from '../../src/storage/open.ts';
import type { Resolve } from '../../src/rules/webhooks/address.ts';
import { ManualClock } from './clock.ts';
import { watchLocks } from './lock-order.ts';
import type { Engine } from './engines.ts';
import { keptChecks } from './kept-checks.ts';
import { keptThreads } from './kept-threads.ts';
import { undocumented } from './documented.ts';
import { unlimited } from './unlimited.ts';

export const adminKey = 'admin-key-of-the-tests';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>;
  /** The JSON body; `{}` for an empty one. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into replies of every shape
  readonly body: any;
  readonly text: string;
}

export interface Agent {
  readonly id: string;
  readonly key: string;
  get(path: string, headers?: Record<string, string>): Promise<Reply>;
  post(path: string, body?: object | string, headers?: Record<string, string>): Promise<Reply>;
  patch(path: string, body: object, headers?: Record<string, string>): Promise<Reply>;
  delete(path: string, headers?: Record<string, string>): Promise<Reply>;
}

/** The DNS error for an unknown name. */
const nowhere: Resolve = () => Promise.reject(Object.assign(new Error('not found'), { code: 'ENOTFOUND' }));

interface MarketOptions {
  /** The DNS lookup for webhook hosts. Default: finds nothing. */
  readonly resolve?: Resolve;
  /** What opens the database. */
  readonly open?: typeof openDatabase;
}

/** A marketplace in this process, driven through its public API and a clock of its own. */
export class Market {
  /** Its database, as `PINCHWORK_DATABASE_URL` has it. */
  readonly url: string;
  readonly ctx: Core;
  readonly app: FastifyInstance;
  readonly clock: ManualClock;
  readonly admin: Agent;
  #afterClose: () => void = () => undefined;

  private constructor(url: string, ctx: Core, app: FastifyInstance, clock: ManualClock) {
    this.url = url;
    this.ctx = ctx;
    this.app = app;
    this.clock = clock;
    this.admin = this.client('admin', adminKey);
  }

  static async open(
    url: string,
    env: Record<string, string> = {},
    clock = new ManualClock(),
    { resolve = nowhere, open = openDatabase }: MarketOptions = {},
  ): Promise<Market> {
    const { config } = readConfig({
      PINCHWORK_DATABASE_URL: url,
      PINCHWORK_ADMIN_KEY: adminKey,
      PINCHWORK_LOG_LEVEL: 'silent',
      ...unlimited,
      ...env,
    });
    const ctx = await compose(config, clock, {
      checkDatabaseClock: false,
      resolve,
      openDatabase: async (address, options) => {
        const db = await open(address, { ...options, threads: keptThreads });
        watchLocks(db);
        return db;
      },
      checks: keptChecks,
    });
    return new Market(url, ctx, buildApp(ctx), clock);
  }

  /**
   * Opens a marketplace on a database of its own, for a group of tests that share it. It must be closed; its database is
   * then used again.
   */
  static async shared(engine: Engine, env: Record<string, string> = {}, clock = new ManualClock()): Promise<Market> {
    const market = await Market.open(await engine.marketUrl(), env, clock, { open: engine.open });
    market.#afterClose = () => engine.recycle(market.url);
    return market;
  }

  /** Opens a marketplace on a database of its own, closed when the test ends. */
  static async fresh(engine: Engine, env: Record<string, string> = {}, resolve?: Resolve): Promise<Market> {
    const options = resolve === undefined ? {} : { resolve };
    const market = await Market.open(await engine.marketUrl(), env, undefined, { open: engine.open, ...options });
    onTestFinished(async ({ task }) => {
      await market.close();
      // Code of a failed test may still use the database.
      if (task.result?.state === 'fail') await engine.discard(market.url);
      else engine.recycle(market.url);
    });
    return market;
  }

  async close(): Promise<void> {
    this.ctx.watch.close();
    this.ctx.streams.close();
    this.ctx.feed.close();
    await this.app.close();
    await this.ctx.dispose();
    this.#afterClose();
  }

  async request(options: InjectOptions): Promise<Reply> {
    const { statusCode, headers, payload } = await this.app.inject({
      ...options,
      headers: { accept: 'application/json', ...options.headers },
    });
    const isJson = (headers['content-type'] ?? '').startsWith('application/json');
    const body: unknown = isJson && payload !== '' ? JSON.parse(payload) : {};
    const reply = { status: statusCode, headers, text: payload, body };
    const faults = undocumented(options, reply);
    if (faults.length > 0) throw new Error(`A reply has ${faults.join(', ')}, which its endpoint's row does not list`);
    return reply;
  }

  /** Sends requests as an agent with a known key. */
  client(id: string, key: string): Agent {
    const send = (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', url: string, body?: object | string, headers = {}) =>
      this.request({
        method,
        url,
        headers: {
          authorization: `Bearer ${key}`,
          ...(typeof body === 'object' ? { 'content-type': 'application/json' } : {}),
          ...headers,
        },
        ...(body === undefined ? {} : { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
      });
    return {
      id,
      key,
      get: (path, headers) => send('GET', path, undefined, headers),
      post: (path, body, headers) => send('POST', path, body, headers),
      patch: (path, body, headers) => send('PATCH', path, body, headers),
      delete: (path, headers) => send('DELETE', path, undefined, headers),
    };
  }

  async register(name = 'agent', fields: object = {}): Promise<Agent> {
    const { status, body, text } = await this.request({
      method: 'POST',
      url: '/v1/register',
      headers: { 'content-type': 'application/json' },
      payload: JSON.stringify({ name, ...fields }),
    });
    if (status !== 201) throw new Error(`Registration answered ${status}: ${text}`);
    return this.client(body.agent_id, body.api_key);
  }

  /** Advances the clock and runs the timers, the draw of judges and the outbox. */
  async pass(ms: number): Promise<void> {
    this.clock.advance(ms);
    await this.ctx.timers.runDue();
    await this.ctx.judging.pass();
    await this.ctx.outbox.run();
  }

  async balanceOf(agent: Agent): Promise<number> {
    return (await agent.get('/v1/me/credits')).body.balance;
  }
}

/** A task in each state a test may want, made through the API. */
export async function postTask(poster: Agent, fields: object = {}): Promise<string> {
  const { status, body, text } = await poster.post('/v1/tasks', { need: 'Count the words', ...fields });
  if (status !== 201) throw new Error(`Create answered ${status}: ${text}`);
  return body.task_id;
}

export async function claimTask(poster: Agent, worker: Agent, fields: object = {}): Promise<string> {
  const id = await postTask(poster, fields);
  const { status, text } = await worker.post(`/v1/tasks/${id}/pickup`);
  if (status !== 200) throw new Error(`Pickup answered ${status}: ${text}`);
  return id;
}

export async function deliverTask(poster: Agent, worker: Agent, fields: object = {}): Promise<string> {
  const id = await claimTask(poster, worker, fields);
  const { status, text } = await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Seven' });
  if (status !== 200) throw new Error(`Deliver answered ${status}: ${text}`);
  return id;
}

/** A valid webhook address at which no server listens. */
export const deadWebhook = 'https://hooks.invalid/hook';

/** Makes a delivery to the poster, who must have a webhook, about a claim. Only a running server sends it. */
export async function makeDelivery(poster: Agent, worker: Agent): Promise<string> {
  await claimTask(poster, worker, { max_credits: 1 });
  return (await poster.get('/v1/me/webhook/deliveries?limit=1')).body.deliveries[0].id;
}
