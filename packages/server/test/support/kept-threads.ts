import type { Worker } from 'node:worker_threads';
import { ownThreads, type ThreadSource } from '../../src/storage/sqlite/threads.ts';

const idle: Worker[] = [];

/** Enough for what one market uses at the same time. */
const mostIdle = 4;

/**
 * Keeps idle threads of the embedded database when a market closes, and gives them to the next market of this process. A
 * new thread needs 0.2 to 0.4 s of CPU time, because it loads the modules again.
 */
export const keptThreads: ThreadSource = {
  start: () => {
    const thread = idle.pop() ?? ownThreads.start();
    thread.removeAllListeners();
    thread.ref();
    return thread;
  },
  end: async (thread) => {
    thread.removeAllListeners();
    if (idle.length >= mostIdle) {
      await thread.terminate();
      return;
    }
    // A thread that ends by itself is of no use to the next market.
    thread.once('error', () => undefined).once('exit', () => idle.splice(idle.indexOf(thread), 1));
    thread.unref();
    idle.push(thread);
  },
};
