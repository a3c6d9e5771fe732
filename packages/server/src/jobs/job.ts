/** A background job of a server. */
export interface Job {
  start(): void;
  /** Starts no new work. Waits for running work to finish, or aborts it where another server can take it over. */
  stop(): Promise<void>;
}
