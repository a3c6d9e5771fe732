import { invalid } from '../../ground/errors.ts';
import { type Fields, notAnObject, noProto, oneLine } from './fields.ts';
import { messageOf } from '../../ground/unknown-error.ts';

/** The deepest allowed nesting of lists and objects (contract section 1). */
const mostLevels = 32;
/**
 * The largest number of values in a body. The largest valid body has a few hundred, and a JSON Schema of 20 KB a few
 * thousand.
 */
const mostValues = 10_000;

/** Parses a body that should be a JSON object. Returns its fields, or what is wrong with it. */
export function readJson(text: string): { fields?: Fields; problem?: string } {
  boundJson(text);
  let value: unknown;
  try {
    value = JSON.parse(text.startsWith('\ufeff') ? text.slice(1) : text);
  } catch (error) {
    return { problem: oneLine(messageOf(error)) };
  }
  return { fields: asFields(value) };
}

function asFields(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw notAnObject('The body');
  if (Object.hasOwn(value, '__proto__')) throw noProto();
  // Checked above.
  return value as Fields;
}

const [quote, comma, backslash] = [0x22, 0x2c, 0x5c];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];

/** The end of the string that begins at `start`. Native search: nearly all of a body is in its strings. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let first = end;
    while (first - 1 > start && text.charCodeAt(first - 1) === backslash) first--;
    // After an odd number of backslashes, the quote is part of the string.
    if ((end - first) % 2 === 0) return end;
  }
  return text.length;
}

/**
 * Counts the values and levels of a JSON text, and stops at the first one over the limit. A full parse of a hostile
 * text would block all other requests. Counting 6 MiB takes a few milliseconds.
 *
 * @throws DomainError `invalid_request` for too many levels or values.
 */
export function boundJson(text: string): void {
  let levels = 0;
  let values = 1;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === quote) {
      i = endOfString(text, i);
    } else if (code === comma) {
      if (++values > mostValues) throw tooManyValues();
    } else if (code === openObject || code === openList) {
      if (++levels > mostLevels) throw tooDeep('The body');
      if (++values > mostValues) throw tooManyValues();
    } else if (code === closeObject || code === closeList) {
      levels--;
    }
  }
}

const tooManyValues = () =>
  invalid(
    `The body holds more than ${mostValues.toLocaleString('en-US')} values`,
    'Send only the fields of the endpoint.',
  );

const tooDeep = (what: string) =>
  invalid(`${what} is nested more than ${mostLevels} levels deep`, 'Send only the fields of the endpoint.');

const fence = '```';

/** The JSON in a body that consists of one fenced block of JSON. Undefined for any other body. */
export function fencedJson(text: string): string | undefined {
  const trimmed = text.trim();
  if (!trimmed.startsWith(fence) || !trimmed.endsWith(fence) || trimmed.length < 2 * fence.length) return undefined;
  const lineEnd = trimmed.indexOf('\n');
  const language = trimmed.slice(fence.length, lineEnd).trim().toLowerCase();
  if (lineEnd < 0 || (language !== '' && language !== 'json')) return undefined;
  const inside = trimmed.slice(lineEnd + 1, -fence.length).trim();
  return inside.startsWith('{') ? inside : undefined;
}
