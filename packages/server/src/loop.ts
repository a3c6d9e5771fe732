import type { Clock } from './clock.ts';

/**
 * Runs `pass` again and again, one at a time, and sleeps in between for as long as it says. A pass that throws is
 * reported and does not end the loop.
 */
export class Loop {
  readonly #clock: Clock;
  readonly #pass: () => Promise<number>;
  readonly #onError: (error: unknown) => void;
  readonly #pauseAfterErrorMs: number;
  #running: Promise<void> | undefined;
  #stopped = false;
  #hurried = false;
  #endSleep: () => void = () => undefined;

  /** @param pass answers after how many milliseconds it wants to run again. */
  constructor(clock: Clock, pass: () => Promise<number>, onError: (error: unknown) => void, pauseAfterErrorMs = 1_000) {
    this.#clock = clock;
    this.#pass = pass;
    this.#onError = onError;
    this.#pauseAfterErrorMs = pauseAfterErrorMs;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Has the next pass begin at once; after the one that is at work, if there is one. */
  hurry(): void {
    this.#hurried = true;
    this.#endSleep();
  }

  /** Lets a pass that is at work finish, and no other begin. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#endSleep();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      let pauseMs = this.#pauseAfterErrorMs;
      this.#hurried = false;
      try {
        pauseMs = await this.#pass();
      } catch (error) {
        this.#onError(error);
      }
      await this.#sleep(pauseMs);
    }
  }

  /** Ends at once when the loop is stopped or hurried, also if that happened during the pass. */
  #sleep(ms: number): Promise<void> {
    if (this.#stopped || this.#hurried) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ms, resolve);
      this.#endSleep = () => {
        cancel();
        resolve();
      };
    });
  }
}
