import { limits } from '@pinchwork/sdk';
import { isAlias, isMap, isScalar, isSeq, Lexer, type Node, parseDocument, visit, type YAMLError } from 'yaml';
import { invalid } from '../../ground/errors.ts';
import { type Fields, notAnObject, noProto, oneLine } from './fields.ts';

/**
 * YAML front matter of a request (contract section 1): core schema, a plain mapping, no aliases to blow up, no tags.
 *
 * A front matter of so many tokens is no request. Counting them first, at 100 ns each, spares the parser, which takes
 * minutes for a megabyte of short keys.
 */
const mostTokens = 5_000;

/** A first line `---`, YAML, a line `---`, and text below. A byte order mark before it all does not count. */
const pattern = /^\ufeff?---[ \t]*\r?\n(?:([\s\S]*?)\r?\n)??---[ \t]*(?:\r?\n|$)/;

/** Cuts a text into the YAML of its front matter and what stands below; undefined when it has no front matter. */
export function splitFrontMatter(text: string): { yaml: string; below: string } | undefined {
  const match = pattern.exec(text);
  return match === null ? undefined : { yaml: match[1] ?? '', below: text.slice(match[0].length) };
}

/**
 * Reads the fields of a front matter.
 *
 * @param isText whether the field of this name holds text: there a scalar counts as it is written (`need: 1.0`).
 * @throws DomainError `invalid_request` that says what is wrong.
 */
export function readFrontMatter(yaml: string, isText: (name: string) => boolean): Fields {
  if (Buffer.byteLength(yaml) > limits.frontMatterBytes) {
    throw invalid(`The front matter is longer than ${limits.frontMatterBytes} bytes`, 'Put the long text below it.');
  }
  let tokens = 0;
  for (const _ of new Lexer().lex(yaml)) {
    if (++tokens > mostTokens) throw invalid('The front matter has too many parts', 'Leave only the fields in it.');
  }
  const contents = parse(yaml);
  if (contents === null) return {};
  if (!isMap(contents)) throw notAnObject('The front matter');
  const fields: Fields = {};
  for (const { key, value } of contents.items) {
    // A name that is no scalar is none of ours.
    if (!isScalar(key)) continue;
    const name = String(key.value);
    if (name === '__proto__') throw noProto();
    fields[name] = toValue(value as Node | null, isText(name));
  }
  return fields;
}

function parse(yaml: string): Node | null {
  const document = parseDocument(yaml, { schema: 'core', version: '1.2', logLevel: 'error' });
  refuse(document.errors[0]);
  visit(document, {
    Node: (_key, node) => {
      if (isAlias(node)) throw invalid('The front matter must not contain YAML aliases');
      if (node.tag !== undefined) throw invalid('The front matter must not contain YAML tags');
    },
  });
  refuse(document.warnings[0]);
  return document.contents;
}

function refuse(problem: YAMLError | undefined): void {
  if (problem === undefined) return;
  if (problem.code === 'RESOURCE_EXHAUSTION') throw invalid('The front matter is nested too deeply');
  if (problem.code === 'MULTIPLE_DOCS') throw invalid('The front matter must be a single YAML document');
  // Below the first line stands an excerpt of the source.
  const message = problem.message.split('\n', 1)[0]!.replace(/:$/, '');
  throw invalid(`The front matter is not valid YAML: ${oneLine(message)}`);
}

function toValue(node: Node | null, asText: boolean): unknown {
  if (isScalar(node)) {
    const isWord = asText && node.value !== null && typeof node.value !== 'string';
    return isWord ? (node.source ?? String(node.value)) : node.value;
  }
  if (isSeq(node)) return node.items.map((item) => toValue(item as Node | null, true));
  // No field of the contract is a mapping: whatever is in it, it has the wrong type, or nobody asked for it.
  return node === null ? null : {};
}
