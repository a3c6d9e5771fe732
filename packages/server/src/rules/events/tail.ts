import { secondMs } from '../../ground/clock.ts';
import type { Ground } from '../../storage/ground.ts';
import { Loop } from '../../ground/loop.ts';
import type { Database, Signal } from '../../storage/database.ts';
import { taskVersions } from '../tasks/queries.ts';
import type { TaskWatch } from '../tasks/watch.ts';
import { newestNumbers } from './queries.ts';
import type { EventStreams } from './streams.ts';

/** How often it looks for itself, and after the streams' readers. */
const lookMs = secondMs;

/** What waits on this server. */
interface Open {
  readonly watch: TaskWatch;
  readonly streams: EventStreams;
}

/**
 * Wakes who waits on this server, for a task or in a stream: at once for what this server commits, within milliseconds
 * for what others do, and by looking every second for what it was not told of, with two statements however many wait.
 */
export class Tail {
  readonly #db: Database;
  readonly #open: Open;
  readonly #changed = new Set<string>();
  readonly #looking: Loop;
  readonly #tending: Loop;

  constructor({ db, clock, log }: Ground, open: Open) {
    this.#db = db;
    this.#open = open;
    this.#looking = new Loop(
      clock,
      () => this.catchUp().then(() => lookMs),
      (error) => log.error(error, 'looking for changes failed'),
    );
    // Apart from the looking, which may have to wait for the database: readers must not.
    this.#tending = new Loop(
      clock,
      async () => {
        open.streams.look();
        return lookMs;
      },
      (error) => log.error(error, 'looking after the event streams failed'),
    );
    db.signals.subscribe({
      changed: (signals) => this.#wakeSoon(signals),
      missed: () => this.#looking.wake(),
    });
  }

  /** Begins to hear of other servers, and to look. */
  start(): void {
    const db = this.#db;
    this.#tending.start();
    // Of an embedded database no change is missed.
    if (!db.shared) return;
    db.signals.connect();
    this.#looking.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#looking.stop(), this.#tending.stop()]);
  }

  /** Looks for all changes that those who wait have not seen. */
  async catchUp(): Promise<void> {
    const db = this.#db;
    const { watch, streams } = this.#open;
    const [agents, tasks] = [[...streams.agents], [...watch.tasks]];
    const [cursors, versions] = await Promise.all([
      agents.length === 0 ? [] : db.all(newestNumbers, { agents: JSON.stringify(agents) }),
      tasks.length === 0 ? [] : db.all(taskVersions, { tasks: JSON.stringify(tasks) }),
    ]);
    for (const { agent_id, last_number } of cursors) streams.note(agent_id, last_number);
    for (const { id, version } of versions) watch.note(id, version);
  }

  /**
   * Wakes in the next turn of the loop: who has made the change is answered first, and a stream reads all events of a
   * turn at once.
   */
  #wakeSoon(signals: ReadonlySet<Signal>): void {
    for (const id of signals) {
      if (typeof id === 'symbol') continue;
      if (this.#changed.size === 0) setImmediate(() => this.#wake());
      this.#changed.add(id);
    }
  }

  #wake(): void {
    const ids = [...this.#changed];
    this.#changed.clear();
    const { watch, streams } = this.#open;
    // An id names a task or an agent, not both, so it need not be looked at.
    for (const id of ids) {
      watch.wake(id);
      streams.wake(id);
    }
  }
}
