/**
 * How texts are compared in a search: both sides are folded, then one is looked for in the other as it is.
 *
 * Case falls by Unicode's own tables, of no one language: `I` is `i` (and no `ı`), `ß` is no `ss`. Greek has two small
 * sigmas for one capital, by the place in the word: they count as one, or a word would not be found within another.
 * What looks the same is the same, however it was typed: an accent of its own is joined to its letter (NFC).
 */
export function fold(text: string): string {
  return normalized(text.toLowerCase().replaceAll('ς', 'σ'), 'NFC');
}

/** More marks on one letter than any script has: Unicode's stream-safe format allows 30 (UAX 15, section 13). */
const tooManyMarks = /(\p{M}{31,})/u;

/**
 * A text in one of Unicode's normal forms, but for runs of marks that are no writing: to put them in order takes time
 * with the square of their number, 1.4 s for 50,000.
 */
export function normalized(text: string, form: 'NFC' | 'NFKC'): string {
  // Of the parts, every other one is such a run.
  return text
    .split(tooManyMarks)
    .map((part, i) => (i % 2 === 0 ? part.normalize(form) : part))
    .join('');
}

/** Between the texts of one document. It may stand in a text, too: what the index finds is looked up in the texts. */
export const separator = '\n';
