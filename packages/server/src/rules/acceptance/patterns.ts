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
