import { invalid } from '../../ground/errors.ts';
import type { Fields } from './fields.ts';
import { noProto } from './fields.ts';

/**
 * Reads bodies of the type `application/x-www-form-urlencoded` that really are forms. `curl -d` sends any text with
 * this type.
 */

const start = /^[A-Za-z_][\w-]*=/;
const pair = /^([A-Za-z_][\w-]*)=([\s\S]*)$/;
const mostPairs = 200;

/** Which names are fields of the endpoint, and which of them hold text. */
interface FormNames {
  isField(name: string): boolean;
  isText(name: string): boolean;
}

/**
 * The fields of a form. Undefined: the text is not a form, because it does not begin with a name and `=`, or names no
 * field.
 *
 * @throws DomainError `invalid_request` for a form with a part that is not a pair. An unescaped `&` in a text causes
 *   that.
 */
export function readForm(text: string, names: FormNames): Fields | undefined {
  if (!start.test(text)) return undefined;
  const parts = text.trimEnd().split('&', mostPairs + 1);
  const pairs = parts.filter((part) => part !== '').map((part) => pair.exec(part));
  if (!pairs.some((each) => each !== null && names.isField(each[1] ?? ''))) return undefined;
  if (parts.length > mostPairs) throw invalid(`The form has more than ${mostPairs} fields`, encodeIt);
  const fields: Fields = {};
  for (const each of pairs) {
    if (each === null) throw invalid('The form has a part that is not name=value', encodeIt);
    const [, name = '', value = ''] = each;
    if (name === '__proto__') throw noProto();
    add(fields, name, valueOf(decode(value), names.isText(name)));
  }
  return fields;
}

const encodeIt =
  'Encode each value: curl --data-urlencode "name=value"; or send JSON with Content-Type: application/json.';

/** Adds a value. A repeated name becomes a list, for tags. */
function add(fields: Fields, name: string, value: unknown): void {
  const earlier = Object.hasOwn(fields, name) ? fields[name] : undefined;
  if (earlier === undefined) fields[name] = value;
  else if (Array.isArray(earlier)) earlier.push(value);
  else fields[name] = [earlier, value];
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value.replaceAll('+', ' '));
  } catch {
    throw invalid('The form has a "%" that begins no character', encodeIt);
  }
}

/** Converts a value to a number or a boolean, unless its field holds text. */
function valueOf(text: string, isText: boolean): unknown {
  if (isText) return text;
  if (text === '') return null;
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : text;
}
