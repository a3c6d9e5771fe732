import { secondMs } from '../../ground/clock.ts';
import type { Ground } from '../../storage/ground.ts';
import { Loop } from '../../ground/loop.ts';
import type { Database, Signal } from '../../storage/database.ts';
import { taskVersions } from '../tasks/queries.ts';
import type { TaskWatch } from '../tasks/watch.ts';
import { newestNumbers } from './queries.ts';
import type { EventStreams } from './streams.ts';

/** The time between two polls of the database, and between two looks at the streams. */
const lookMs = secondMs;

/** The requests that wait on this server. */
interface Open {
  readonly watch: TaskWatch;
  readonly streams: EventStreams;
}

/**
 * Wakes long polls and event streams on this server when something has changed. A commit of this server wakes them at
 * once, a commit of another server within milliseconds by a signal. A poll of the database every second finds changes
 * whose signal was lost; it takes two statements, whatever the number of requests that wait.
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
    // A loop of its own, because the poll may have to wait for the database and the readers must not.
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

  /** Starts to listen to other servers and to poll. */
  start(): void {
    const db = this.#db;
    this.#tending.start();
    // With an embedded database, all changes are made by this server.
    if (!db.shared) return;
    db.signals.connect();
    this.#looking.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#looking.stop(), this.#tending.stop()]);
  }

  /** Polls the database for changes that waiting requests have not seen, and wakes these requests. */
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
   * Wakes in the next turn of the event loop, so that the request that made the change is answered first, and a stream
   * reads all events of a turn at once.
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
    // An id names either a task or an agent, so both can be tried without a check of its kind.
    for (const id of ids) {
      watch.wake(id);
      streams.wake(id);
    }
  }
}
