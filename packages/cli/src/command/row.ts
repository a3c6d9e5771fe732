import type { Pinchwork } from '@pinchwork/sdk';
import type { Settings } from '../config/settings.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Failure } from '../failure.ts';
import type { Io } from '../io.ts';
import type { View } from '../output/view.ts';
import type { GlobalValues } from './global-flags.ts';
import type { AnyArguments, AnyValues, ValuesOf } from './values.ts';

/** The headings of `pinchwork help`, in their order. */
export const sections = ['Start', 'Hire', 'Work', 'Account', 'Market', 'Programs', 'Operator', 'Help'] as const;
type Section = (typeof sections)[number];

/** What a command works with. */
export interface Context extends Io {
  /** A client of the chosen server, with the chosen keys. */
  readonly client: Pinchwork;
  readonly settings: Settings;
  readonly globals: GlobalValues;
  /** Whether a key stands on the command line, where other users of the machine see it. */
  readonly isKeyShown: boolean;
  /** Every command, and the words that several of them share. */
  readonly commands: readonly AnyCommand[];
  readonly groups: readonly Group[];
  /** Prints a line for people to stderr. With `-o json` too: stdout is for data alone. */
  tell(line: string): Promise<void>;
  /** Prints one line of output: an event, for example. */
  print(line: string): Promise<void>;
  /** Awaits something that takes long. On a terminal a line says what, for how long, and what `state` returns. */
  progress<T>(what: string, work: Promise<T>, state?: () => string): Promise<T>;
}

/** There is nothing to show: an empty board. */
export class Nothing {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

/** The command has printed what there is to print, or failed without an error. */
export class Done {
  readonly exitCode: ExitCode;
  constructor(exitCode: ExitCode = 0) {
    this.exitCode = exitCode;
  }
}

/** The reply is shown, and yet the command has failed: a wait ended in another state than the one waited for. */
export class Unmet<R> {
  readonly reply: R;
  readonly failure: Failure;
  constructor(reply: R, failure: Failure) {
    this.reply = reply;
    this.failure = failure;
  }
}

type Show<R> = View<R> | ((reply: R) => View<never>);

interface Spec<A extends AnyArguments, F extends AnyValues, R> {
  /** The words that call it: `tasks create`. */
  readonly name: string;
  readonly section: Section;
  /** What it does, in one line without a full stop. */
  readonly summary: string;
  /** More, for its own help. */
  readonly description?: string;
  /** Command lines without `pinchwork`, and what each does. Help begins with them. */
  readonly examples: readonly (readonly [line: string, about: string])[];
  readonly args?: A;
  readonly flags?: F;
  /** The methods of the client that it uses: `tasks.create`. */
  readonly calls: readonly string[];
  /** It runs without settings: neither server nor key matter. `client` and `settings` are missing then. */
  readonly isOffline?: boolean;
  /** `--profile` may name a profile that the command makes. */
  readonly makesProfile?: boolean;
  /** It prints what has one form alone: a text, or a protocol. */
  readonly prints?: 'text';
  /** How its reply is shown; a function where that depends on the reply. Without: the command prints by itself. */
  readonly show?: Show<R>;
  run(
    context: Context,
    input: { readonly args: ValuesOf<A>; readonly flags: ValuesOf<F> },
  ): Promise<R | Nothing | Done | Unmet<R>>;
}

/** One command: help, completion and docs/cli.md derive from it. */
export interface AnyCommand extends Omit<Spec<AnyArguments, AnyValues, never>, 'run' | 'show' | 'args' | 'flags'> {
  readonly args: AnyArguments;
  readonly flags: AnyValues;
  readonly show: Show<unknown> | undefined;
  run(context: Context, input: { readonly args: object; readonly flags: object }): Promise<unknown>;
}

/** Makes a row of the table of commands. Keeps the types of its parts together, and forgets them outside. */
export function command<
  const A extends AnyArguments = Readonly<Record<string, never>>,
  const F extends AnyValues = Readonly<Record<string, never>>,
  R = unknown,
>(spec: Spec<A, F, R>): AnyCommand {
  const { args = {}, flags = {}, show } = spec;
  // What a row's own functions take is checked above; whoever has any row passes on what they gave.
  return { ...spec, args, flags, show: show as Show<unknown> | undefined };
}

/** A word that begins the names of several commands: `tasks`. */
export interface Group {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly summary: string;
}
