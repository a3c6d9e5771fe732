import { normalized } from '../search/fold.ts';

/**
 * The words of a text, folded, in the order of their first appearance. Letters and digits of any script count; a run of
 * a script that is written without spaces is taken in pairs of characters, which finds the same words wherever they
 * begin and depends on no dictionary.
 *
 * @param most how many different words are told at most.
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
/** A run of one of those scripts with its marks, or any other run of letters, marks and digits. */
const runs = new RegExp(
  `[${unspacedScripts}][${unspacedScripts}\\p{M}]*|(?:(?![${unspacedScripts}])[\\p{L}\\p{M}\\p{N}])+`,
  'gu',
);

function pairsOf(run: string): string[] {
  const characters = Array.from(run);
  return characters.slice(1).map((character, i) => characters[i]! + character);
}
