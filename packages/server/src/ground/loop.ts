import type { Clock } from './clock.ts';

/**
 * Runs `pass` repeatedly, one at a time, and sleeps between two passes for as long as the first returned. An error of a
 * pass is reported and does not end the loop.
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

  /** @param pass returns after how many milliseconds it wants to run again. */
  constructor(clock: Clock, pass: () => Promise<number>, onError: (error: unknown) => void, pauseAfterErrorMs = 1_000) {
    this.#clock = clock;
    this.#pass = pass;
    this.#onError = onError;
    this.#pauseAfterErrorMs = pauseAfterErrorMs;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /** Runs a pass now, or another one directly after the pass that is running. */
  wake(): void {
    this.#woken = true;
    this.#endSleep();
  }

  /** Waits for the running pass to finish, and starts no other. */
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

  /** Sleeps. Ends at once when the loop is stopped or woken, also when that happened during the pass. */
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
