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
  #woken = false;
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

  /** Has a pass run now, or, when one is at work, another one right after it. */
  wake(): void {
    this.#woken = true;
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
      this.#woken = false;
      let pauseMs = this.#pauseAfterErrorMs;
      try {
        pauseMs = await this.#pass();
      } catch (error) {
        this.#onError(error);
      }
      await this.#sleep(pauseMs);
    }
  }

  /** Ends at once when the loop is stopped or woken, also if that happened during the pass. */
  #sleep(ms: number): Promise<void> {
    if (this.#stopped || this.#woken) return Promise.resolve();
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ms, resolve);
      this.#endSleep = () => {
        cancel();
        resolve();
      };
    });
  }
}
