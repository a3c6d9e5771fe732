/** How often a condition is tested without a pause. What is about to happen has happened by then. */
const eagerLooks = 20;

/** The pause between later tests of it, which leaves the processor to the work that is waited for. */
const pauseMs = 2;

/** Of the machine, even where a test has taken over the timers. */
const { setTimeout: after } = globalThis;

/** Waits until a condition holds, at most for the test's timeout. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let looks = 1; !(await holds()); looks++) {
    await new Promise<void>((resolve) => (looks < eagerLooks ? setImmediate(resolve) : after(resolve, pauseMs)));
  }
}
