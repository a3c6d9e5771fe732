import type { EventData, EventType, resetType } from '../events.ts';
import { isPassing, PinchworkError } from './error.ts';
import type { CallOptions } from './options.ts';
import { type Message, MessageParser } from './sse.ts';
import { backoff, pause } from './time.ts';
import type { Request, Transport } from './transport.ts';

interface Common {
  /** Its number in the agent's stream: the position to go on from. */
  readonly id: number;
  readonly task_id: string | null;
  readonly timestamp: string;
}

/** An event, by its type with the fields of that type. */
export type PinchworkEvent = { [T in EventType]: Common & { readonly type: T } & Readonly<EventData[T]> }[EventType];

/** The stream could not go on from its position: events before the next one are missing, or come again. */
export type Reset = Common & { readonly type: typeof resetType };

/** All events from a position on, without an end. */
export type EventStream = AsyncGenerator<PinchworkEvent | Reset, void, undefined>;

/** Which events. */
export interface StreamInput {
  /** The number of the last event that is known; 0: all that are kept. Default: from now on. */
  readonly after?: number | undefined;
  readonly types?: readonly EventType[] | undefined;
}

/** A stream: that of an agent has positions, the public one begins now with each connection. */
interface StreamSource {
  readonly path: string;
  readonly auth: Request['auth'];
  readonly hasPositions: boolean;
}

/** The server sends a comment every 15 s. A stream that is silent for longer is broken, although nobody said so. */
const silenceMs = 45_000;
const firstPauseMs = 1_000;
const lastPauseMs = 30_000;

/** A stream that was open for so long was no failure, although nothing may have come. */
const steadyMs = 10_000;

/**
 * Follows an agent's events: connects again when the stream breaks, and goes on exactly after the last event. Ends when
 * the iteration is left, or with the reason of an aborted signal. The first connection is tried as often as any call;
 * later ones as long as it takes.
 *
 * @throws PinchworkError if the server refuses the stream: a wrong key, for example
 */
export async function* followEvents(
  transport: Transport,
  source: StreamSource,
  input: StreamInput,
  options: CallOptions,
): EventStream {
  const start = source.hasPositions ? () => newest(transport, options) : () => undefined;
  let position = input.after ?? (await start());
  let wasOpen = false;
  for (let failures = 1; ; failures++) {
    const parser = new MessageParser();
    const request = streamRequest(source, position, input.types);
    const openedAt = Date.now();
    try {
      // Once the stream was open, this loop decides how long to try.
      const retries = wasOpen ? { maxRetries: 0 } : {};
      const response = await transport.repeat(request, { ...options, ...retries }, async (opened) => opened);
      wasOpen = true;
      for await (const message of messages(response, parser, options.signal)) {
        const event = eventOf(message, source);
        if (source.hasPositions) position = event.id;
        failures = 1;
        yield event;
      }
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!wasOpen || !(error instanceof PinchworkError) || !isPassing(error)) throw error;
      if (Date.now() - openedAt > steadyMs) failures = 1;
      const firstMs = parser.retryMs ?? firstPauseMs;
      const delayMs = Math.max(backoff(failures, firstMs, lastPauseMs), (error.retryAfter ?? 0) * 1_000);
      transport.tellRetry({ error, delayMs, attempt: failures }, request);
      await pause(delayMs, options.signal);
    }
  }
}

function streamRequest(
  { path, auth }: StreamSource,
  position: number | undefined,
  types: readonly EventType[] | undefined,
): Request {
  const query = types === undefined ? '' : `?types=${types.join(',')}`;
  const from = position === undefined ? {} : { 'last-event-id': String(position) };
  const headers = { accept: 'text/event-stream', ...from };
  return { method: 'GET', path: path + query, auth, headers, isSafe: true };
}

/**
 * The present end of the stream. A stream without a position would begin anew with each connection, and would lose what
 * happens between two of them.
 */
async function newest(transport: Transport, options: CallOptions): Promise<number> {
  const request: Request = { method: 'GET', path: '/v1/events/history?limit=1', auth: 'agent', isSafe: true };
  return ((await transport.json(request, options)) as { newest: number }).newest;
}

/** The messages of one connection. @throws PinchworkError when it breaks or ends */
async function* messages(response: Response, parser: MessageParser, signal: AbortSignal | undefined) {
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const cancel = () => void reader.cancel().catch(() => undefined);
  signal?.addEventListener('abort', cancel);
  const decoder = new TextDecoder();
  let reason: unknown;
  try {
    for (;;) {
      const timer = setTimeout(cancel, silenceMs);
      const { value } = await reader.read().finally(() => clearTimeout(timer));
      if (value === undefined) break;
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } catch (error) {
    reason = error;
  } finally {
    signal?.removeEventListener('abort', cancel);
    cancel();
  }
  throw new PinchworkError('The stream of events broke', { code: 'network_error', cause: reason });
}

function eventOf({ id, data }: Message, { hasPositions }: StreamSource): PinchworkEvent | Reset {
  if (!hasPositions) return JSON.parse(data) as PinchworkEvent;
  const event = { id: Number(id), ...(JSON.parse(data) as object) };
  if (!Number.isSafeInteger(event.id)) {
    throw new PinchworkError('An event has no number', { code: 'unexpected_reply', reply: event });
  }
  return event as PinchworkEvent | Reset;
}
