import { limits } from '@pinchwork/sdk/table';
import { at } from './present.ts';

/**
 * The size of a page (contract section 1, "Size of a page"). Sizes are in bytes as replies write texts, which is up to
 * six times as long as a text: JSON escapes control characters, Markdown some others too. So a text counts with the
 * longer of its two forms.
 */

/** The rows of a page leave some room for the reply's fields about the list. */
const rowsBytes = limits.pageBytes - 4 * 1024;
/** Room for a value's name, indentation and punctuation, besides the characters of the name. */
const valueBytes = 12;
/** A text of one character takes at most this many bytes per UTF-16 unit. */
const mostUnitBytes = 6;
/** Texts up to this size are never cut to make a page fit: ids, times, states. */
const leastTextBytes = 32;

/** A row that may have lost a part of its texts. */
type Cut<Row> = Row & { readonly truncated?: true };

const escapedInMarkdown = new Set([0x2028, 0x2029, 0xfeff, 0xfffe, 0xffff]);

/** How many bytes a character takes in the longer of both formats. */
function bytesOf(code: number): number {
  if (code < 0x20) return code === 0x0a || code === 0x09 || code === 0x0d ? 2 : 6;
  if (code < 0x7f) return code === 0x22 || code === 0x5c ? 2 : 1;
  if (code <= 0x9f) return 6;
  if (code < 0x800) return 2;
  if (code > 0xffff) return 4;
  return escapedInMarkdown.has(code) ? 6 : 3;
}

const isPair = (code: number) => code > 0xffff;

/** The longest beginning of a text with at most `characters` characters and `bytes` bytes. */
function beginning(text: string, characters: number, bytes: number): string {
  let left = bytes;
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.codePointAt(i) ?? 0;
    left -= bytesOf(code);
    if (++count > characters || left < 0) return text.slice(0, i);
    if (isPair(code)) i++;
  }
  return text;
}

function textBytes(text: string): number {
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.codePointAt(i) ?? 0;
    bytes += bytesOf(code);
    if (isPair(code)) i++;
  }
  return bytes;
}

/**
 * Calls `each` with every text in a value.
 *
 * @returns the bytes of everything else in it.
 */
function visit(value: unknown, each: (text: string) => void): number {
  if (typeof value === 'string') {
    each(value);
    return valueBytes;
  }
  if (typeof value !== 'object' || value === null) return valueBytes + String(value).length;
  let bytes = valueBytes;
  if (Array.isArray(value)) for (const item of value) bytes += visit(item, each);
  else {
    for (const [name, field] of Object.entries(value)) {
      bytes += name.length + (name === whole ? wholeBytes(field) : visit(field, each));
    }
  }
  return bytes;
}

/** The field of a task that is left out instead of cut: a part of an acceptance would mean something else. */
const whole = 'acceptance';

function wholeBytes(value: unknown): number {
  let texts = 0;
  const others = visit(value, (text) => (texts += textBytes(text)));
  return texts + others;
}

/** Leaves out the longest acceptances where all of them take more than half of a page. */
function withFewerAcceptances<Row extends object>(rows: readonly Row[], mostBytes: number): readonly Cut<Row>[] {
  const sizes = rows.map((row) => (whole in row && row[whole] !== null ? wholeBytes(row[whole]) : 0));
  const room = Math.floor(mostBytes / 2);
  if (sizes.reduce((sum, size) => sum + size, 0) <= room) return rows;
  const most = commonSize([...sizes], room);
  return rows.map((row, i) => (at(sizes, i) > most ? { ...row, [whole]: null, truncated: true } : row));
}

/** A copy of a value with other texts. */
function withTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => withTexts(item, change));
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name, name === whole ? field : withTexts(field, change)]),
  );
}

function cutTexts<Row extends object>(row: Row, cut: (text: string) => string): Cut<Row> {
  const lost = { some: false };
  // Only its texts differ.
  const shorter = withTexts(row, (text) => {
    const kept = cut(text);
    lost.some ||= kept.length < text.length;
    return kept;
  }) as Row;
  return lost.some ? { ...shorter, truncated: true } : row;
}

/** The bytes of rows at most, without reading their texts. */
function roughBytes(rows: readonly object[]): number {
  let units = 0;
  let bytes = 0;
  for (const row of rows) bytes += visit(row, (text) => void (units += text.length));
  return bytes + units * mostUnitBytes;
}

/** Cuts the texts of a row of tasks to what a page shows. */
export function excerpt<Row extends object>(row: Row): Cut<Row> {
  let longest = 0;
  visit(row, (text) => (longest = Math.max(longest, text.length)));
  return longest <= limits.excerptLength
    ? row
    : cutTexts(row, (text) => beginning(text, limits.excerptLength, Infinity));
}

/**
 * Makes rows fit into a page by cutting their longest texts: all that are longer than a common size, to that size.
 *
 * @returns the same rows where they fit.
 */
export function fitTexts<Row extends object>(rows: readonly Row[], mostBytes = rowsBytes): Cut<Row>[] {
  if (roughBytes(rows) <= mostBytes) return [...rows];
  const kept = withFewerAcceptances(rows, mostBytes);
  const sizes: number[] = [];
  let others = 0;
  for (const row of kept) others += visit(row, (text) => sizes.push(textBytes(text)));
  const most = Math.max(leastTextBytes, commonSize(sizes, mostBytes - others));
  return kept.map((row) =>
    cutTexts(row, (text) => (text.length * mostUnitBytes <= most ? text : beginning(text, Infinity, most))),
  );
}

/** The largest size to which the longer texts can be cut so that all fit into `room`. */
function commonSize(sizes: number[], room: number): number {
  sizes.sort((a, b) => a - b);
  let left = room;
  for (const [i, size] of sizes.entries()) {
    const share = Math.floor(left / (sizes.length - i));
    if (size > share) return share;
    left -= size;
  }
  return Infinity;
}

/** How many rows, from the first, fit into a page: at least one, if there is one. */
export function countFitting(rows: readonly object[]): number {
  const mostBytes = rowsBytes;
  if (roughBytes(rows) <= mostBytes) return rows.length;
  let left = mostBytes;
  for (let i = 0; i < rows.length; i++) {
    let texts = 0;
    left -= visit(at(rows, i), (text) => (texts += textBytes(text)));
    left -= texts;
    if (i > 0 && left < 0) return i;
  }
  return rows.length;
}
