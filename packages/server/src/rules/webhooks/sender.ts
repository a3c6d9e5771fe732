import type { IncomingMessage } from 'node:http';
import { type Clock, secondMs } from '../../ground/clock.ts';
import { present } from '../../ground/present.ts';
import { version } from '../../ground/version.ts';
import { addressProblem, ForbiddenAddress, type Resolve, type WebhookPolicy } from './address.ts';
import { headerOf, readSome, sentenceOf, verdictOn } from './response.ts';
import { GuardedConnections } from './connector.ts';

export interface Message {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** The result of sending a message once. */
export interface SendResult {
  /** The status of the response; null if there was none. */
  readonly statusCode: number | null;
  /** Null if the receiver accepted the message (200 to 299); else a sentence for the webhook's owner. */
  readonly error: string | null;
  /** The `Retry-After` header of the response, not parsed. */
  readonly retryAfter: string | undefined;
  readonly durationMs: number;
}

interface SenderConfig extends WebhookPolicy {
  readonly timeoutSeconds: number;
}

/** Sends messages to webhooks: one POST each, within a time limit, to public addresses, without following redirects. */
export class Sender {
  readonly #config: SenderConfig;
  readonly #clock: Clock;
  readonly #connections: GuardedConnections;

  /** @param resolve resolves the names of hosts. */
  constructor(config: SenderConfig, clock: Clock, resolve: Resolve) {
    this.#config = config;
    this.#clock = clock;
    this.#connections = new GuardedConnections(config, resolve);
  }

  /**
   * Sends a message once. Never throws: an error is part of the result.
   *
   * @param stop aborts the exchange when the server stops.
   */
  async send(message: Message, stop: AbortSignal): Promise<SendResult> {
    const startedAt = this.#clock.now();
    const timeout = new AbortController();
    const cancel = this.#clock.after(this.#config.timeoutSeconds * secondMs, () => timeout.abort());
    let response: IncomingMessage | undefined;
    let error: string | null;
    try {
      response = await this.#post(message, AbortSignal.any([timeout.signal, stop]));
      await readSome(response);
      error = verdictOn(present(response.statusCode, 'The status of the response'));
    } catch (failure) {
      error = timeout.signal.aborted ? this.#tooSlow() : sentenceOf(failure);
    } finally {
      cancel();
    }
    return {
      statusCode: response?.statusCode ?? null,
      error,
      retryAfter: response === undefined ? undefined : headerOf(response, 'retry-after'),
      durationMs: Math.max(0, this.#clock.now() - startedAt),
    };
  }

  async #post({ url, headers, body }: Message, signal: AbortSignal): Promise<IncomingMessage> {
    // The operator may have forbidden private networks since the address was saved.
    if (addressProblem(url, this.#config) !== undefined) throw new ForbiddenAddress();
    const all = { 'content-type': 'application/json', 'user-agent': `Pinchwork/${version}`, ...headers };
    return this.#connections.post({ url, headers: all, body }, signal);
  }

  #tooSlow(): string {
    return `The receiver did not answer in full within ${this.#config.timeoutSeconds} seconds`;
  }

  /** Closes all connections at once. */
  close(): void {
    this.#connections.close();
  }
}
