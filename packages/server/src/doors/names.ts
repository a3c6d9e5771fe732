import type { Endpoint } from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { invalid } from '../ground/errors.ts';

/** The names that an endpoint knows, and other words for them (contract section 1, "Unknown names"). */
type NamesRow = Pick<Endpoint, 'aliases' | 'misplaced'>;

/** How many unknown names a reply warns about, and how many characters of each it shows. */
const mostWarnings = 10;
const longestShown = 60;

/** Spellings of names, by the schema that has the names: compared without case, `-` and `_`. */
const spellings = new WeakMap<z.ZodObject, ReadonlyMap<string, string>>();

const plain = (name: string) => name.toLowerCase().replace(/[-_]/g, '');

function spellingsOf({ aliases }: NamesRow, schema: z.ZodObject): ReadonlyMap<string, string> {
  const known = spellings.get(schema);
  if (known !== undefined) return known;
  const made = new Map<string, string>();
  const add = (spelling: string, field: string) => made.has(spelling) || made.set(spelling, field);
  const fields = Object.keys(schema.shape);
  for (const field of fields) add(plain(field), field);
  for (const field of fields) {
    add(`${plain(field)}s`, field);
    if (field.endsWith('s')) add(plain(field).slice(0, -1), field);
  }
  for (const [word, field] of Object.entries(aliases)) {
    if (Object.hasOwn(schema.shape, field)) add(plain(word), field);
  }
  spellings.set(schema, made);
  return made;
}

/** Longer names are not compared. */
const longestName = 40;

/** The field that an unknown name resembles. Undefined: none. */
export const meantBy = (row: NamesRow, schema: z.ZodObject, name: string): string | undefined =>
  name.length > longestName ? undefined : spellingsOf(row, schema).get(plain(name));

/** Whether a name is an alias of a field, not a variant spelling of its name. */
export const isOtherWordFor = ({ aliases }: NamesRow, name: string, field: string): boolean =>
  Object.entries(aliases).some(([word, means]) => means === field && plain(word) === plain(name));

/**
 * Checks the names in a request: fields of a body, or parameters of a query.
 *
 * @param what the word for one of them in messages.
 * @returns a warning for each of the first unknown names.
 * @throws DomainError `invalid_request` for a name that resembles a known name which is not given, and for a name that
 *   belongs to another endpoint.
 */
export function checkNames(
  row: NamesRow,
  schema: z.ZodObject | undefined,
  given: unknown,
  what: 'field' | 'query parameter',
): readonly string[] {
  if (typeof given !== 'object' || given === null) return none;
  let unknown: string[] | undefined;
  for (const name in given) {
    if (schema !== undefined && Object.hasOwn(schema.shape, name)) continue;
    if (Object.hasOwn(row.misplaced, name)) throw invalid(`${name}: is not a ${what} here`, row.misplaced[name]);
    const meant = schema === undefined ? undefined : meantBy(row, schema, name);
    if (meant !== undefined && !Object.hasOwn(given, meant)) {
      throw invalid(`${shown(name)}: is not a ${what} here; did you mean ${meant}?`, hintFor(meant));
    }
    (unknown ??= []).push(name);
  }
  if (unknown === undefined) return none;
  const warnings = unknown
    .slice(0, mostWarnings)
    .map((name) => `The ${what} "${shown(name)}" is not known here and was ignored`);
  const more = unknown.length - warnings.length;
  return more > 0 ? [...warnings, `${more} more were ignored`] : warnings;
}

const none: readonly string[] = [];

const hintFor = (meant: string) => `Send it as "${meant}". Nothing was changed.`;

/** A name for a message: shortened, on one line, and well-formed Unicode. */
const shown = (name: string) =>
  name
    .slice(0, longestShown)
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .toWellFormed();
