import { type Endpoint, limits } from '@pinchwork/sdk';
import { isAlias, isMap, isScalar, isSeq, Lexer, type Node, parseDocument } from 'yaml';
import type { z } from 'zod';
import { type DomainError, invalid } from '../errors.ts';

/**
 * Request bodies: JSON, or Markdown with YAML front matter (contract section 1).
 *
 * A front matter of so many tokens is no request. Counting them first, at 100 ns each, spares the parser, which takes
 * minutes for a megabyte of short keys.
 */
const mostTokens = 5_000;

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
  return check(schema, readFields(schema, mainField, mediaType(contentType), text));
}

/** Checks a query string's parameters; each may be given once. */
export function readQuery<S extends z.ZodObject>(schema: S, query: unknown): z.output<S> {
  for (const [name, value] of Object.entries(query as object)) {
    if (Array.isArray(value) && name in schema.shape) throw invalid(`${name}: is given more than once`);
  }
  return check(schema, query);
}

function check<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  const { data, error } = schema.safeParse(input);
  if (error === undefined) return data;
  throw invalid(error.issues.slice(0, 5).map(sentence).join('; '));
}

const sentence = (issue: z.core.$ZodIssue) => `${issue.path.join('.')}: ${issue.message}`;

function decode(bytes: Uint8Array): string {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw invalid('The body is not valid UTF-8');
  }
  if (text.includes('\0')) throw invalid('The body must not contain NUL characters');
  return text;
}

const mediaType = (contentType: string | undefined) => (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase();

type Fields = Record<string, unknown>;

function readFields(schema: z.ZodObject, mainField: Endpoint['mainField'], type: string, text: string): Fields {
  if (text.trim() === '') return {};
  if (type === 'application/json') return readJson(text);
  if (type !== 'text/markdown' && text.trimStart().startsWith('{')) {
    try {
      return readJson(text);
    } catch (error) {
      if (type !== 'text/plain') throw error;
    }
  }
  return readMarkdown(schema, mainField, text);
}

function readJson(text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(`The body is not valid JSON: ${(error as Error).message}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw notAnObject('The body');
  if (Object.hasOwn(value, '__proto__')) throw noProto();
  return value as Fields;
}

const notAnObject = (what: string): DomainError => invalid(`${what} must be an object with named fields`);
const noProto = () => invalid('The field name "__proto__" is not allowed');

/** A first line `---`, YAML, a line `---`, and text below. */
const frontMatter = /^---[ \t]*\r?\n(?:([\s\S]*?)\r?\n)??---[ \t]*(?:\r?\n|$)/;

function readMarkdown(schema: z.ZodObject, mainField: Endpoint['mainField'], text: string): Fields {
  const match = frontMatter.exec(text);
  if (match === null) return mainField === undefined ? {} : { [mainField]: text };
  const fields = readYaml(schema, match[1] ?? '');
  const below = text.slice(match[0].length);
  return mainField === undefined || below.trim() === '' ? fields : { ...fields, [mainField]: below };
}

function readYaml(schema: z.ZodObject, source: string): Fields {
  if (Buffer.byteLength(source) > limits.frontMatterBytes) {
    throw invalid(`The front matter is longer than ${limits.frontMatterBytes} bytes`, 'Put the long text below it.');
  }
  let tokens = 0;
  for (const _ of new Lexer().lex(source)) {
    if (++tokens > mostTokens) throw invalid('The front matter has too many parts', 'Leave only the fields in it.');
  }
  const document = parseYaml(source);
  if (document.contents === null) return {};
  if (!isMap(document.contents)) throw notAnObject('The front matter');
  const fields: Fields = {};
  for (const { key, value } of document.contents.items) {
    const name = isScalar(key) ? String(key.value) : '';
    if (name === '__proto__') throw noProto();
    fields[name] = toValue(value as Node | null, isText(schema.shape[name]));
  }
  return fields;
}

function parseYaml(source: string) {
  let document;
  try {
    document = parseDocument(source, { schema: 'core', version: '1.2', uniqueKeys: true, logLevel: 'silent' });
  } catch {
    // Nesting so deep that the parser ran out of stack.
    throw invalid('The front matter is not valid YAML: it is nested too deeply');
  }
  const problem = document.errors[0] ?? document.warnings[0];
  if (problem !== undefined) {
    throw invalid(`The front matter is not valid YAML: ${problem.message.split('\n', 1)[0]!.replace(/:$/, '')}`);
  }
  return document;
}

/** A node's value. In a text field a scalar counts as it is written: `need: 123`, `name: 1.0`. */
function toValue(node: Node | null, asText: boolean): unknown {
  if (node === null) return null;
  if (isAlias(node)) throw invalid('The front matter must not contain YAML aliases');
  if (isScalar(node)) {
    if (node.tag !== undefined && !node.tag.startsWith('tag:yaml.org,2002:')) throw invalid('YAML tags are not allowed');
    return asText && node.value !== null && typeof node.value !== 'string' ? (node.source ?? String(node.value)) : node.value;
  }
  if (isSeq(node)) return node.items.map((item) => toValue(item as Node | null, true));
  // No field of the contract is a mapping: whatever is in it, it has the wrong type, or nobody asked for it.
  return {};
}

/** Whether a field of a schema holds text, below whatever makes it optional. */
function isText(field: unknown): boolean {
  let schema = field as z.core.$ZodType | undefined;
  while (schema !== undefined) {
    const { def } = schema._zod as { def: { type: string; innerType?: z.core.$ZodType; in?: z.core.$ZodType } };
    if (def.type === 'string') return true;
    schema = def.innerType ?? def.in;
  }
  return false;
}
