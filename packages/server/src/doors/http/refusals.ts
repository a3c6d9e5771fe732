import type { FastifyInstance } from 'fastify';
import type { ErrorCode } from '@pinchwork/sdk/table';
import { network } from '../../rules/limits/network.ts';
import { Refusals } from '../../rules/limits/refusals.ts';

/** The refusals of the limits that every request counts against. */
const paced: ReadonlySet<ErrorCode> = new Set(['rate_limited', 'quota_exceeded']);

/** Sends refusals at a bounded pace, for each address. */
export class RefusalPace {
  readonly #refusals = new Refusals();
  readonly #waiting = new Set<() => void>();

  /** @param app when it closes, all waiting refusals are sent at once. */
  constructor(app: FastifyInstance) {
    app.addHook('preClose', async () => {
      for (const send of this.#waiting) send();
    });
  }

  /** Waits until a refusal may be sent. Undefined: it may be sent now. */
  wait(code: ErrorCode, address: string): Promise<void> | undefined {
    if (!paced.has(code)) return undefined;
    const delay = this.#refusals.delayOf(network(address), performance.now());
    if (delay === 0) return undefined;
    return new Promise((resolve) => {
      const send = () => {
        clearTimeout(timer);
        this.#waiting.delete(send);
        resolve();
      };
      const timer = setTimeout(send, delay);
      this.#waiting.add(send);
    });
  }
}
