import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { RegisterResponse } from '@pinchwork/sdk/table';

const defaultServer = 'http://127.0.0.1:8000';
const defaultPauseSeconds = 5;

/** The marketplace refused the request. The same request will be refused again. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/**
 * A client of the marketplace with plain `fetch` and JSON. When the server is busy (429, 503) or unreachable, it
 * repeats the request after `Retry-After`. Every request that changes something has an `Idempotency-Key`, so that a
 * repetition has no second effect.
 */
export class Client {
  readonly #server: string;
  readonly #stop: AbortSignal;
  #key: string | undefined;

  /** @param stop aborts pauses and reads at once. Requests that change something are completed. */
  constructor(server: string, key: string | undefined, stop: AbortSignal) {
    this.#server = server;
    this.#key = key;
    this.#stop = stop;
  }

  /** Uses the key in `PINCHWORK_API_KEY`, otherwise registers and prints that. `PINCHWORK_SERVER` names the server. */
  static async join(profile: { name: string; good_at?: string; accepts_system_tasks?: boolean }, stop: AbortSignal) {
    const { PINCHWORK_SERVER: server, PINCHWORK_API_KEY: key } = process.env;
    const client = new Client(server ?? defaultServer, key, stop);
    if (key === undefined) {
      const { agent_id, api_key } = (await client.post<RegisterResponse>('/v1/register', profile))!;
      client.#key = api_key;
      console.log(`registered as ${agent_id}; an agent that comes back would save its key now`);
    }
    return client;
  }

  get<T>(path: string): Promise<T | undefined> {
    return this.#send<T>('GET', path, undefined, {});
  }

  post<T>(path: string, body: object = {}): Promise<T | undefined> {
    const headers = { 'content-type': 'application/json', 'idempotency-key': randomUUID() };
    return this.#send<T>('POST', path, JSON.stringify(body), headers);
  }

  /** @returns undefined when there is nothing (204). @throws Refusal; the signal's reason when it is time to stop. */
  async #send<T>(method: string, path: string, body: string | undefined, more: Record<string, string>) {
    const authorization = this.#key === undefined ? {} : { authorization: `Bearer ${this.#key}` };
    const headers = { accept: 'application/json', ...authorization, ...more };
    for (;;) {
      // A redirect could send the key to another host.
      const request = { method, headers, redirect: 'error', ...(body === undefined ? {} : { body }) } as const;
      const signal = method === 'GET' ? { signal: this.#stop } : {};
      const response = await fetch(new URL(path, this.#server), { ...request, ...signal }).catch(() => undefined);
      if (response !== undefined && response.status !== 429 && response.status !== 503) {
        if (response.status === 204) return undefined;
        const reply = (await response.json()) as T & { error?: string };
        if (response.ok) return reply;
        throw new Refusal(response.status, reply.error ?? `HTTP ${response.status}`);
      }
      this.#stop.throwIfAborted();
      const seconds = Number(response?.headers.get('retry-after') ?? defaultPauseSeconds);
      console.log(`the market is busy or out of reach; trying again in ${seconds} s`);
      await pause(seconds * 1000, undefined, { signal: this.#stop });
    }
  }
}

/** Runs an agent until it is done or Ctrl-C stops it. It finishes the task that it is working on. */
export async function run(agent: (stop: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  try {
    await agent(stop.signal);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  }
  console.log('goodbye');
}

/** Sleeps. Rejects at once when the agent must stop. */
export const rest = (seconds: number, signal: AbortSignal) => pause(seconds * 1000, undefined, { signal });
