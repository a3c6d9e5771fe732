import type { Attacker } from './attacker.ts';

/**
 * Something that a hostile client does. Add one to the list in `attacks.ts`.
 *
 * It runs in a thread of its own, from addresses of its own, against a server with the default settings. Meanwhile honest
 * clients go on with their work.
 */
export interface Attack {
  /** Names the row. A few words that say what is sent. */
  readonly name: string;
  /** What the server needs besides the default settings. */
  readonly settings?: Readonly<Record<string, string>>;
  /** How many files the server may open, so that connections are few. */
  readonly openFiles?: number;
  /** How long it takes until it has its full effect: 1 by default. */
  readonly leadSeconds?: number;
  /** Registers accounts and makes what the attack uses. Not measured. */
  prepare?(attacker: Attacker): Promise<void>;
  /** Attacks until the signal is aborted. Each refusal is expected; only what honest clients see is measured. */
  run(attacker: Attacker, signal: AbortSignal): Promise<void>;
}
