import type { AnyEndpoint, ReplyOf } from '@pinchwork/sdk/table';
import type { Usage } from '../../rules/limits/windows.ts';
import type { Context } from '../../verbs/context.ts';
import { refusalOf } from '../admission.ts';
import type { Caller, Credentials } from '../caller.ts';
import type { InvokeOptions, RawInput } from '../input.ts';
import type { Door } from '../invoke.ts';

/** Who sends a request, and what the transport knows of it. */
export interface Client {
  readonly credentials: Credentials;
  /** The agent of the key, which the door has checked. */
  readonly agentId: string;
  readonly keyId: string | undefined;
  /** Names the request in the server's log. */
  readonly requestId: string;
  /** The origin of this server's URLs, as the client sees it. */
  readonly origin: string;
  /** Aborted when the client has left. */
  readonly signal: AbortSignal;
  /** Called with what is left of the client's rate limit. */
  tellUsage(usage: Usage | undefined): void;
  /** Called before an endpoint is called. Resolves when it may be. */
  beforeCall(endpoint: AnyEndpoint): Promise<void> | undefined;
  /** Called when the request's body is not needed any more. */
  readonly settled?: (() => void) | undefined;
}

type CallOptions = Pick<InvokeOptions, 'idempotencyKey' | 'contextId' | 'push'>;

/** Calls the endpoints for one client, as REST does: the same admission, checks, limits and idempotency. */
export class Calls {
  readonly ctx: Context;
  readonly client: Client;
  readonly #door: Door;

  constructor(ctx: Context, door: Door, client: Client) {
    this.ctx = ctx;
    this.#door = door;
    this.client = client;
  }

  /**
   * Counts a call of an endpoint before it is known which one it is: nothing is read for a client that may not call.
   *
   * @returns the function that takes the count back, because the call itself is counted.
   * @throws DomainError `rate_limited`.
   */
  count({ limit }: Pick<AnyEndpoint, 'limit'>): () => void {
    const { limits, clock } = this.ctx;
    const { agentId } = this.client;
    if (limit === 'none' || limit === 'register') return () => undefined;
    const usage = limits.takeForCaller(limit, agentId);
    this.client.tellUsage(usage);
    const refusal = refusalOf(usage, clock.now());
    if (refusal !== undefined) throw refusal;
    return () => limits.giveBack(limit, agentId);
  }

  /**
   * Counts a call of an endpoint and asks for its scopes.
   *
   * @throws DomainError when the client may not call it.
   */
  async admit(endpoint: AnyEndpoint): Promise<Caller> {
    const { credentials } = this.client;
    const { caller, refusal, usage } = await this.#door.admit(endpoint, credentials);
    this.client.tellUsage(usage);
    if (caller === undefined) throw refusal ?? new Error('A caller that is neither admitted nor refused');
    await this.client.beforeCall(endpoint);
    return caller;
  }

  /** @throws DomainError with one of the codes in the endpoint's row. */
  async call<E extends AnyEndpoint>(
    endpoint: E,
    input: Partial<RawInput>,
    options: CallOptions = {},
  ): Promise<ReplyOf<E>> {
    const { signal, origin, settled } = this.client;
    const caller = await this.admit(endpoint);
    const whole = { params: {}, query: {}, body: {}, ...input };
    const { reply } = await this.#door.invoke(endpoint, caller, whole, { signal, origin, settled, ...options });
    // The door answers with one of the replies in the endpoint's row.
    return reply as ReplyOf<E>;
  }
}
