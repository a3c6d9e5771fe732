import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Agent } from './market.ts';

const retryPauseMs = 10;

/**
 * Clients that create tasks, or other things, one after the other. After a 503 they try again with the same idempotency
 * key until it succeeds. Any other refusal ends them.
 */
export class PersistentPosters {
  created = 0;
  refused = 0;
  readonly #agent: Agent;
  readonly #fields: object;
  readonly #path: string;
  readonly #ended: Promise<unknown>;
  readonly #hopes = new Set<() => void>();
  #goesOn = true;

  /** @param fields the fields of the tasks besides `need`. @param path where they are posted. */
  constructor(agent: Agent, count: number, fields: object, path = '/v1/tasks') {
    this.#agent = agent;
    this.#fields = fields;
    this.#path = path;
    this.#ended = Promise.all(Array.from({ length: count }, (_, i) => this.#post(`poster ${i}`)));
    this.#ended.catch(() => undefined);
  }

  async #post(name: string): Promise<void> {
    for (let i = 0; this.#goesOn; i++) {
      const body = { need: `task ${i} of ${name}`, ...this.#fields };
      while (!(await this.#succeeds(body, `${name}, task ${i}`))) await pause(retryPauseMs);
    }
  }

  async #succeeds(body: object, key: string): Promise<boolean> {
    const { status, headers, body: reply } = await this.#agent.post(this.#path, body, { 'idempotency-key': key });
    const created = status === 201;
    if (created) this.created++;
    else {
      expect({ status, reply }).toMatchObject({
        status: 503,
        reply: { code: expect.stringMatching(/^(storage_unavailable|overloaded)$/) },
      });
      expect(reply.error).toBeTypeOf('string');
      expect(Number(headers['retry-after'])).toBeGreaterThan(0);
      this.refused++;
    }
    for (const look of this.#hopes) look();
    return created;
  }

  /** Waits until `count` more tasks are created, or refused. */
  async untilMore(what: 'created' | 'refused', count: number): Promise<void> {
    const enough = this[what] + count;
    const reached = new Promise<void>((resolve) => {
      const look = () => {
        if (this[what] < enough) return;
        this.#hopes.delete(look);
        resolve();
      };
      this.#hopes.add(look);
    });
    await Promise.race([reached, this.#ended]);
  }

  /** Lets every client finish its current task. */
  async stop(): Promise<void> {
    this.#goesOn = false;
    await this.#ended;
  }
}
