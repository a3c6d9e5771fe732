import type { settings } from '../ground/settings.ts';

/** The input of a subcommand of `pinchwork-server`. */
export interface Invocation {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The arguments besides the options, exactly as many as the command takes. */
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
}

/** A subcommand's code. @returns the exit code, or undefined for 0. A server that it started keeps running. */
export type Run = (invocation: Invocation) => Promise<number | undefined>;

/** A subcommand. Its code is loaded only when it is called, so that `start` loads nothing of the others. */
export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** The command with its arguments and options, as the help shows it: `backup FILE`. */
  readonly usage: string;
  /** Paragraphs for the command's own help. */
  readonly details: string;
  /** The names of the required arguments. */
  readonly args: readonly string[];
  readonly options: Readonly<Record<string, Option>>;
  readonly load: () => Promise<Run>;
}

interface Option {
  readonly type: 'string' | 'boolean';
  readonly meaning: string;
  /** The name of its value in the help. */
  readonly value?: string;
  readonly required?: boolean;
  /** The setting that it overrides, without the prefix. */
  readonly sets?: keyof typeof settings;
}

/** The command line is invalid. `message` is a sentence for people. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
