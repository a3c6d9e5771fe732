import type { EventType } from '@pinchwork/sdk/table';
import type { Ground } from '../../storage/ground.ts';
import { agentSuspended, overloaded } from '../../ground/errors.ts';
import type { OpenRequests } from '../limits/open-requests.ts';
import type { Part } from '../limits/part.ts';
import { type Position, resume } from './position.ts';
import { eventsAfter, streamBounds } from './queries.ts';
import { EventStream, type StreamServices } from './stream.ts';
import { Turns } from './turns.ts';

/** Maximum number of simultaneous reads, so that an event for many streams does not take all database connections. */
const mostReads = 4;

/** The request for a stream. */
interface StreamRequest {
  /** The key that the stream is read with; undefined: it ends with none. */
  readonly keyId?: string | undefined;
  /** Number of the last event that the reader knows; undefined to begin with the next event. */
  readonly after?: number | undefined;
  readonly types?: readonly EventType[] | undefined;
}

/** An opened stream, which the caller must start or end, and the arguments for `start`. */
export interface OpenStream extends Position {
  readonly stream: EventStream;
  readonly greeting: Parameters<EventStream['start']>[2];
}

/** The event streams that are open on this server. */
export class EventStreams {
  readonly #ctx: Pick<Ground, 'db' | 'clock' | 'log'>;
  readonly #open: OpenRequests;
  readonly #byAgent = new Map<string, Set<EventStream>>();
  readonly #parts = new Map<EventStream, Part>();
  readonly #services: StreamServices;
  #count = 0;
  #closed = false;
  #failure: unknown;

  constructor(ctx: Pick<Ground, 'db' | 'clock' | 'log'>, open: OpenRequests) {
    this.#ctx = ctx;
    this.#open = open;
    const turns = new Turns(mostReads);
    this.#services = {
      clock: ctx.clock,
      read: (agent_id, after, limit) => turns.take(() => ctx.db.all(eventsAfter, { agent_id, after, limit })),
      failed: (error) => (this.#failure = error),
      ended: (stream) => this.#remove(stream),
    };
  }

  /** The number of open streams. */
  get count(): number {
    return this.#count;
  }

  /** The agents with an open stream. */
  get agents(): Iterable<string> {
    return this.#byAgent.keys();
  }

  /**
   * Opens a stream. It is registered before its position is read, so that it misses no wake-up in between. The caller
   * must start or end it.
   *
   * @throws DomainError `too_many_streams`, `agent_suspended`; `overloaded` when this server has no place left.
   */
  async open(agentId: string, { after, types, keyId }: StreamRequest): Promise<OpenStream> {
    const stream = new EventStream(this.#services, { agentId, keyId }, types);
    this.#add(stream);
    try {
      const bounds = await this.#ctx.db.one(streamBounds, { agent_id: agentId });
      // A later suspension ends the stream, because it is registered.
      if (bounds.suspended_at !== null) throw agentSuspended();
      if (after === undefined) return { stream, after: bounds.last, reset: false, greeting: 'from now on' };
      const position = resume(bounds, after);
      return { stream, ...position, greeting: position.reset ? 'reset' : 'resumed' };
    } catch (error) {
      stream.end();
      throw error;
    }
  }

  /** Wakes the streams of an agent that has a new event. */
  wake(agentId: string): void {
    for (const stream of this.#byAgent.get(agentId) ?? []) stream.wake();
  }

  /** Wakes the streams of an agent that have not read up to number `newest`. */
  note(agentId: string, newest: number): void {
    for (const stream of this.#byAgent.get(agentId) ?? []) if (stream.position < newest) stream.wake();
  }

  /** Ends the streams of an agent that has been suspended. */
  bar(agentId: string): void {
    for (const stream of this.#byAgent.get(agentId) ?? []) stream.end();
  }

  /** Ends the streams that are read with a key that has ended. */
  barKey(agentId: string, keyId: string): void {
    for (const stream of this.#byAgent.get(agentId) ?? []) if (stream.keyId === keyId) stream.end();
  }

  /** Must be called once a second: logs failed reads, and calls `look` of each stream. */
  look(): void {
    if (this.#failure !== undefined) this.#ctx.log.warn(this.#failure, 'reading events failed');
    this.#failure = undefined;
    for (const streams of this.#byAgent.values()) for (const stream of streams) stream.look();
  }

  /** Ends all streams. A stream that is opened later ends at once. */
  close(): void {
    this.#closed = true;
    for (const streams of this.#byAgent.values()) for (const stream of streams) stream.end();
  }

  #add(stream: EventStream): void {
    if (this.#closed) {
      stream.end();
      return;
    }
    // Its reader resumes later.
    const part = this.#open.take(stream.agentId, () => stream.end(true));
    if (part === undefined) throw overloaded();
    this.#parts.set(stream, part);
    const known = this.#byAgent.get(stream.agentId);
    if (known === undefined) this.#byAgent.set(stream.agentId, new Set([stream]));
    else known.add(stream);
    this.#count++;
  }

  #remove(stream: EventStream): void {
    const known = this.#byAgent.get(stream.agentId);
    if (known?.delete(stream) !== true) return;
    this.#parts.get(stream)?.release();
    this.#parts.delete(stream);
    if (known.size === 0) this.#byAgent.delete(stream.agentId);
    this.#count--;
  }
}
