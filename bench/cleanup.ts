type Dispose = () => void | Promise<void>;

/** Everything that must be ended or deleted at exit: child processes, PostgreSQL, folders. */
export class Cleanup {
  readonly #disposers = new Set<Dispose>();
  #interrupted = false;

  /** Whether a signal has arrived. Later failures are then expected, because the children are ending. */
  get interrupted(): boolean {
    return this.#interrupted;
  }

  /**
   * Registers `dispose`, to be called at the end.
   *
   * @returns a function that calls it earlier. It is called only once.
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

  /** Ends everything in reverse order of registration, because later resources depend on earlier ones. */
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
   * On a signal, ends everything and then the process. Ends all resources at once: Ctrl-C in a terminal signals the
   * children too, and waiting for PostgreSQL fails after it has exited.
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

/**
 * Runs a benchmark program. Prints an error as one sentence, and always ends the processes that the program started.
 */
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
