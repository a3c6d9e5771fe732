import { DomainError } from '../../ground/errors.ts';
import type { Part } from './part.ts';
import type { Share } from './share.ts';

/**
 * The requests that stay open: event streams and waits. An agent may have a fixed number of both together. When this
 * server has as many as it can hold, the agent with most of them yields.
 */
export class OpenRequests {
  readonly #share: Share;
  readonly #mostPerAgent: number;

  constructor(share: Share, mostPerAgent: number) {
    this.#share = share;
    this.#mostPerAgent = mostPerAgent;
  }

  /**
   * Takes the place of one request. The caller must release it.
   *
   * @param cut ends the request, because another agent needs its place.
   * @returns undefined: this server has no place left.
   * @throws DomainError `too_many_streams` when the agent has as many as it may.
   */
  take(agentId: string, cut: () => void): Part | undefined {
    if (this.#share.heldBy(agentId) >= this.#mostPerAgent) {
      throw new DomainError(
        'too_many_streams',
        `You have ${this.#mostPerAgent} event streams and waits open already`,
        'Close one of them: one event stream tells of all your tasks.',
      );
    }
    return this.#share.take(agentId, 1, { cut });
  }
}
