import { type AnyEndpoint } from '@pinchwork/sdk/table';
import { type Market, Refusal } from '@pinchwork/sdk/mcp';
import { DomainError } from '../../ground/errors.ts';
import type { Credentials } from '../caller.ts';
import { retryAfterOf, toDomainError, toReply } from '../errors.ts';
import type { Door } from '../invoke.ts';

/** The request in which tools are called. */
interface McpCall {
  readonly credentials: Credentials;
  /** The origin of this server's URLs, for this caller. */
  readonly origin: string;
  /** Names the request in the log. */
  readonly requestId: string;
  /** Called when a call has been counted. */
  counted(): void;
  /** Called before an endpoint is called. Resolves when it may be. */
  beforeCall(endpoint: AnyEndpoint): Promise<void> | undefined;
  /** Called with a reply of which an answer is to be made. Resolves when it may be. */
  beforeAnswer(reply: object): Promise<void> | undefined;
  /** Called with each refusal before it is answered. Resolves when it may be sent. */
  refused(refusal: DomainError, error: unknown): Promise<void> | undefined;
}

/** The endpoints of this server for the sender of a request: each call is admitted, counted and carried out as in REST. */
export const marketOf = (door: Door, call: McpCall): Market => ({
  call: async (endpoint, input, options) => {
    try {
      return await callDoor(door, call, { endpoint, input, options });
    } catch (error) {
      if (error instanceof Refusal) throw error;
      const refusal = toDomainError(error);
      await call.refused(refusal, error);
      throw new Refusal(toReply(refusal, call.requestId), retryAfterOf(refusal));
    }
  },
});

interface Wanted {
  readonly endpoint: AnyEndpoint;
  readonly input: Parameters<Market['call']>[1];
  readonly options: Parameters<Market['call']>[2];
}

async function callDoor(door: Door, call: McpCall, { endpoint, input, options }: Wanted): Promise<object | null> {
  const { signal, idempotencyKey } = options;
  const { caller, refusal } = await door.admit(endpoint, { ...call.credentials, idempotencyKey });
  call.counted();
  if (refusal !== undefined) throw refusal;
  if (caller === undefined) throw new Error(`Neither admitted to ${endpoint.name} nor refused`);
  await call.beforeCall(endpoint);
  const outcome = await door.invoke(endpoint, caller, input(), { signal, origin: call.origin, idempotencyKey });
  if (outcome.success.status === 204) return null;
  await call.beforeAnswer(outcome.reply);
  return outcome.reply;
}
