/** Thrown inside of a check that has used up its CPU time. */
export class OutOfTime extends Error {
  constructor() {
    super('The check took too much time');
  }
}

/** How often a check counts before it looks at the clock, which takes about a microsecond. */
const countsPerLook = 128;

/** The CPU time that the check of one delivery may take in its thread. */
export class Allowance {
  readonly #end: number;
  #counts = 0;

  /** @param ms milliseconds of this thread's CPU time from now on. */
  constructor(ms: number) {
    this.#end = cpuMs() + ms;
  }

  /** Counts a short step of the check. @throws OutOfTime */
  step(): void {
    if (++this.#counts % countsPerLook === 0) this.look();
  }

  /** Looks at the clock; for a step that may take long. @throws OutOfTime */
  look(): void {
    if (cpuMs() > this.#end) throw new OutOfTime();
  }
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
