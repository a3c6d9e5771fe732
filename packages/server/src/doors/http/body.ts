import { type Endpoint, isSystemAnswer } from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { DomainError, invalid } from '../../ground/errors.ts';
import { present } from '../../ground/present.ts';
import { InvalidFields } from '../input.ts';
import { isOtherWordFor, meantBy } from '../names.ts';
import { type Fields, notAnObject } from './fields.ts';
import { readForm } from './form.ts';
import { namesInBlock, readYaml, splitFrontMatter } from './front-matter.ts';
import { fencedJson, readJson } from './json.ts';
import { kindOf, mediaType } from './media-type.ts';

/** The parts of an endpoint's row that reading a body needs. */
export type BodyRow = Pick<Endpoint, 'mainField' | 'numberField' | 'isDelivery' | 'aliases' | 'misplaced'> & {
  readonly body: z.ZodObject;
};

/** The contents of a body, before the endpoint's schema checks them. */
export interface Body {
  readonly fields: Fields;
  /** The whole body became the main field although it is JSON, because it can be an answer to a system task. */
  readonly isBareAnswer: boolean;
}

const noBytes = new Uint8Array();

/**
 * Reads the fields of a request's body: JSON, YAML, a form, or Markdown with front matter (contract section 1).
 *
 * @param bytes the raw body. Anything else counts as empty.
 * @throws DomainError `invalid_request` that says what is wrong.
 */
export function readBody(row: BodyRow, contentType: string | undefined, bytes: unknown): Body {
  const text = decode(bytes instanceof Uint8Array ? bytes : noBytes);
  const kind = kindOf(mediaType(contentType));
  const json = text.trim() === '' ? undefined : jsonIn(row, text, kind);
  if (json !== undefined && row.isDelivery && !namesField(row, json) && isSystemAnswer(json)) {
    return { fields: { [present(row.mainField, 'The main field of a delivery')]: text }, isBareAnswer: true };
  }
  return { fields: json ?? readText(row, text, kind), isBareAnswer: false };
}

/** A byte order mark is kept, because in a plain text it is part of the text. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A body as text. @throws DomainError `invalid_request` for what is no text. */
export function decode(bytes: Uint8Array): string {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) {
    throw invalid('The body is compressed (gzip)', 'Send the body as it is, without compression.');
  }
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw invalid('The body is not valid UTF-8', 'Send text in UTF-8; a file of another kind must be encoded as text.');
  }
  if (text.includes('\0')) throw invalid('The body must not contain NUL characters');
  return text;
}

/** The fields of a body that is, or should be, a JSON object. Undefined for any other body. */
function jsonIn(row: BodyRow, text: string, kind: ReturnType<typeof kindOf>): Fields | undefined {
  if (kind === 'yaml' || kind === 'markdown' || numberIn(row, text) !== undefined) return undefined;
  const fenced = kind === 'plain' ? undefined : fencedJson(text);
  if (fenced !== undefined) {
    const { fields } = readJson(fenced);
    if (fields !== undefined && (namesField(row, fields) || kind === 'json')) return fields;
  }
  if (kind !== 'json' && !text.trimStart().startsWith('{')) return undefined;
  const { fields, problem } = readJson(text);
  if (fields !== undefined || kind === 'plain') return fields;
  throw invalid(
    `The body is not valid JSON: ${present(problem, 'The problem')}`,
    'Send valid JSON; or, if the body is text, send it as Content-Type: text/markdown.',
  );
}

const namesField = ({ body }: BodyRow, fields: Fields) =>
  Object.keys(fields).some((name) => Object.hasOwn(body.shape, name));

function readText(row: BodyRow, text: string, kind: ReturnType<typeof kindOf>): Fields {
  const number = numberIn(row, text);
  if (number !== undefined) return number;
  if (text.trim() === '') return {};
  if (kind === 'yaml') return readYaml(text, 'The body', (name) => holdsText(row, name));
  const form = kind === 'form' ? readForm(text, formNames(row)) : undefined;
  return form ?? readMarkdown(row, text, kind);
}

/** The field of a body that is only a number, where the endpoint has such a field. */
function numberIn({ numberField, body }: BodyRow, text: string): Fields | undefined {
  if (numberField === undefined || text.length > 10 || !/^\s*\d+\s*$/.test(text)) return undefined;
  const shape: Readonly<Record<string, z.ZodType>> = body.shape;
  const field = present(shape[numberField], numberField);
  return field.safeParse(Number(text)).success ? { [numberField]: Number(text) } : undefined;
}

const formNames = (row: BodyRow) => ({
  isField: (name: string) => Object.hasOwn(row.body.shape, name) || Object.hasOwn(row.misplaced, name),
  isText: (name: string) => holdsText(row, name),
});

const keepLines =
  'Front matter is a line ---, the fields, and a line ---. curl -d @file removes line breaks; --data-binary @file keeps them.';

