/** A text of this many UTF-16 units or more is never written as JSON in one piece: control characters take six for each. */
const longUnits = 8 * 1024;

/**
 * A piece of the JSON of a reply, and the length of all of it. Only the piece is written: of long texts before and after
 * it, the characters are counted, which takes a twentieth of the time.
 *
 * @param value what JSON can express.
 * @param most the length of the piece, in UTF-16 units.
 */
export function pieceOfJson(value: unknown, from: number, most: number): { piece: string; length: number } {
  if (unitsOf(value) < longUnits) {
    const text = JSON.stringify(value);
    return { piece: text.slice(from, from + most), length: text.length };
  }
  const window = new Window(from, from + most);
  write(value, window);
  return window;
}

/** The length of all texts in a value. */
function unitsOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 0;
  let units = 0;
  for (const item of Array.isArray(value) ? (value as unknown[]) : Object.values(value)) units += unitsOf(item);
  return units;
}

function write(value: unknown, window: Window): void {
  if (typeof value === 'string') writeText(value, window);
  else if (Array.isArray(value)) {
    window.add('[');
    value.forEach((item, index) => {
      if (index > 0) window.add(',');
      write(item, window);
    });
    window.add(']');
  } else if (typeof value === 'object' && value !== null) writeFields(value, window);
  else window.add(JSON.stringify(value ?? null));
}

function writeFields(fields: object, window: Window): void {
  let separator = '{';
  for (const [key, field] of Object.entries(fields)) {
    if (field === undefined) continue;
    window.add(`${separator}${JSON.stringify(key)}:`);
    separator = ',';
    write(field, window);
  }
  window.add(separator === '{' ? '{}' : '}');
}

function writeText(text: string, window: Window): void {
  if (text.length < longUnits) {
    window.add(JSON.stringify(text));
    return;
  }
  window.add('"');
  for (let from = 0; from < text.length;) {
    let to = Math.min(from + longUnits, text.length);
    if (to < text.length && isFirstHalf(text.charCodeAt(to - 1))) to++;
    const width = widthOf(text, from, to);
    if (window.needs(width)) window.add(JSON.stringify(text.slice(from, to)).slice(1, -1));
    else window.skip(width);
    from = to;
  }
  window.add('"');
}

const isFirstHalf = (unit: number) => unit >= 0xd800 && unit <= 0xdbff;
const isSecondHalf = (unit: number) => unit >= 0xdc00 && unit <= 0xdfff;

/** The characters below a blank that have a short escape: \b \t \n \f \r. */
const isShort = (unit: number) => unit >= 8 && unit <= 13 && unit !== 11;

/** How long a part of a text is in JSON. */
function widthOf(text: string, from: number, to: number): number {
  let width = to - from;
  for (let i = from; i < to; i++) {
    const unit = text.charCodeAt(i);
    if (unit >= 0xd800) {
      if (isFirstHalf(unit) && isSecondHalf(text.charCodeAt(i + 1))) i++;
      else if (unit <= 0xdfff) width += 5;
    } else if (unit < 32) width += isShort(unit) ? 1 : 5;
    else if (unit === 34 || unit === 92) width += 1;
  }
  return width;
}

/** Keeps what stands between two places of a text that is never made. */
class Window {
  piece = '';
  length = 0;
  readonly #from: number;
  readonly #to: number;

  constructor(from: number, to: number) {
    this.#from = from;
    this.#to = to;
  }

  /** Whether some of the next characters are in the window. */
  needs(width: number): boolean {
    return this.length < this.#to && this.length + width > this.#from;
  }

  skip(width: number): void {
    this.length += width;
  }

  add(text: string): void {
    if (this.needs(text.length)) {
      this.piece += text.slice(Math.max(0, this.#from - this.length), Math.max(0, this.#to - this.length));
    }
    this.length += text.length;
  }
}
