import { at } from '../../ground/present.ts';
import { normalized } from '../search/fold.ts';

/**
 * Splits a text into its distinct words, folded, in the order of first appearance. Letters and digits of any script
 * count. Scripts without spaces between words are split into overlapping pairs of characters, which needs no dictionary
 * and gives the same pairs wherever a word begins.
 *
 * @param most maximum number of words returned.
 * @returns words of 2 to 40 UTF-16 code units.
 */
export function wordsOf(text: string, most: number): string[] {
  const words = new Set<string>();
  for (const [run] of normalized(text, 'NFKC').toLowerCase().matchAll(runs)) {
    for (const word of unspaced.test(run) ? pairsOf(run) : [run]) {
      if (word.length >= shortest && word.length <= longest) words.add(word);
      if (words.size >= most) return [...words];
    }
  }
  return [...words];
}

const shortest = 2;
const longest = 40;

const unspacedScripts =
  '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}\\p{Script=Lao}\\p{Script=Khmer}\\p{Script=Myanmar}';
const unspaced = new RegExp(`^[${unspacedScripts}]`, 'u');
/** A run of one of the unspaced scripts with its marks, or a run of any other letters, marks and digits. */
const runs = new RegExp(
  `[${unspacedScripts}][${unspacedScripts}\\p{M}]*|(?:(?![${unspacedScripts}])[\\p{L}\\p{M}\\p{N}])+`,
  'gu',
);

function pairsOf(run: string): string[] {
  const characters = Array.from(run);
  return characters.slice(1).map((character, i) => at(characters, i) + character);
}
