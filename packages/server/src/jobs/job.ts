/** Work that a server does in the background, from its start to its end. */
export interface Job {
  start(): void;
  /** Lets what is under way finish, or breaks it off where another server can take it up; begins nothing more. */
  stop(): Promise<void>;
}
