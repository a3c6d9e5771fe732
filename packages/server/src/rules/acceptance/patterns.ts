import { RE2JS } from 're2js';

/** A pattern that RE2 can't compile. The message says why. */
export class PatternError extends Error {}

/** A compiled pattern. */
export interface Pattern {
  readonly source: string;
  /** Whether the pattern is found somewhere in the text. Takes time linear in the length of the text. */
  test(text: string): boolean;
}

/** Compiles a regular expression in the syntax of RE2. @throws PatternError */
export function compilePattern(source: string): Pattern {
  let compiled: RE2JS;
  try {
    compiled = RE2JS.compile(source);
  } catch (error) {
    throw new PatternError(reasonOf(error), { cause: error });
  }
  return { source, test: (text) => compiled.test(text) };
}

/** RE2's own words without the text that the caller knows, such as `missing closing )`. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(/^error parsing regexp: /, '').slice(0, 200);
}

/** Unicode's long names of the categories that schemas use, and RE2's short ones. */
const categories: Readonly<Record<string, string>> = {
  Letter: 'L',
  Uppercase_Letter: 'Lu',
  Lowercase_Letter: 'Ll',
  Mark: 'M',
  Number: 'N',
  Decimal_Number: 'Nd',
  Punctuation: 'P',
  Symbol: 'S',
  Separator: 'Z',
  Space_Separator: 'Zs',
  Other: 'C',
  Control: 'Cc',
};

/** An escape; with its parts where it names a property of characters. */
const escape = /\\(?:([pP])\{(?:(?:General_Category|gc|Script|sc)=)?(\w+)\}|.)/gs;

/**
 * Compiles a `pattern` of a schema. JSON Schema has the syntax of JavaScript; what is only written otherwise in RE2, such
 * as `\u0041` and `\p{Letter}`, is translated.
 *
 * @throws PatternError
 */
export function compileSchemaPattern(source: string): Pattern {
  const named = source.replace(escape, (all: string, kind: string | undefined, name: string) =>
    kind === undefined ? all : `\\${kind}{${categories[name] ?? name}}`,
  );
  return { ...compilePattern(RE2JS.translateRegExp(named)), source };
}
