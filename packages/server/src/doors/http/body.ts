import type { Endpoint } from '@pinchwork/sdk';
import type { z } from 'zod';
import { invalid } from '../../ground/errors.ts';
import { type Fields, notAnObject, noProto, oneLine } from './fields.ts';
import { readFrontMatter, splitFrontMatter } from './front-matter.ts';
import { mediaType } from './media-type.ts';

/** Request bodies: JSON, or Markdown with YAML front matter (contract section 1); and query strings. */

const noBytes = new Uint8Array();

/**
 * Reads and checks the body of a request.
 *
 * @param body the bytes as they came; anything else counts as empty.
 * @returns what the endpoint's schema makes of it.
 * @throws DomainError `invalid_request` that says what is wrong.
 */
export function readBody<S extends z.ZodObject>(
  schema: S,
  mainField: Endpoint['mainField'],
  contentType: string | undefined,
  body: unknown,
): z.output<S> {
  const text = decode(body instanceof Uint8Array ? body : noBytes);
  return check(schema, readFields(schema, mainField, mediaType(contentType), text), mainField);
}

/** Checks a query string's parameters; each may be given once. */
export function readQuery<S extends z.ZodObject>(schema: S, query: unknown): z.output<S> {
  for (const [name, value] of Object.entries(query as object)) {
    if (Array.isArray(value) && Object.hasOwn(schema.shape, name)) throw invalid(`${name}: is given more than once`);
  }
  return check(schema, query);
}

function check<S extends z.ZodType>(schema: S, input: unknown, mainField?: Endpoint['mainField']): z.output<S> {
  const { data, error } = schema.safeParse(input);
  if (error === undefined) return data;
  // A number that is neither whole nor in range says so twice.
  const sentences = new Set(error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
  // JSON that is meant to be the text itself, such as a result, was read as fields.
  const lacksText = error.issues.some(({ path: [field] }) => field === mainField) && isOtherFields(input, mainField);
  throw invalid([...sentences].slice(0, 5).join('; '), lacksText ? textHint(mainField!) : undefined);
}

const isOtherFields = (input: unknown, mainField: Endpoint['mainField']) =>
  mainField !== undefined && Object.keys(input as Fields).length > 0 && !Object.hasOwn(input as Fields, mainField);

const textHint = (mainField: string) =>
  `Put the text into the field "${mainField}"; or, if all of the body is that text, send it as text/markdown.`;

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

function readFields(schema: z.ZodObject, mainField: Endpoint['mainField'], type: string, text: string): Fields {
  if (text.trim() === '') return {};
  const looksLikeJson = type !== 'text/markdown' && text.trimStart().startsWith('{');
  if (type === 'application/json' || looksLikeJson) {
    const { value, problem } = parseJson(text);
    if (problem === undefined) return asFields(value);
    if (type !== 'text/plain') throw invalid(`The body is not valid JSON: ${problem}`);
  }
  return readMarkdown(schema, mainField, text);
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

function readMarkdown(schema: z.ZodObject, mainField: Endpoint['mainField'], text: string): Fields {
  const document = splitFrontMatter(text);
  if (document === undefined) return mainField === undefined ? {} : { [mainField]: text };
  const { yaml, below } = document;
  const shape: Readonly<Record<string, z.core.$ZodType>> = schema.shape;
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