function readMarkdown(row: BodyRow, text: string, kind: ReturnType<typeof kindOf>): Fields {
  const fields = readFrontMatter(row, text);
  if (fields !== undefined) return fields;
  if (row.mainField !== undefined && (row.isDelivery || kind === 'markdown' || kind === 'plain' || !isList(text))) {
    return { [row.mainField]: text };
  }
  if (row.mainField !== undefined) throw invalid(notAnObject('The body').message, textHint(row.mainField));
  const names = Object.keys(row.body.shape);
  throw invalid(
    'The body is a text, and there is no field for one here',
    names.length === 0 ? 'Send no body.' : `Send JSON with these fields, or no body: ${names.join(', ')}.`,
  );
}

/** A longer text that begins with a bracket is Markdown. */
const longestList = 10_000;

/** Whether a text is a JSON list, which is hardly meant as the text of a task or a message. A result may be one. */
function isList(text: string): boolean {
  const list = text.trim();
  if (list.length > longestList || !list.startsWith('[') || !list.endsWith(']')) return false;
  try {
    JSON.parse(list);
    return true;
  } catch {
    return false;
  }
}

/**
 * The fields of a text that begins with front matter. Undefined: it has none, or the front matter is part of the text.
 */
function readFrontMatter(row: BodyRow, text: string): Fields | undefined {
  const head = splitFrontMatter(text);
  if (head === undefined) {
    if (hasLostLines(row, text)) throw invalid('The front matter has no line breaks', keepLines);
    return undefined;
  }
  const { yaml, below } = head;
  const isOurs = (name: string) => namesHere(row, name);
  if (below === undefined) {
    if (namesInBlock(yaml).some(isOurs)) throw invalid('The front matter has no closing line ---', keepLines);
    return undefined;
  }
  let fields: Fields;
  try {
    fields = readYaml(yaml, 'The front matter', (name) => holdsText(row, name));
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    if (namesInBlock(yaml).some(isOurs)) throw invalid(error.message, error.hint ?? keepLines);
    return undefined;
  }
  if (!Object.keys(fields).some(isOurs)) return undefined;
  return row.mainField === undefined || below.trim() === '' ? fields : { ...fields, [row.mainField]: below };
}

/** Whether a name in front matter belongs to the endpoint, so that the front matter is meant for it. */
function namesHere(row: BodyRow, name: string): boolean {
  if (Object.hasOwn(row.body.shape, name) || Object.hasOwn(row.misplaced, name)) return true;
  if (row.isDelivery) return false;
  const meant = meantBy(row, row.body, name);
  // A `title:` may be part of the text's own front matter.
  return meant !== undefined && !(meant === row.mainField && isOtherWordFor(row, name, meant));
}

/** How many characters are searched for front matter on one line. */
const longestLine = 2_000;

/** Whether a text looks like front matter that has lost its line breaks. */
function hasLostLines({ body, misplaced }: BodyRow, text: string): boolean {
  const line = text.trimEnd();
  const [, inside] = /^\ufeff?---[ \t]*(?=["']?[A-Za-z_])(.*)$/.exec(line.slice(0, longestLine)) ?? [];
  if (inside === undefined || line.includes('\n')) return false;
  const end = inside.indexOf('---');
  const names = [...Object.keys(body.shape), ...Object.keys(misplaced)];
  return names.some((name) => inside.startsWith(`${name}:`) || inside.slice(0, Math.max(0, end)).includes(`${name}:`));
}

/**
 * Adds a hint to the error for a missing main field, when JSON that was meant as the text itself, such as a result, was
 * read as fields.
 */
export function withTextHint(error: unknown, mainField: string | undefined, fields: Fields | undefined): unknown {
  if (!(error instanceof InvalidFields) || mainField === undefined || fields === undefined) return error;
  const isMissing = error.fields.includes(mainField) && !Object.hasOwn(fields, mainField);
  if (!isMissing || Object.keys(fields).length === 0) return error;
  return invalid(error.message, textHint(mainField));
}

const textHint = (mainField: string) =>
  `Put the text into the field "${mainField}"; or, if all of the body is that text, send it as text/markdown.`;

/** Whether the field holds text. Then a YAML scalar, or a form value, is taken literally. */
function holdsText({ body }: BodyRow, name: string): boolean {
  const shape: Readonly<Record<string, z.core.$ZodType>> = body.shape;
  return Object.hasOwn(shape, name) && takesText(present(shape[name], name));
}

/** Whether a field's schema accepts text, also inside an optional or a list. */
function takesText(field: z.core.$ZodType): boolean {
  const { def } = field._zod as { def: FieldDef };
  if (def.type === 'string' || def.type === 'enum') return true;
  const below = def.options ?? [def.innerType ?? def.in].filter((each) => each !== undefined);
  return below.some(takesText);
}

/** The parts of a schema that this file reads. */
interface FieldDef {
  readonly type: string;
  readonly innerType?: z.core.$ZodType;
  readonly in?: z.core.$ZodType;
  readonly options?: z.core.$ZodType[];
}
