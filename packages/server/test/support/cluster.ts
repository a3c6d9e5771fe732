import { setTimeout as pause } from 'node:timers/promises';
import { Client } from './client.ts';
import { Front } from './front.ts';
import type { Agent, Reply } from './market.ts';
import { type Env, ServerProcess } from './process.ts';
import { StreamReader } from './streams.ts';

/** The pause before a retry if the reply has no Retry-After. */
const politeMs = 100;

const politely = (retryAfter: unknown) => Number(retryAfter ?? 0) * 1_000 || politeMs;
const isUnavailable = (status: number) => status === 502 || status === 503;

/** Several nodes on one database behind a load balancer. Restarts nodes after killing them. */
export class Cluster {
  readonly front: Front;
  readonly #env: Env;
  readonly #nodes: ServerProcess[];
  readonly #client: Client;

  private constructor(env: Env, nodes: ServerProcess[], front: Front) {
    this.#env = env;
    this.#nodes = nodes;
    this.front = front;
    this.#client = new Client(front.url);
  }

  static async start(databaseUrl: string, nodes: number, env: Env = {}): Promise<Cluster> {
    const settings = { PINCHWORK_DATABASE_URL: databaseUrl, PINCHWORK_LOG_LEVEL: 'fatal', ...env };
    const servers = Array.from({ length: nodes }, () => new ServerProcess(settings));
    const urls = await Promise.all(servers.map(({ listening }) => listening));
    return new Cluster(settings, servers, await Front.before(urls));
  }

  get size(): number {
    return this.#nodes.length;
  }

  /** A client of one node, bypassing the load balancer. */
  direct(node: number): Client {
    return new Client(this.front.nodes[node]!.origin);
  }

  /** Kills a node with `kill -9`, then retries until a new process starts, which needs the database. */
  async killNode(node: number): Promise<void> {
    await this.#nodes[node]!.kill();
    for (;;) {
      const next = new ServerProcess(this.#env);
      this.#nodes[node] = next;
      try {
        this.front.nodes[node] = new URL(await next.listening);
        return;
      } catch {
        await pause(politeMs);
      }
    }
  }

  post(
    agent: Pick<Agent, 'id' | 'key'> | undefined,
    path: string,
    body: object | undefined,
    headers: Record<string, string>,
  ): Promise<Reply | undefined> {
    return this.#once(
      agent === undefined
        ? this.#client.send('POST', path, body, headers)
        : this.#client.as(agent).post(path, body, headers),
    );
  }

  get(agent: Pick<Agent, 'id' | 'key'>, path: string): Promise<Reply | undefined> {
    return this.#once(this.#client.as(agent).get(path));
  }

  /** Opens an agent's stream after a position; undefined if no node can open one now. */
  async follow(agent: Pick<Agent, 'key'>, lastId: number): Promise<StreamReader | undefined> {
    const headers = { 'last-event-id': String(lastId) };
    const reader = await StreamReader.open(this.front.url, agent, { headers }).catch(() => undefined);
    if (reader?.status === 200) return reader;
    if (reader !== undefined && !isUnavailable(reader.status))
      throw new Error(`A stream was answered ${reader.status}`);
    await pause(politely(reader?.response.headers['retry-after']));
    return undefined;
  }

  /** Sends a request once; if it must be repeated, waits for the time given by Retry-After. */
  async #once(request: Promise<Reply>): Promise<Reply | undefined> {
    const reply = await request.catch(() => undefined);
    if (reply !== undefined && !isUnavailable(reply.status)) return reply;
    await pause(politely(reply?.headers['retry-after']));
    return undefined;
  }
}
