import { parseArgs } from 'node:util';
import { usage } from '../failure.ts';
import { globalFlags, type GlobalValues } from './global-flags.ts';
import type { Reader } from './read.ts';
import type { AnyCommand } from './row.ts';
import { nearest } from './suggest.ts';
import type { AnyArguments, AnyValues, Argument, Value } from './values.ts';

/** The words of a command line by what they are, before their values are read. */
export interface Parsed {
  readonly flags: ReadonlyMap<string, readonly string[]>;
  readonly words: readonly string[];
}

/** Splits the words behind a command's name. @throws Failure for a flag that the command does not have */
export function parseWords(rest: readonly string[], own: AnyValues, help: string): Parsed {
  const known: AnyValues = { ...globalFlags, ...own };
  const options = Object.fromEntries(
    Object.entries(known).map(([name, { kind, short }]) => [
      name,
      {
        type: kind === 'boolean' || kind === 'optional number' ? ('boolean' as const) : ('string' as const),
        ...(short === undefined ? {} : { short }),
      },
    ]),
  );
  // Not strict: its errors speak of `parseArgs`, and a switch could have no value.
  const { tokens } = parseArgs({ args: [...rest], options, strict: false, allowPositionals: true, tokens: true });
  const flags = new Map<string, string[]>();
  const words: string[] = [];
  for (const [i, token] of tokens.entries()) {
    if (token.kind === 'positional') words.push(token.value);
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue } = token;
    const flag = known[name];
    if (flag === undefined) {
      const meant = nearest(name, Object.keys(known));
      throw usage(
        `There is no flag ${rawName} here`,
        help,
        meant === undefined ? undefined : `Do you mean --${meant}?`,
      );
    }
    const next = tokens[i + 1];
    // `--wait 60` would make the number a part of what is to be done.
    if (
      flag.kind === 'optional number' &&
      value === undefined &&
      next?.kind === 'positional' &&
      /^\d+$/.test(next.value)
    )
      throw usage(`The value of ${rawName} stands behind "=": ${rawName}=${next.value}`, help);
    const needsValue = flag.shown !== '' && flag.kind !== 'optional number';
    // The next word is a flag of its own: the value was forgotten.
    const isFlag =
      inlineValue === false && /^--./.test(value) && Object.hasOwn(known, value.slice(2).replace(/=.*/s, ''));
    if (needsValue && (value === undefined || isFlag))
      throw usage(`${rawName} needs a value: ${rawName} ${flag.shown}`, help);
    flags.set(name, [...(flags.get(name) ?? []), value ?? '']);
  }
  return { flags, words };
}

/** The global flags of a command line. */
export async function readGlobals({ flags }: Parsed, reader: Reader): Promise<GlobalValues> {
  return (await readFlags(flags, globalFlags, reader)) as GlobalValues;
}

/** The values of a command's own flags and arguments. @throws Failure for a wrong or missing value */
export async function readInput({ flags, words }: Parsed, command: AnyCommand, reader: Reader) {
  return {
    args: await readArguments(words, command.args, reader),
    flags: await readFlags(flags, command.flags, reader),
  };
}

async function readFlags(given: Parsed['flags'], flags: AnyValues, reader: Reader): Promise<object> {
  const values: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(flags)) {
    const texts = given.get(name);
    if (texts !== undefined) values[name] = await readValue(flag, texts, `--${name}`, reader);
  }
  return values;
}

async function readArguments(words: readonly string[], args: AnyArguments, reader: Reader): Promise<object> {
  const values: Record<string, unknown> = {};
  const left = [...words];
  for (const [name, argument] of Object.entries(args)) {
    const taken = argument.takes === 'one' ? left.splice(0, 1) : left.splice(0);
    if (taken.length > 0) values[name] = await readArgument(argument, taken, reader);
    else if (argument.isRequired) throw usage(`${argument.shown} is missing: ${lowered(argument.about)}`, reader.help);
  }
  if (left.length > 0) throw usage(`There is one word too many: "${left[0]}"`, reader.help);
  return values;
}

const lowered = (text: string) => text.slice(0, 1).toLowerCase() + text.slice(1);

async function readArgument(argument: Argument<unknown>, words: readonly string[], reader: Reader): Promise<unknown> {
  const { takes, shown } = argument;
  if (takes === 'many') return words.flatMap((word) => listOf(word));
  if (takes === 'text') return words.length === 1 ? reader.text(words[0] ?? '') : words.join(' ');
  return readValue(argument, words, shown, reader);
}

const listOf = (text: string) =>
  text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '');

async function readValue(
  value: Value<unknown>,
  texts: readonly string[],
  name: string,
  reader: Reader,
): Promise<unknown> {
  const text = texts.at(-1) ?? '';
  const wrong = (must: string) => usage(`${name} must be ${must}, not "${text}"`, reader.help);
  switch (value.kind) {
    case 'boolean':
      if (!['', 'true', 'false'].includes(text)) throw wrong('true or false');
      return text !== 'false';
    case 'optional number':
    case 'number':
      if (text === '' && value.kind === 'optional number') return true;
      if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(Number(text))) throw wrong('a whole number');
      return Number(text);
    case 'decimal':
      if (!/^-?\d+(\.\d+)?$/.test(text)) throw wrong('a number');
      return Number(text);
    case 'choice':
      if (!value.choices?.includes(text)) throw wrong(`one of ${value.choices?.join(', ')}`);
      return text;
    case 'list':
      return texts.flatMap(listOf);
    case 'texts':
      return texts;
    case 'file':
      return reader.file(text);
    case 'text':
      return reader.text(text);
  }
}
