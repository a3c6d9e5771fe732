import { setTimeout as pause } from 'node:timers/promises';
import { onTestFinished } from 'vitest';
import { Client } from './client.ts';
import type { Agent, Reply } from './market.ts';
import { type Env, ServerProcess } from './process.ts';

/** A server that is killed and started again on the same data. Callers reach whichever process is alive. */
export class MortalServer {
  /** The numbers of requests that got a reply, and of those whose connection broke first. */
  answered = 0;
  broken = 0;
  readonly #env: Env;
  #server: ServerProcess;
  #client: Promise<Client>;
  #over = false;
  #alarm: { at: number; ring: () => void } | undefined;

  constructor(databaseUrl: string, env: Env = {}) {
    this.#env = { PINCHWORK_DATABASE_URL: databaseUrl, ...env };
    this.#server = new ServerProcess(this.#env);
    this.#client = this.#connect();
    // Clients that still retry after the test must not do so for ever.
    onTestFinished(() => void (this.#over = true));
  }

  async #connect(): Promise<Client> {
    return new Client(await this.#server.listening);
  }

  /** A client of the running process; waits until there is one. */
  client(): Promise<Client> {
    if (this.#over) throw new Error('The test is over');
    return this.#client;
  }

  /**
   * Sends a request once.
   *
   * @returns the reply; undefined if the connection broke first, so that the outcome is unknown.
   */
  async post(
    agent: Pick<Agent, 'id' | 'key'> | undefined,
    path: string,
    body: object | undefined,
    headers: Record<string, string>,
  ): Promise<Reply | undefined> {
    const client = await this.client();
    try {
      const reply = await (agent === undefined
        ? client.send('POST', path, body, headers)
        : client.as(agent).post(path, body, headers));
      this.answered++;
      if (this.#alarm !== undefined && this.answered >= this.#alarm.at) this.#alarm.ring();
      return reply;
    } catch (error) {
      if (!brokenConnection.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
      this.broken++;
      return undefined;
    }
  }

  /** Waits until `count` more requests have been answered. */
  untilAnswered(count: number): Promise<void> {
    return new Promise((resolve) => (this.#alarm = { at: this.answered + count, ring: resolve }));
  }

  /**
   * Kills the process and starts another one.
   *
   * @param unluckyMs if given, the next process is killed too, this long after its start, and a third one serves.
   */
  async die(unluckyMs?: number): Promise<void> {
    // New requests wait for the next process; requests in progress break.
    this.#client = this.#replace(unluckyMs);
    await this.#client;
  }

  async #replace(unluckyMs: number | undefined): Promise<Client> {
    await this.#server.kill();
    if (unluckyMs !== undefined) {
      const unlucky = new ServerProcess(this.#env);
      await pause(unluckyMs);
      await unlucky.kill();
    }
    this.#server = new ServerProcess(this.#env);
    return this.#connect();
  }
}

/** The connection errors after the server process dies. */
const brokenConnection = new Set(['ECONNRESET', 'ECONNREFUSED', 'EPIPE']);
