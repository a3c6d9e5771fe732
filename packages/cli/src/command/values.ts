/** The kinds of values that arguments and flags have. */

/** What shells offer for a value. */
export type Completes = 'task' | 'agent' | 'tag' | 'profile' | 'file' | 'command';

type ValueKind = 'text' | 'number' | 'decimal' | 'boolean' | 'list' | 'texts' | 'choice' | 'file' | 'optional number';

/** A value: how help shows it, what it may be, and its type. */
export interface Value<T> {
  readonly kind: ValueKind;
  /** Its name in synopses: `SECONDS`. Empty for a switch. */
  readonly shown: string;
  /** What it means, without a full stop. */
  readonly about: string;
  readonly choices?: readonly string[];
  readonly completes?: Completes;
  /** A one-letter form of a flag. */
  readonly short?: string;
  /** Only its type matters. */
  readonly type?: T;
}

/** A word that stands in its place, without a flag. */
export interface Argument<T> extends Value<T> {
  readonly isRequired: boolean;
  /** How many words it takes: one; all that are left, joined with spaces; or all as a list. */
  readonly takes: 'one' | 'text' | 'many';
}

type Details = Pick<Value<unknown>, 'completes' | 'short'>;

export const textFlag = (shown: string, about: string, details: Details = {}): Value<string | undefined> => ({
  kind: 'text',
  shown,
  about,
  ...details,
});
/** A whole number. */
export const numberFlag = (shown: string, about: string, details: Details = {}): Value<number | undefined> => ({
  kind: 'number',
  shown,
  about,
  ...details,
});
/** A number with decimals. */
export const decimalFlag = (shown: string, about: string): Value<number | undefined> => ({
  kind: 'decimal',
  shown,
  about,
});
/** On or off: `--name`, or `--name=false`. */
export const switchFlag = (about: string, details: Details = {}): Value<boolean | undefined> => ({
  kind: 'boolean',
  shown: '',
  about,
  ...details,
});
/** Words with commas between them; the flag may be given several times. */
export const listFlag = (
  shown: string,
  about: string,
  details: Details = {},
): Value<readonly string[] | undefined> => ({
  kind: 'list',
  shown,
  about,
  ...details,
});
/** Texts, one for each time that the flag is given. */
export const textsFlag = (
  shown: string,
  about: string,
  details: Details = {},
): Value<readonly string[] | undefined> => ({
  kind: 'texts',
  shown,
  about,
  ...details,
});
/** The content of a file, which must be UTF-8. */
export const fileFlag = (about: string, details: Details = {}): Value<string | undefined> => ({
  kind: 'file',
  shown: 'FILE',
  about,
  completes: 'file',
  ...details,
});
/** A number that may be left out: `--wait` or `--wait=60`. True where it is left out. */
export const optionalNumberFlag = (
  shown: string,
  about: string,
  details: Details = {},
): Value<number | true | undefined> => ({ kind: 'optional number', shown, about, ...details });

export const choiceFlag = <const C extends string>(
  choices: readonly C[],
  about: string,
  details: Details = {},
): Value<C | undefined> => ({ kind: 'choice', shown: choices.join('|'), about, choices, ...details });

const one = { kind: 'text', takes: 'one' } as const;

export const argument = (shown: string, about: string, completes?: Completes): Argument<string> => ({
  ...one,
  shown,
  about,
  isRequired: true,
  ...(completes === undefined ? {} : { completes }),
});
export const optionalArgument = (
  shown: string,
  about: string,
  completes?: Completes,
): Argument<string | undefined> => ({
  ...one,
  shown,
  about,
  isRequired: false,
  ...(completes === undefined ? {} : { completes }),
});
export const numberArgument = (shown: string, about: string): Argument<number> => ({
  kind: 'number',
  takes: 'one',
  shown,
  about,
  isRequired: true,
});
export const choiceArgument = <const C extends string>(choices: readonly C[], about: string): Argument<C> => ({
  kind: 'choice',
  takes: 'one',
  shown: choices.join('|'),
  choices,
  about,
  isRequired: true,
});
/** All words that are left, joined with spaces. */
export const textArgument = (shown: string, about: string): Argument<string> => ({
  kind: 'text',
  takes: 'text',
  shown,
  about,
  isRequired: true,
});
export const optionalTextArgument = (shown: string, about: string): Argument<string | undefined> => ({
  kind: 'text',
  takes: 'text',
  shown,
  about,
  isRequired: false,
});
/** One word or more. */
export const manyArgument = (shown: string, about: string, completes?: Completes): Argument<readonly string[]> => ({
  kind: 'text',
  takes: 'many',
  shown,
  about,
  isRequired: true,
  ...(completes === undefined ? {} : { completes }),
});

/** The types of the values of flags or arguments. */
export type ValuesOf<T> = { readonly [K in keyof T]: T[K] extends Value<infer V> ? V : never };
export type AnyValues = Readonly<Record<string, Value<unknown>>>;
export type AnyArguments = Readonly<Record<string, Argument<unknown>>>;
