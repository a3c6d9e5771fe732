import type { AnyEndpoint } from '../endpoints/index.ts';
import type { ErrorResponse } from '../errors.ts';

/** The input of an endpoint, unchecked, in the types of its query and its body. */
export interface EndpointInput {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface MarketOptions {
  /** Aborted when the caller has cancelled its request or has disconnected. */
  readonly signal: AbortSignal;
  readonly idempotencyKey: string | undefined;
}

/** What the tools act on: the endpoints of a server, for one agent. */
export interface Market {
  /**
   * Calls an endpoint.
   *
   * @param input is made when the caller has been admitted, so that a call with wrong arguments is counted too.
   * @returns the reply; null for one without content.
   * @throws Refusal
   */
  call(endpoint: AnyEndpoint, input: () => EndpointInput, options: MarketOptions): Promise<object | null>;
}

/** Why a call failed, in the shape of the API's errors. */
export class Refusal extends Error {
  /** The code is one of the server, or of what reaches it. */
  readonly reply: Omit<ErrorResponse, 'code'> & { readonly code: string };
  /** Seconds after which the same call may succeed. */
  readonly retryAfter: number | undefined;

  constructor(reply: Refusal['reply'], retryAfter?: number) {
    super(reply.error);
    this.reply = reply;
    this.retryAfter = retryAfter;
  }
}

/** The refusal of arguments that are wrong before any endpoint sees them. */
export const badArguments = (error: string, hint: string): Refusal =>
  new Refusal({ error, code: 'invalid_request', hint });
