/**
 * How texts are compared in a search: both sides are folded, then one is looked for in the other as it is.
 *
 * Case falls by Unicode's own tables, of no one language: `I` is `i` (and no `ı`), `ß` is no `ss`. Greek has two small
 * sigmas for one capital, by the place in the word: they count as one, or a word would not be found within another.
 * What looks the same is the same, however it was typed: an accent of its own is joined to its letter (NFC).
 */
export function fold(text: string): string {
  return text.toLowerCase().replaceAll('ς', 'σ').normalize('NFC');
}

/** Between the texts of one document. It may stand in a text, too: what the index finds is looked up in the texts. */
export const separator = '\n';
