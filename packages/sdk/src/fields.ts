import { z } from 'zod';
import { limits } from './limits.ts';

const grouped = (n: number) => n.toLocaleString('en-US');

/** The number of code points in `text` if that is at most `max`, else some number above `max`. */
function codePoints(text: string, max: number): number {
  if (text.length > 2 * max) return text.length;
  let count = text.length;
  for (let i = 0; i < text.length - 1; i++) {
    if ((text.charCodeAt(i) & 0xfc00) === 0xd800 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      count--;
      i++;
    }
  }
  return count;
}

/** How many code points the text in a field may have, for schemas that are made here. */
export const textLengths = z.registry<{ readonly most: number }>();

/** The most code points that a field's text may have; 0 for a field that is no text. */
export function longestText(field: z.core.$ZodType): number {
  const known = textLengths.get(field);
  if (known !== undefined) return known.most;
  // A field of any type: a wrapper has what it wraps here.
  const { innerType, in: from } = (field._zod as { def: { innerType?: z.core.$ZodType; in?: z.core.$ZodType } }).def;
  const below = innerType ?? from;
  return below === undefined ? 0 : longestText(below);
}

/**
 * Text of `min` to `max` code points that both engines can store: well-formed Unicode without NUL.
 * JSON Schema counts `maxLength` in code points too (RFC 8259 strings), so the document can say the same.
 */
export function text(max: number, min = 1) {
  const range = min === max ? grouped(max) : `${grouped(min)} to ${grouped(max)}`;
  return z
    .string({ error: (issue) => (issue.input == null ? 'is required' : 'must be text') })
    .check((payload) => {
      const { value } = payload;
      const length = value.length <= max ? value.length : codePoints(value, max);
      const problem =
        length > max || value.length < min
          ? `must be ${range} characters long`
          : value.includes('\0')
            ? 'must not contain NUL characters'
            : value.isWellFormed()
              ? undefined
              : 'must be valid Unicode, without lone surrogates';
      if (problem !== undefined) payload.issues.push({ code: 'custom', message: problem, input: value });
    })
    .meta({ minLength: min, maxLength: max })
    .register(textLengths, { most: max });
}

/** A whole number from `min` to `max`, both included: without a `max`, to the largest that JSON carries exactly. */
export function integer(min: number, max: number = Number.MAX_SAFE_INTEGER) {
  const error = integerMessage(min, max);
  return z.number({ error }).int({ error }).min(min, { error }).max(max, { error });
}

/** A whole number written in decimal digits, as query parameters are. */
export function queryInteger(min: number, max: number) {
  return z
    .string()
    .refine((value) => /^\d{1,15}$/.test(value) && Number(value) >= min && Number(value) <= max, {
      error: integerMessage(min, max),
    })
    .meta({ type: 'integer', minimum: min, maximum: max })
    .transform(Number);
}

/** A number of at most two decimals written in digits, as query parameters are. */
export function queryDecimal(min: number, max: number) {
  return z
    .string()
    .refine((value) => /^\d{1,15}(\.\d{1,2})?$/.test(value) && Number(value) >= min && Number(value) <= max, {
      error: `must be a number from ${grouped(min)} to ${grouped(max)} with at most two decimals`,
    })
    .meta({ type: 'number', minimum: min, maximum: max, multipleOf: 0.01 })
    .transform(Number);
}

function integerMessage(min: number, max: number): string {
  return `must be an integer from ${grouped(min)} to ${grouped(max)}`;
}

export const flag = () => z.boolean({ error: 'must be true or false' });

/**
 * A field that may be left out; `null` means the same (contract section 1). `overwrite` keeps the type that Zod knows;
 * a transform would create a closure on each parse.
 */
export function optional<T extends z.ZodType>(schema: T) {
  const absent = schema.nullish().overwrite((value) => value ?? undefined);
  // The types of `overwrite` keep null, although the function removes it.
  return absent as unknown as z.ZodType<z.output<T> | undefined, z.input<T> | null | undefined>;
}

