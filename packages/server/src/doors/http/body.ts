import type { z } from 'zod';
import { InvalidFields } from '../input.ts';
import { invalid } from '../../ground/errors.ts';
import { type Fields, notAnObject, noProto, oneLine } from './fields.ts';
import { readFrontMatter, splitFrontMatter } from './front-matter.ts';
import { mediaType } from './media-type.ts';

/** Request bodies: JSON, or Markdown with YAML front matter (contract section 1); and query strings. */

const noBytes = new Uint8Array();

/**
 * Reads the fields of a request's body; the endpoint's schema has not seen them yet.
 *
 * @param bytes the body as it came; anything else counts as empty.
 * @throws DomainError `invalid_request` that says what is wrong.
 */
export function readBody(row: BodyRow, contentType: string | undefined, bytes: unknown): Fields {
  const text = decode(bytes instanceof Uint8Array ? bytes : noBytes);
  return readFields(row, mediaType(contentType), text);
}

/** What reading a body needs of its endpoint's row. */
export interface BodyRow {
  readonly body: z.ZodObject;
  readonly mainField: string | undefined;
}

/**
 * The parameters of a query string.
 *
 * @throws DomainError `invalid_request` when one that the endpoint knows is given more than once.
 */
export function readQuery(schema: z.ZodObject, query: unknown): Fields {
  for (const name in query as Fields) {
    if (Array.isArray((query as Fields)[name]) && Object.hasOwn(schema.shape, name)) {
      throw invalid(`${name}: is given more than once`);
    }
  }
  return query as Fields;
}

/**
 * Says more about a body whose text is missing: JSON that is meant to be the text itself, such as a result, was read as
 * fields.
 */
export function withTextHint(error: unknown, mainField: string | undefined, fields: Fields | undefined): unknown {
  if (!(error instanceof InvalidFields) || mainField === undefined || fields === undefined) return error;
  const isMissing = error.fields.includes(mainField) && !Object.hasOwn(fields, mainField);
  if (!isMissing || Object.keys(fields).length === 0) return error;
  return invalid(
    error.message,
    `Put the text into the field "${mainField}"; or, if all of the body is that text, send it as text/markdown.`,
  );
}

/** A byte order mark stays: in a plain text it is part of the text. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decode(bytes: Uint8Array): string {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw invalid('The body is not valid UTF-8');
  }
  if (text.includes('\0')) throw invalid('The body must not contain NUL characters');
  return text;
}

function readFields(row: BodyRow, type: string, text: string): Fields {
  if (text.trim() === '') return {};
  const looksLikeJson = type !== 'text/markdown' && text.trimStart().startsWith('{');
  if (type === 'application/json' || looksLikeJson) {
    const { value, problem } = parseJson(text);
    if (problem === undefined) return asFields(value);
    if (type !== 'text/plain') throw invalid(`The body is not valid JSON: ${problem}`);
  }
  return readMarkdown(row, text);
}

function parseJson(text: string): { value?: unknown; problem?: string } {
  try {
    return { value: JSON.parse(text.replace(/^\ufeff/, '')) as unknown };
  } catch (error) {
    return { problem: oneLine((error as Error).message) };
  }
}

function asFields(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw notAnObject('The body');
  if (Object.hasOwn(value, '__proto__')) throw noProto();
  return value as Fields;
}

function readMarkdown({ body, mainField }: BodyRow, text: string): Fields {
  const document = splitFrontMatter(text);
  if (document === undefined) return mainField === undefined ? {} : { [mainField]: text };
  const { yaml, below } = document;
  const shape: Readonly<Record<string, z.core.$ZodType>> = body.shape;
  const fields = readFrontMatter(yaml, (name) => Object.hasOwn(shape, name) && takesText(shape[name]!));
  return mainField === undefined || below.trim() === '' ? fields : { ...fields, [mainField]: below };
}

/** Whether a field of a schema can be given as text, below whatever makes it optional or turns it into a list. */
function takesText(field: z.core.$ZodType): boolean {
  const { def } = field._zod as { def: FieldDef };
  if (def.type === 'string') return true;
  const below = def.options ?? [def.innerType ?? def.in].filter((each) => each !== undefined);
  return below.some(takesText);
}

/** What is looked at of any kind of schema. */
interface FieldDef {
  readonly type: string;
  readonly innerType?: z.core.$ZodType;
  readonly in?: z.core.$ZodType;
  readonly options?: z.core.$ZodType[];
}
