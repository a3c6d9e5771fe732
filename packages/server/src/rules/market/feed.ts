import { isId } from '@pinchwork/sdk/table';
import { secondMs } from '../../ground/clock.ts';
import { overloaded } from '../../ground/errors.ts';
import { Loop } from '../../ground/loop.ts';
import type { Ground } from '../../storage/ground.ts';
import { publicFrame } from '../events/wire.ts';
import type { OpenRequests } from '../limits/open-requests.ts';
import { network } from '../limits/network.ts';
import { type ChangedTask, changedTasks, eventOf } from './changes.ts';
import { MarketStream, type OpenMarketStream } from './stream.ts';

/** How often changes are read and told. */
const lookMs = secondMs;
/** Changes that one look tells of. The rest is left out, so that a busy market costs no more. */
const mostAtOnce = 100;
/** A transition older than this is no news: it was told to whoever watched then. No transaction lasts as long. */
const newsMs = 30 * secondMs;

/**
 * Tells everybody who watches what tasks become (contract section 2). One read a second serves all watchers of this
 * server, and none is made while nobody watches.
 */
export class MarketFeed {
  readonly #ctx: Pick<Ground, 'clock' | 'db' | 'config'>;
  readonly #open: OpenRequests;
  readonly #streams = new Set<MarketStream>();
  /** The tasks that have changed since the last look, and what was told of each lately. */
  readonly #changed = new Set<string>();
  readonly #told = new Map<string, Pick<ChangedTask, 'version' | 'at'>>();
  readonly #loop: Loop;
  #closed = false;

  constructor(ctx: Ground, open: OpenRequests) {
    this.#ctx = ctx;
    this.#open = open;
    this.#loop = new Loop(
      ctx.clock,
      () => this.look().then(() => lookMs),
      (error) => ctx.log.warn(error, 'reading what the market does failed'),
    );
    ctx.db.signals.subscribe({
      changed: (signals) => {
        if (this.#streams.size === 0) return;
        for (const id of signals) {
          if (this.#changed.size >= mostAtOnce) return;
          if (typeof id === 'string' && isId('task', id)) this.#changed.add(id);
        }
      },
    });
  }

  /** The number of open streams. */
  get count(): number {
    return this.#streams.size;
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /**
   * Opens a stream for somebody at an address. The caller must start or end it.
   *
   * @throws DomainError `too_many_streams` if the address's network has as many as one agent may have; `overloaded` when
   *   this server has no place left.
   */
  open(address: string): OpenMarketStream {
    const stream = new MarketStream(() => this.#streams.delete(stream));
    const part = this.#open.take(network(address), () => stream.end(true));
    if (part === undefined) throw overloaded();
    stream.onEnd(() => part.release());
    if (this.#closed) stream.end();
    else this.#streams.add(stream);
    return { stream, after: 0, greeting: 'from now on' };
  }

  /** Tells of the changes since the last look. Must be called once a second. */
  async look(): Promise<void> {
    for (const stream of this.#streams) stream.look();
    const ids = [...this.#changed];
    this.#changed.clear();
    if (ids.length === 0 || this.#streams.size === 0) return;
    const rows = await this.#ctx.db.all(changedTasks, { tasks: JSON.stringify(ids) });
    const since = this.#ctx.clock.now() - newsMs;
    for (const [id, { at }] of this.#told) if (at <= since) this.#told.delete(id);
    // A task that is signalled again without a transition, such as for the removal of its texts, is not told again.
    const news = rows.filter(({ id, version, at }) => at > since && this.#told.get(id)?.version !== version);
    for (const { id, version, at } of news) this.#told.set(id, { version, at });
    const text = news
      .sort((a, b) => a.at - b.at)
      .map((row) => this.#frameOf(row))
      .join('');
    if (text !== '') for (const stream of this.#streams) stream.send(text);
  }

  #frameOf(row: ChangedTask): string {
    const event = eventOf(row, this.#ctx.config.taskPreviewLength);
    return publicFrame(event.type, JSON.stringify(event));
  }

  /** Ends all streams. A stream that is opened later ends at once. */
  close(): void {
    this.#closed = true;
    for (const stream of this.#streams) stream.end();
  }
}
