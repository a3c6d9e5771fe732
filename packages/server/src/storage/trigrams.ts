import { at } from '../ground/present.ts';

/**
 * The distinct three-character pieces of a folded text, in the order of first appearance. The text index stores them. A
 * character is a code point, as in SQLite's trigrams.
 */
export function trigramsOf(folded: string): string[] {
  const characters = Array.from(folded);
  const found = new Set<string>();
  for (let i = 2; i < characters.length; i++) found.add(characters.slice(i - 2, i + 1).join(''));
  return [...found];
}

/**
 * How many trigrams a search looks up. A few, evenly spread over the text, narrow the search nearly as much as all, and
 * each common one costs milliseconds: in a million documents, a long word of common letters took 66 ms with ten
 * trigrams and 17 ms with five.
 */
const mostAsked = 6;

/**
 * The trigrams to look up for a search text. Every text that contains it has all of them; the reverse must be checked.
 */
export function askedTrigrams(folded: string): string[] {
  const all = trigramsOf(folded);
  if (all.length <= mostAsked) return all;
  return Array.from({ length: mostAsked }, (_, i) => at(all, Math.floor((i * (all.length - 1)) / (mostAsked - 1))));
}
