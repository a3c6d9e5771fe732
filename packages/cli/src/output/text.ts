/** Text of strangers for a terminal: what it shows, and how wide it is. */

/**
 * What must not reach a terminal: control characters, which move the cursor or speak to the terminal; marks that turn
 * the direction of text around; and characters that show nothing and hide others. The joiners of emoji and of Persian
 * stay.
 */
const unsafe = /(?![\t\n\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

const escaped = (character: string) => {
  const code = (character.codePointAt(0) ?? 0).toString(16);
  return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
};

/** A text with several lines, without anything that acts on the terminal. */
export const safeText = (text: string): string => text.replace(/\r\n?/g, '\n').replace(unsafe, escaped);

/** The same in one line. */
export const safeLine = (text: string): string => text.replace(/\s+/g, ' ').trim().replace(unsafe, escaped);

/** JSON in which the same characters are escaped, so that it means the same and is harmless. */
export const safeJson = (json: string): string =>
  json.replace(unsafe, (character) =>
    Array.from(
      { length: character.length },
      (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`,
    ).join(''),
  );

/** Whether a text has characters that `safeJson` escapes. */
export const hasUnsafe = (text: string): boolean => text.search(unsafe) >= 0;

let segmenter: Intl.Segmenter | undefined;

/** What a reader takes for one character. */
function graphemes(text: string): string[] {
  if (isPlain(text)) return Array.from(text);
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

/**
 * Whether each character is one to a reader, in one column: Latin letters and punctuation. `Intl.Segmenter`, which knows
 * all the others, takes ten milliseconds to begin with.
 */
const isPlain = (text: string) => /^[ -~\u00a1-\u00ac\u00ae-\u02ff\u2010-\u2027\u2030-\u205e]*$/.test(text);

/** The columns that a line takes on a terminal. */
export const widthOf = (line: string): number =>
  isPlain(line) ? line.length : graphemes(line).reduce((sum, each) => sum + graphemeWidth(each), 0);

function graphemeWidth(grapheme: string): number {
  if (/^[\p{Mark}\p{Default_Ignorable_Code_Point}]+$/u.test(grapheme)) return 0;
  if (/\ufe0f|\p{Emoji_Presentation}|\p{Regional_Indicator}{2}/u.test(grapheme)) return 2;
  return isWide(grapheme.codePointAt(0) ?? 0) ? 2 : 1;
}

/** Unicode's East Asian Width W and F, without emoji: pairs of the first and last code point. */
const wide = [
  [0x1100, 0x115f], [0x2e80, 0x303e], [0x3041, 0x33ff], [0x3400, 0x4dbf], [0x4e00, 0x9fff], [0xa000, 0xa4cf],
  [0xa960, 0xa97c], [0xac00, 0xd7a3], [0xf900, 0xfaff], [0xfe10, 0xfe19], [0xfe30, 0xfe6f], [0xff01, 0xff60],
  [0xffe0, 0xffe6], [0x16fe0, 0x18aff], [0x1aff0, 0x1b2ff], [0x1f200, 0x1f265], [0x20000, 0x3fffd],
] as const; // prettier-ignore

const isWide = (code: number) => code >= 0x1100 && wide.some(([from, to]) => code >= from && code <= to);

/** The beginning of a line, at most `columns` wide; what is cut ends in `…`. Cuts between graphemes. */
export function fit(line: string, columns: number): string {
  if (widthOf(line) <= columns) return line;
  let width = 1;
  let kept = '';
  for (const grapheme of graphemes(line)) {
    width += graphemeWidth(grapheme);
    if (width > columns) break;
    kept += grapheme;
  }
  return columns < 1 ? '' : `${kept.trimEnd()}…`;
}

export const padEnd = (line: string, columns: number): string =>
  line + ' '.repeat(Math.max(0, columns - widthOf(line)));
export const padStart = (line: string, columns: number): string =>
  ' '.repeat(Math.max(0, columns - widthOf(line))) + line;
