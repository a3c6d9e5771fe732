/** Says before each step whether there is time for it. The first step is always taken, so that every look gets on. */
export type Pace = () => Promise<boolean>;

/** So many steps. */
function steps(count: number, between: () => Promise<unknown> = async () => undefined): Pace {
  let done = 0;
  return async () => {
    if (done > 0 && done < count) await between();
    return done++ < count;
  };
}

/** Lets everybody else's requests have their turn. */
const breathe = () => new Promise((resolve) => setImmediate(resolve));

/** Steps for so long, with everybody else's requests in between. */
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

/** How an agent's board is looked through. */
export interface Pacing {
  /** For the window: the same steps whoever looks, since the order depends on what is in it. */
  window(): Pace;
  /** For what lies behind. */
  readonly rest: Pace;
  /** When the time is up, by `performance.now()`; undefined: within a transaction, which holds up all others. */
  readonly until?: number;
}

/** Steps of the window in which texts are looked through: 1,000 short texts, or a quarter of a megabyte of long ones. */
const windowSteps = 4;

export const hurried = (stepsAtOnce: number): Pacing => ({
  window: () => steps(windowSteps),
  rest: steps(stepsAtOnce),
});

export const patient = (budgetMs: number): Pacing => ({
  window: () => steps(windowSteps, breathe),
  rest: unhurried(budgetMs),
  until: performance.now() + budgetMs,
});
