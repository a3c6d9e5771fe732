import type { settings } from '../ground/config.ts';

/** What a subcommand of `pinchwork-server` is run with. */
export interface Call {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What stands on the command line beside the options; as many as the command takes. */
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
}

/** @returns the exit code, if it is not 0. A server that was started goes on after that. */
export type Run = (call: Call) => Promise<number | undefined>;

/** A subcommand. Its code is loaded when it is called for, so that `start` loads nothing of the others. */
export interface Command {
  /** One line for the list. */
  readonly summary: string;
  /** What it takes, as the help shows it: `backup FILE`. */
  readonly usage: string;
  /** More for its own help: whole paragraphs. */
  readonly details: string;
  /** Names of what must stand beside the options. */
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, Option>>;
  readonly load: () => Promise<Run>;
}

interface Option {
  readonly type: 'string' | 'boolean';
  readonly meaning: string;
  /** What its value is called in the help. */
  readonly value?: string;
  readonly required?: boolean;
  /** The setting that it takes the place of, without the prefix. */
  readonly sets?: keyof typeof settings;
}

/** A command line that can't be understood; `message` is a sentence for people. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
