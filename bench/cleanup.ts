type Dispose = () => void | Promise<void>;

/** What has to be ended or deleted, whatever happens: child processes, PostgreSQL, folders. */
export class Cleanup {
  readonly #disposers = new Set<Dispose>();
  #interrupted = false;

  /** Whether a signal has come: then what fails now fails because its children are going. */
  get interrupted(): boolean {
    return this.#interrupted;
  }

  /**
   * Keeps `dispose` until it is wanted.
   *
   * @returns the same as a function that works once: for ending something before the whole is over.
   */
  add(dispose: Dispose): () => Promise<void> {
    let ended: Promise<void> | undefined;
    const once = () => {
      this.#disposers.delete(once);
      return (ended ??= Promise.resolve(dispose()));
    };
    this.#disposers.add(once);
    return once;
  }

  /** Ends everything, the latest first: what was built on something else goes before it. */
  async run(): Promise<void> {
    const failures: unknown[] = [];
    for (const dispose of [...this.#disposers].reverse()) {
      try {
        await dispose();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'Not everything could be cleaned up');
  }

  /**
   * Ends everything when a signal comes, then the process. All at once: Ctrl-C in a terminal goes to the children too,
   * and PostgreSQL can be waited for only while it has not gone by itself.
   */
  onSignals(): void {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        this.#interrupted = true;
        const giveUp = new Promise((resolve) => setTimeout(resolve, 10_000));
        const everything = Promise.allSettled([...this.#disposers].map(async (dispose) => dispose()));
        void Promise.race([everything, giveUp]).then(() => process.exit(1));
      });
    }
  }
}

/** Runs a program of these. What goes wrong is told in a sentence, and what it has started ends in any case. */
export async function runWithCleanup(program: (cleanup: Cleanup) => Promise<void>): Promise<void> {
  const cleanup = new Cleanup();
  cleanup.onSignals();
  try {
    await program(cleanup);
  } catch (error) {
    if (!cleanup.interrupted) console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  } finally {
    await cleanup.run();
  }
}
