import { StreamResponse } from '@a2a-js/sdk';
import { A2AError, restStatusFor } from '@a2a-js/sdk/errors';
import { LegacyJsonRpcTransportHandler } from '@a2a-js/sdk/compat/v0_3/server';
import { JsonRpcTransportHandler, ServerCallContext } from '@a2a-js/sdk/server';
import { DomainError } from '../../ground/errors.ts';
import type { Context } from '../../verbs/context.ts';
import type { Door } from '../invoke.ts';
import { Calls, type Client } from './calls.ts';
import type { Frame } from './frame.ts';
import { restError, rpcCodes, type RpcError, rpcRefusal } from './refusals.ts';
import { Requests } from './requests.ts';
import { callRoute, findRoute, type RestRequest } from './rest.ts';
import type { Version } from './versions.ts';

/** A request of JSON-RPC, whose frame has been checked. */
interface RpcRequest {
  readonly version: Version;
  readonly frame: Frame;
}

/** An answer of JSON-RPC, or the stream of its answers. */
type RpcReply = { readonly body: object } | { readonly events: AsyncIterable<object> };

/** An answer of the REST of 1.0. `allowed`: the methods that its path has, if it has not this one. */
type RestReply =
  | { readonly status: number; readonly body: object; readonly allowed?: string }
  | { readonly events: AsyncIterable<object> };

/** Statuses of errors in the REST of 1.0 that the package takes from an earlier draft of it. */
const statuses: Readonly<Record<string, number>> = { TaskNotCancelableError: 409, ContentTypeNotSupportedError: 415 };

/** The method of 0.3 that answers with a stream whatever happens. */
const alwaysStreams = 'tasks/resubscribe';

/** The methods of A2A over the endpoints of the table. Loaded when A2A is first called. */
export class A2aDoor {
  readonly #ctx: Context;
  readonly #door: Door;

  constructor(ctx: Context, door: Door) {
    this.#ctx = ctx;
    this.#door = door;
  }

  /**
   * Answers a request of JSON-RPC.
   *
   * @throws DomainError when the market refuses, any other error when the server fails.
   */
  async rpc({ version, frame }: RpcRequest, client: Client): Promise<RpcReply> {
    const requests = new Requests(new Calls(this.#ctx, this.#door, client), version);
    const transport = version === '1.0' ? JsonRpcTransportHandler : LegacyJsonRpcTransportHandler;
    const failed = (error: unknown): object => ({
      ...{ jsonrpc: '2.0', id: frame.id },
      error: this.#errorOf(error, version, client),
    });
    const reply = await new transport(requests).handle(
      { ...frame },
      new ServerCallContext({ requestedVersion: version }),
    );
    if (Symbol.asyncIterator in reply)
      return this.#opened(reply, failed, version === '0.3' && frame.method === alwaysStreams);
    const body = 'error' in reply && !requests.isCalled ? { ...reply, error: asInvalid(reply.error) } : reply;
    if (requests.failure !== undefined && !(requests.failure instanceof A2AError)) throw requests.failure;
    return frame.method === alwaysStreams && version === '0.3' ? { events: stream(body) } : { body };
  }

  /**
   * Answers a request of the REST of 1.0.
   *
   * @throws DomainError when the market refuses, any other error when the server fails.
   */
  async rest(request: RestRequest, client: Client): Promise<RestReply> {
    const { route, allowed } = findRoute(request);
    if (route === undefined) {
      return allowed.length === 0
        ? { status: 404, body: restError(404, { message: 'A2A has no such address' }) }
        : {
            status: 405,
            body: restError(405, { message: 'This address has other methods' }),
            allowed: allowed.join(', '),
          };
    }
    const failed = (error: unknown): RestReply & { readonly body: object } => {
      if (!(error instanceof A2AError)) throw error;
      const status = statuses[error.name] ?? restStatusFor(error);
      return { status, body: restError(status, { message: error.message, data: [error.toErrorInfo()] }) };
    };
    try {
      const said = callRoute(route, new Requests(new Calls(this.#ctx, this.#door, client), '1.0'), request);
      if (said instanceof Promise) return { status: 200, body: (await said) as object };
      const first = await said.next();
      if (first.done === true) return { events: stream() };
      const inStream = (error: unknown) => restError(500, this.#errorOf(error, '1.0', client));
      return {
        events: guarded(first.value, said, {
          write: (event) => StreamResponse.toJSON(event) as object,
          failed: inStream,
        }),
      };
    } catch (error) {
      return failed(error);
    }
  }

  /** A stream once its first event is there. What is refused before that is an ordinary answer, unless it `mustStream`. */
  async #opened(
    events: AsyncGenerator<object, void, undefined>,
    failed: (error: unknown) => object,
    mustStream: boolean,
  ): Promise<RpcReply> {
    try {
      const first = await events.next();
      return {
        events: first.done === true ? stream() : guarded(first.value, events, { write: (event) => event, failed }),
      };
    } catch (error) {
      if (mustStream) return { events: stream(failed(error)) };
      if (error instanceof A2AError) return { body: failed(error) };
      throw error;
    }
  }

  #errorOf(error: unknown, version: Version, { requestId }: Client): RpcError {
    if (error instanceof DomainError) return rpcRefusal(error, requestId, true);
    if (error instanceof A2AError) {
      return version === '1.0'
        ? JsonRpcTransportHandler.mapToJSONRPCError(error)
        : LegacyJsonRpcTransportHandler.mapToLegacyJSONRPCError(error);
    }
    this.#ctx.log.error({ err: error, requestId }, 'a stream of A2A failed');
    return { code: rpcCodes.internal, message: 'Something went wrong on the server' };
  }
}

/** An error of the package that reads the parameters: what it says of its own failure is about them. */
const asInvalid = (error: unknown): unknown =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === rpcCodes.internal
    ? { ...error, code: rpcCodes.invalidParams }
    : error;

async function* stream(...events: readonly object[]): AsyncGenerator<object, void, undefined> {
  yield* events;
}

interface Writing<T> {
  write(event: T): object;
  failed(error: unknown): object;
}

/**
 * The events of a stream; one that breaks off ends with an error. Whenever its reader stops, also before the first
 * event, the stream is ended: it holds a place among the waits of its agent.
 */
async function* guarded<T>(
  first: T,
  rest: AsyncGenerator<T, void, undefined>,
  { write, failed }: Writing<T>,
): AsyncGenerator<object, void, undefined> {
  try {
    yield write(first);
    for await (const event of rest) yield write(event);
  } catch (error) {
    yield failed(error);
  } finally {
    await rest.return();
  }
}
