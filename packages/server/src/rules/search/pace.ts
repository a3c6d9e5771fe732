/** Decides before each step whether to take it. The first step is always taken, so that every scan makes progress. */
export type Pace = () => Promise<boolean>;

/** A pace of at most `count` steps, with `between` before each but the first. */
function steps(count: number, between: () => Promise<unknown> = async () => undefined): Pace {
  let done = 0;
  return async () => {
    if (done > 0 && done < count) await between();
    return done++ < count;
  };
}

/** Lets other requests run before it resolves. */
const breathe = () => new Promise((resolve) => setImmediate(resolve));

/** A pace of as many steps as fit into `budgetMs` milliseconds. Lets other requests run between the steps. */
export function unhurried(budgetMs: number): Pace {
  const until = performance.now() + budgetMs;
  let isFirst = true;
  return async () => {
    if (isFirst) {
      isFirst = false;
      return true;
    }
    await breathe();
    return performance.now() < until;
  };
}

/** The paces of one reading of a board. */
export interface Pacing {
  /** For the window: always the same number of steps, because the order depends on which tasks are in it. */
  window(): Pace;
  /** For the tasks behind the window. */
  readonly rest: Pace;
  /**
   * When the time is up, by `performance.now()`; undefined in a transaction, which must not wait for a separate job.
   */
  readonly until?: number;
}

/** Steps of a search in the window: together 1,000 short texts, or 256 KiB of long ones. */
const windowSteps = 4;

/** For a reading inside a transaction: a fixed number of steps. */
export const hurried = (stepsAtOnce: number): Pacing => ({
  window: () => steps(windowSteps),
  rest: steps(stepsAtOnce),
});

/** For a reading outside of a transaction: steps until `budgetMs` milliseconds have passed. */
export const patient = (budgetMs: number): Pacing => ({
  window: () => steps(windowSteps, breathe),
  rest: unhurried(budgetMs),
  until: performance.now() + budgetMs,
});
