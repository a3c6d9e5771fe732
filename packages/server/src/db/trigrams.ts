/**
 * The three-character pieces of a folded text, each once, in the order of their first appearance: what the index of
 * texts is made of. A character is a code point, as in SQLite's own trigrams.
 */
export function trigramsOf(folded: string): string[] {
  const characters = Array.from(folded);
  const found = new Set<string>();
  for (let i = 2; i < characters.length; i++) found.add(characters[i - 2]! + characters[i - 1]! + characters[i]!);
  return [...found];
}

/** A text of a few words has no more; of a longer one some, evenly spread, narrow the search as far. */
const mostAsked = 24;

/** The trigrams by which a text is looked up. Whatever contains it has them all; the reverse is to be checked. */
export function askedTrigrams(folded: string): string[] {
  const all = trigramsOf(folded);
  if (all.length <= mostAsked) return all;
  return Array.from({ length: mostAsked }, (_, i) => all[Math.floor((i * (all.length - 1)) / (mostAsked - 1))]!);
}
