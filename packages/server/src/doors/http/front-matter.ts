import { limits } from '@pinchwork/sdk/table';
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type Node,
  type YAMLMap,
  parseDocument,
  visit,
  type YAMLError,
} from 'yaml';
import { invalid } from '../../ground/errors.ts';
import { at } from '../../ground/present.ts';
import { type Fields, notAnObject, noProto, oneLine } from './fields.ts';

/**
 * YAML in requests (contract section 1): the core schema, a plain mapping, no aliases (they can expand without bound),
 * no tags.
 *
 * A mapping with more tokens or lines than these limits is refused. They are counted first, at 100 ns each, because the
 * parser takes minutes for a megabyte of short keys. For a text of many lines it takes up to 90 ns a byte, so the length
 * is bounded too: 512 KiB take at most 45 ms.
 */
const mostTokens = 5_000;
const mostLines = 60_000;

/** The front matter of a Markdown body. */
interface Head {
  /** The text between the first and the second line `---`, or all that follows when there is no second. */
  readonly yaml: string;
  /** The text below. Undefined: the front matter is not closed. */
  readonly below: string | undefined;
}

const mark = '---';
const blank = /^[ \t]*\r?$/;

/** Splits a text whose first line is `---`. Undefined for any other text. A byte order mark at the start is ignored. */
export function splitFrontMatter(text: string): Head | undefined {
  const from = text.startsWith('\ufeff') ? 1 : 0;
  const firstEnd = text.indexOf('\n', from);
  if (!text.startsWith(mark, from) || firstEnd < 0) return undefined;
  if (!blank.test(text.slice(from + mark.length, firstEnd))) return undefined;
  const start = firstEnd + 1;
  // Longer front matter is refused anyway. The mark is searched for, and not a line end before it: a search of line ends
  // takes 10 ms for a megabyte of them.
  const searched = text.slice(0, start + 2 * limits.frontMatterBytes);
  let at = searched.indexOf(mark, start);
  for (let looks = 0; at >= 0 && looks < mostLines; looks++) {
    const end = searched.indexOf('\n', at);
    const isLine = searched[at - 1] === '\n';
    if (isLine && blank.test(text.slice(at + mark.length, end < 0 ? text.length : end))) {
      return { yaml: text.slice(start, Math.max(start, at - 1)), below: end < 0 ? '' : text.slice(end + 1) };
    }
    at = end < 0 ? -1 : searched.indexOf(mark, end);
  }
  return { yaml: text.slice(start), below: undefined };
}

/**
 * The names at the start of the lines of a block, up to the first line that is not YAML. It is fast, and also works for
 * a block that is not valid.
 */
export function namesInBlock(yaml: string): string[] {
  const names: string[] = [];
  let at = 0;
  for (let lines = 0; at < yaml.length && lines < mostNamedLines; lines++) {
    const end = yaml.indexOf('\n', at);
    const line = yaml.slice(at, end < 0 ? yaml.length : end).slice(0, longestStart);
    const name = /^["']?([A-Za-z_][\w-]*)["']?[ \t]*:(?=[ \t\r]|$)/.exec(line)?.[1];
    if (name !== undefined) names.push(name);
    else if (!/^(?:[\s#\-}\]]|$)/.test(line)) break;
    if (end < 0) break;
    at = end + 1;
  }
  return names;
}

const longestStart = 100;
const mostNamedLines = 1_000;

/**
 * Reads the fields of a YAML mapping.
 *
 * @param what the word for the mapping in messages.
 * @param isText whether the named field holds text. Then a scalar is taken literally (`need: 1.0`).
 * @throws DomainError `invalid_request` that says what is wrong.
 */
export function readYaml(yaml: string, what: string, isText: (name: string) => boolean): Fields {
  bound(yaml, what);
  const contents = parse(yaml, what);
  if (contents === null) return {};
  if (!isMap(contents)) throw notAnObject(what);
  // In a list of a field, such as its tags, each item is a text.
  return fieldsOf(contents, (name, value) => toValue(value, isText(name), true));
}

/** The fields of a mapping. A parsed document holds nodes only. */
function fieldsOf(mapping: YAMLMap, valueOf: (name: string, value: Node | null) => unknown): Fields {
  const fields: Fields = {};
  for (const { key, value } of mapping.items) {
    // A key that is not a scalar is not a field name.
    if (!isScalar(key)) continue;
    const name = String(key.value);
    if (name === '__proto__') throw noProto();
    fields[name] = valueOf(name, value as Node | null);
  }
  return fields;
}

function bound(yaml: string, what: string): void {
  if (Buffer.byteLength(yaml) > limits.frontMatterBytes) {
    throw invalid(
      `${what} is longer than ${limits.frontMatterBytes} bytes`,
      'Put the long text below the front matter.',
    );
  }
  let lines = 0;
  for (let at = yaml.indexOf('\n'); at >= 0; at = yaml.indexOf('\n', at + 1)) {
    if (++lines > mostLines)
      throw invalid(`${what} has more than ${mostLines} lines`, 'Put the long text below the front matter.');
  }
  let tokens = 0;
  for (const _ of new Lexer().lex(yaml)) {
    if (++tokens > mostTokens) throw invalid(`${what} has too many parts`, 'Leave only the fields in it.');
  }
}

function parse(yaml: string, what: string): Node | null {
  const document = parseDocument(yaml, { schema: 'core', version: '1.2', logLevel: 'error' });
  refuse(document.errors[0], what);
  visit(document, {
    Node: (_key, node) => {
      if (isAlias(node)) throw invalid(`${what} must not contain YAML aliases`);
      if (node.tag !== undefined) throw invalid(`${what} must not contain YAML tags`);
    },
  });
  refuse(document.warnings[0], what);
  return document.contents;
}

function refuse(problem: YAMLError | undefined, what: string): void {
  if (problem === undefined) return;
  if (problem.code === 'RESOURCE_EXHAUSTION') throw invalid(`${what} is nested too deeply`);
  if (problem.code === 'MULTIPLE_DOCS') throw invalid(`${what} must be a single YAML document`);
  // The lines below the first one quote the source.
  const message = at(problem.message.split('\n', 1), 0).replace(/:$/, '');
  throw invalid(`${what} is not valid YAML: ${oneLine(message)}`);
}

/** @param itemsAsText whether the items of a list are taken as text. Inside of a mapping everything is what YAML says. */
function toValue(node: Node | null, asText: boolean, itemsAsText: boolean): unknown {
  if (isScalar(node)) {
    const isWord = asText && node.value !== null && typeof node.value !== 'string';
    return isWord ? (node.source ?? String(node.value)) : node.value;
  }
  if (isSeq(node)) return node.items.map((item) => toValue(item as Node | null, itemsAsText, itemsAsText));
  if (isMap(node)) return fieldsOf(node, (_, value) => toValue(value, false, false));
  return null;
}
