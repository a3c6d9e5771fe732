/**
 * Folds a text for comparison in a search. Both texts are folded, then compared code unit by code unit.
 *
 * Case is folded by the Unicode tables that belong to no language: `I` becomes `i` (not `ı`), and `ß` stays `ß`. The
 * two Greek small sigmas become one, because which of them is written depends on the place in the word. Combining
 * accents are joined to their letters (NFC), so that texts that look the same compare as equal.
 */
export function fold(text: string): string {
  return normalized(text.toLowerCase().replaceAll('ς', 'σ'), 'NFC');
}

/** More combining marks in a row than any script uses: Unicode's stream-safe format allows 30 (UAX 15, section 13). */
const tooManyMarks = /(\p{M}{31,})/u;

/**
 * Normalizes a text to a Unicode normal form, except for runs of more than 30 combining marks. Sorting the marks of a
 * run takes time quadratic in their number: 1.4 s for 50,000.
 */
export function normalized(text: string, form: 'NFC' | 'NFKC'): string {
  // `split` with a group returns the runs as the parts with odd indexes.
  return text
    .split(tooManyMarks)
    .map((part, i) => (i % 2 === 0 ? part.normalize(form) : part))
    .join('');
}

/**
 * Separates the texts of one document. A text may contain it too, since each match of the index is checked in the
 * texts.
 */
export const separator = '\n';
