import { invalid } from '../../ground/errors.ts';
import type { Fields } from './fields.ts';
import { noProto } from './fields.ts';

/** Bodies of the type `application/x-www-form-urlencoded` that are forms; `curl -d` sends any text as one. */

const start = /^[A-Za-z_][\w-]*=/;
const pair = /^([A-Za-z_][\w-]*)=([\s\S]*)$/;
const mostPairs = 200;

/** What a form is read by: which names are fields, and which of them hold text. */
export interface FormNames {
  isField(name: string): boolean;
  isText(name: string): boolean;
}

/**
 * The fields of a form; undefined for a text that is none: it does not begin with a name and `=`, or names no field.
 *
 * @throws DomainError `invalid_request` for a form with a part that is no pair, which is what a bare `&` in a text makes.
 */
export function readForm(text: string, names: FormNames): Fields | undefined {
  if (!start.test(text)) return undefined;
  const parts = text.trimEnd().split('&', mostPairs + 1);
  const pairs = parts.filter((part) => part !== '').map((part) => pair.exec(part));
  if (!pairs.some((each) => each !== null && names.isField(each[1]!))) return undefined;
  if (parts.length > mostPairs) throw invalid(`The form has more than ${mostPairs} fields`, encodeIt);
  const fields: Fields = {};
  for (const each of pairs) {
    if (each === null) throw invalid('The form has a part that is not name=value', encodeIt);
    const [, name, value] = each as unknown as [string, string, string];
    if (name === '__proto__') throw noProto();
    add(fields, name, valueOf(decode(value), names.isText(name)));
  }
  return fields;
}

const encodeIt =
  'Encode each value: curl --data-urlencode "name=value"; or send JSON with Content-Type: application/json.';

/** A name that comes again makes a list, as tags may. */
function add(fields: Fields, name: string, value: unknown): void {
  if (!Object.hasOwn(fields, name)) fields[name] = value;
  else if (Array.isArray(fields[name])) (fields[name] as unknown[]).push(value);
  else fields[name] = [fields[name], value];
}

function decode(value: string): string {
  try {
    return decodeURIComponent(value.replaceAll('+', ' '));
  } catch {
    throw invalid('The form has a "%" that begins no character', encodeIt);
  }
}

/** A number or a flag as its field wants it. */
function valueOf(text: string, isText: boolean): unknown {
  if (isText) return text;
  if (text === '') return null;
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d{1,15}(\.\d{1,15})?$/.test(text) ? Number(text) : text;
}
