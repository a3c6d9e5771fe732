import { secondMs } from '../clock.ts';
import type { Context } from '../context.ts';
import { Loop } from '../loop.ts';
import { taskVersions } from '../tasks/queries.ts';
import { newestNumbers } from './queries.ts';

/** How often it looks for itself, and the streams' readers are looked after. */
const lookMs = secondMs;

/**
 * Wakes who waits on this server, for a task or in a stream: at once for what this server commits, within milliseconds
 * for what others do, and by looking every second for what it was not told of, with two statements however many wait.
 */
export class Tail {
  readonly #ctx: Pick<Context, 'db' | 'watch' | 'streams'>;
  readonly #loop: Loop;

  constructor(ctx: Pick<Context, 'db' | 'clock' | 'log' | 'watch' | 'streams'>) {
    this.#ctx = ctx;
    const { watch, streams, log } = ctx;
    this.#loop = new Loop(
      ctx.clock,
      () => this.#pass(),
      (error) => log.error(error, 'looking for changes failed'),
    );
    ctx.db.signals.subscribe({
      changed: (ids) => {
        // An id names a task or an agent, not both, whatever it begins with.
        for (const id of ids) {
          watch.wake(id);
          streams.wake(id);
        }
      },
      missed: () => this.#loop.hurry(),
    });
  }

  /** Begins to hear of other servers, and to look. */
  start(): void {
    this.#ctx.db.signals.connect();
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #pass(): Promise<number> {
    this.#ctx.streams.look();
    // Of an embedded database no change is missed.
    if (this.#ctx.db.shared) await this.catchUp();
    return lookMs;
  }

  /** Looks for all changes that those who wait have not seen. */
  async catchUp(): Promise<void> {
    const { db, watch, streams } = this.#ctx;
    const [agents, tasks] = [[...streams.agents], [...watch.tasks]];
    const [cursors, versions] = await Promise.all([
      agents.length === 0 ? [] : db.all(newestNumbers, { agents: JSON.stringify(agents) }),
      tasks.length === 0 ? [] : db.all(taskVersions, { tasks: JSON.stringify(tasks) }),
    ]);
    for (const { agent_id, last_number } of cursors) streams.note(agent_id, last_number);
    for (const { id, version } of versions) watch.note(id, version);
  }
}
