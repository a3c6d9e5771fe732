import type { EventType } from '@pinchwork/sdk';
import type { Ground } from '../../storage/ground.ts';
import { agentSuspended, DomainError, overloaded } from '../../ground/errors.ts';
import { type Position, resume } from './position.ts';
import { eventsAfter, streamBounds } from './queries.ts';
import { EventStream, type Source } from './stream.ts';
import { Turns } from './turns.ts';

/** Streams of all agents together. */
const mostStreams = 20_000;
/** Reads at a time: an event for everybody must not take all connections to the database. */
const mostReads = 4;

/** What a reader asks for. */
interface StreamRequest {
  /** The last event that it knows; undefined: it wants what happens from now on. */
  readonly after?: number | undefined;
  readonly types?: readonly EventType[] | undefined;
}

/** A stream that its reader's connection is ready for: `begin` starts it there. */
export interface OpenStream extends Position {
  readonly stream: EventStream;
  readonly greeting: Parameters<EventStream['start']>[2];
}

/** The event streams that are open on this server. */
export class EventStreams {
  readonly #ctx: Pick<Ground, 'db' | 'clock' | 'log' | 'config'>;
  readonly #byAgent = new Map<string, Set<EventStream>>();
  readonly #source: Source;
  #count = 0;
  #closed = false;
  #failure: unknown;

  constructor(ctx: Pick<Ground, 'db' | 'clock' | 'log' | 'config'>) {
    this.#ctx = ctx;
    const turns = new Turns(mostReads);
    this.#source = {
      clock: ctx.clock,
      read: (agent_id, after, limit) => turns.take(() => ctx.db.all(eventsAfter, { agent_id, after, limit })),
      failed: (error) => (this.#failure = error),
      ended: (stream) => this.#remove(stream),
    };
  }

  /** How many are open. */
  get count(): number {
    return this.#count;
  }

  /** Whose. */
  get agents(): Iterable<string> {
    return this.#byAgent.keys();
  }

  /**
   * Opens a stream. It takes part in everything from here on, so that nothing falls between the position and the first
   * read; the caller starts it, or ends it.
   *
   * @throws DomainError `too_many_streams`, `agent_suspended`; `overloaded` when the server bears no more.
   */
  async open(agentId: string, { after, types }: StreamRequest): Promise<OpenStream> {
    const stream = new EventStream(this.#source, agentId, types);
    this.#add(stream);
    try {
      const bounds = (await this.#ctx.db.first(streamBounds, { agent_id: agentId }))!;
      // A suspension from here on finds the stream among the others.
      if (bounds.suspended_at !== null) throw agentSuspended();
      if (after === undefined) return { stream, after: bounds.last, reset: false, greeting: 'from now on' };
      const position = resume(bounds, after);
      return { stream, ...position, greeting: position.reset ? 'reset' : 'resumed' };
    } catch (error) {
      stream.end();
      throw error;
    }
  }

  /** The agent's stream has grown. */
  wake(agentId: string): void {
    for (const stream of this.#byAgent.get(agentId) ?? []) stream.wake();
  }

  /** Wakes what has not read as far as this number yet. */
  note(agentId: string, newest: number): void {
    for (const stream of this.#byAgent.get(agentId) ?? []) if (stream.position < newest) stream.wake();
  }

  /** Ends the streams of an agent that has been suspended. */
  bar(agentId: string): void {
    for (const stream of this.#byAgent.get(agentId) ?? []) stream.end();
  }

  /** Once a second: comments, readers that are too slow, reads that failed. */
  look(): void {
    if (this.#failure !== undefined) this.#ctx.log.warn(this.#failure, 'reading events failed');
    this.#failure = undefined;
    for (const streams of this.#byAgent.values()) for (const stream of streams) stream.look();
  }

  /** Ends all, and lets none begin any more: who asks is answered with a stream that ends at once. */
  close(): void {
    this.#closed = true;
    for (const streams of this.#byAgent.values()) for (const stream of streams) stream.end();
  }

  #add(stream: EventStream): void {
    if (this.#closed) {
      stream.end();
      return;
    }
    const { maxStreamsPerAgent } = this.#ctx.config;
    const known = this.#byAgent.get(stream.agentId);
    if ((known?.size ?? 0) >= maxStreamsPerAgent) {
      throw new DomainError(
        'too_many_streams',
        `You have ${maxStreamsPerAgent} event streams open already`,
        'Close one of them, or read several subjects from one stream.',
      );
    }
    if (this.#count >= mostStreams) throw overloaded();
    if (known === undefined) this.#byAgent.set(stream.agentId, new Set([stream]));
    else known.add(stream);
    this.#count++;
  }

  #remove(stream: EventStream): void {
    const known = this.#byAgent.get(stream.agentId);
    if (known?.delete(stream) !== true) return;
    if (known.size === 0) this.#byAgent.delete(stream.agentId);
    this.#count--;
  }
}