const tagPattern = /^[\p{L}\p{M}\p{N}_-]+$/u;
const tagRule = `must be letters, digits, "-" or "_", at most ${limits.tagLength} characters`;

/** Whether a text can be a tag. */
export function isTag(text: string): boolean {
  return tagPattern.test(text) && codePoints(text, limits.tagLength) <= limits.tagLength;
}

/** The same in JSON Schema, for documents. */
const tagSchema = { type: 'string', minLength: 1, maxLength: limits.tagLength, pattern: tagPattern.source };

/** A tag that folding would not change. Most are. */
const plainTag = /^[a-z0-9_-]+$/;

/** How tags are compared, as texts are in a search: without case, and however an accent was typed. */
export function foldTag(tag: string): string {
  if (plainTag.test(tag)) return tag;
  return tag.toLowerCase().replaceAll('ς', 'σ').normalize('NFC');
}

function distinctTags(tags: readonly string[]): string[] {
  const seen = new Map<string, string>();
  for (const tag of tags) if (!seen.has(foldTag(tag))) seen.set(foldTag(tag), tag);
  return [...seen.values()];
}

const fewTags = (most: number) => ({ error: `must be a list or a comma-separated text of at most ${most} tags` });

const tagList = (most: number) =>
  z
    .array(z.string({ error: 'must be text' }).refine(isTag, { error: tagRule }))
    .max(most, fewTags(most))
    .transform(distinctTags);

/** The items of a text with commas. */
export const splitList = (value: string) =>
  value
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');

/** No text of twenty tags or ids is longer, however it is spaced; a longer one may hold a million commas. */
const longestTags = 10_000;

/**
 * Tags in a body: a list, or one text with commas. Repeats (without case) are dropped; the first spelling stays.
 * Items are checked only in a short list: one issue for each of three million keeps zod busy for eight seconds.
 */
export const tags = (most: number = limits.tags) =>
  z
    .union(
      [
        z.string().refine((value) => value.length <= longestTags),
        z.array(z.unknown()).max(most).meta({ items: tagSchema }),
      ],
      fewTags(most),
    )
    .transform((value) => (typeof value === 'string' ? splitList(value) : value))
    .pipe(tagList(most))
    .register(textLengths, { most: most * (limits.tagLength + 4) });

/**
 * Ids of agents in a body: a list, or one text with commas. An id that is repeated counts once. Whether there are such
 * agents is checked by the server.
 */
export function agentIds(most: number) {
  const few = { error: `must be a list or a comma-separated text of 1 to ${most} ids of agents` };
  return z
    .union(
      [
        z.string().refine((value) => value.length <= longestTags),
        z
          .array(z.unknown())
          .max(most)
          .meta({ minItems: 1, items: { type: 'string' } }),
      ],
      few,
    )
    .transform((value) => (typeof value === 'string' ? splitList(value) : value))
    .pipe(z.array(text(limits.nameLength)).min(1, few).max(most, few))
    .transform((ids) => [...new Set(ids)])
    .register(textLengths, { most: most * (limits.nameLength + 4) });
}

/** Tags in a query: one text with commas. */
export const queryTags = () => z.string().transform(splitList).pipe(tagList(limits.tags));

/** `limit`, `offset` and `cursor`, which every list takes (contract section 1, "Paging"). */
export function paging(defaultLimit: number) {
  return {
    limit: queryInteger(1, limits.pageSize).default(defaultLimit),
    offset: queryInteger(0, limits.pageOffset).default(0),
    cursor: z.string().max(2_000, { error: 'is not a cursor of this list' }).optional(),
  };
}

/** The reply's side of paging. */
export const pageFields = {
  total: z.number().int(),
  total_capped: z.boolean().optional(),
  next_cursor: z.string().nullable(),
};
