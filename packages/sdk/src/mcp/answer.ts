import type { CallToolResult } from '@modelcontextprotocol/server';
import { endpointRows, type EndpointName, shownPath } from '../endpoints/index.ts';
import { pieceOfJson } from './json.ts';
import { badArguments, type Refusal } from './market.ts';
import type { Arguments, Tool } from './tool.ts';
import { tools } from './tools.ts';

/** The most characters in an answer: some clients refuse more than 25,000 tokens. */
export const mostCharacters = 40_000;

type Fields = Readonly<Record<string, unknown>>;

/** The same object as text and as data, because some clients show a model only one of the two. */
function whole(reply: Fields): CallToolResult {
  return { content: [{ type: 'text', text: JSON.stringify(reply) }], structuredContent: reply };
}

/**
 * The result of a tool. A long reply to a read is answered in parts. A long reply to a change cannot be asked for again,
 * so its long texts are cut, and a link leads to the whole task.
 */
export function resultOf(tool: Tool, given: Arguments, reply: object): CallToolResult {
  // Replies are plain objects.
  const fields = reply as Fields;
  const offset = tool.isRead ? offsetOf(given) : 0;
  const { piece, length } = pieceOfJson(fields, offset, mostCharacters);
  if (offset === 0 && length <= mostCharacters) {
    return { content: [{ type: 'text', text: piece }], structuredContent: fields };
  }
  return linked(tool.isRead ? part(piece, offset, length) : whole(excerpt(fields)), fields);
}

/** @throws Refusal */
function offsetOf({ offset }: Arguments): number {
  if (offset === undefined || offset === null) return 0;
  const number = typeof offset === 'string' ? Number(offset) : offset;
  if (typeof number === 'number' && Number.isSafeInteger(number) && number >= 0) return number;
  throw badArguments('offset: must be a whole number from 0', 'Give the next_offset of the answer before, or none.');
}

/** A part of the JSON of a reply, short enough also when it is written as JSON text again. */
function part(text: string, offset: number, length: number): CallToolResult {
  let most = mostCharacters - frameCharacters;
  let piece = pieceOf(text, most);
  while (JSON.stringify(piece).length > mostCharacters - frameCharacters) {
    most = Math.floor((most * (mostCharacters - frameCharacters)) / JSON.stringify(piece).length) - 1;
    piece = pieceOf(text, most);
  }
  const end = offset + piece.length;
  return whole({ part: piece, offset, next_offset: end < length ? end : null, length });
}

/** What stands around a part. */
const frameCharacters = 200;

/** The beginning of a text, which ends between two characters. */
function pieceOf(text: string, length: number): string {
  const piece = text.slice(0, length);
  return piece.length === length && !piece.isWellFormed() && length > 1 ? piece.slice(0, -1) : piece;
}

/** Cuts the longest texts of a reply until it is short enough. */
function excerpt(fields: Fields): Fields {
  let most = mostCharacters;
  let cut: Fields;
  do {
    most = Math.floor(most / 2);
    cut = cutTexts(fields, most) as Fields;
  } while (pieceOfJson(cut, 0, 0).length > mostCharacters - frameCharacters && most > 1);
  return {
    ...cut,
    truncated: true,
    next_step: 'Long texts are cut. pinchwork_task_detail reads the whole task, in parts.',
  };
}

/** A copy of a value whose texts are no longer than this. */
function cutTexts(value: unknown, most: number): unknown {
  if (typeof value === 'string') return value.length > most ? pieceOf(value, most) : value;
  if (Array.isArray(value)) return value.map((item) => cutTexts(item, most));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, cutTexts(field, most)]));
}

/** Adds a link to the whole task. */
function linked(result: CallToolResult, { task_id }: Fields): CallToolResult {
  if (typeof task_id !== 'string') return result;
  const link = {
    type: 'resource_link' as const,
    uri: `task://${task_id}`,
    name: task_id,
    mimeType: 'application/json',
  };
  return { ...result, content: [...result.content, link] };
}

/** A refusal as a text that a model can act on, and nothing else: some clients lose the text of an error with data. */
export function refusalOf({ reply, retryAfter }: Refusal): CallToolResult {
  const { error, code, hint, reason, problems = [], request_id } = reply;
  const lines = [
    `${error}${/[.!?]$/.test(error) ? '' : '.'}`,
    ...problems.map((problem) => `- ${typeof problem === 'string' ? problem : JSON.stringify(problem)}`),
    ...(hint === undefined ? [] : [withTools(hint)]),
    ...(retryAfter === undefined ? [] : [`Try again in ${retryAfter} s.`]),
    `(code: ${code}${reason === undefined ? '' : `, reason: ${reason}`}${request_id === undefined ? '' : `, request: ${request_id}`})`,
  ];
  return { content: [{ type: 'text', text: lines.join('\n') }], isError: true };
}

const toolOf = new Map<EndpointName, string>(
  tools.flatMap(({ name, rows }) => rows.map((row): [EndpointName, string] => [row, name])),
);

/** The endpoints that tools call, each with the pattern of its line in a hint. */
const lines = endpointRows
  .filter(({ name }) => toolOf.has(name))
  .map(({ name, method, path }) => ({
    tool: toolOf.get(name) ?? '',
    // The longest first, so that no path is taken for the beginning of another one.
    length: path.length,
    pattern: new RegExp(
      `\\b${method} ${shownPath(path).replace(/\{\w+\}/g, '(?:\\{\\w+\\}|[a-z]+-\\w+)')}(?![\\w/{-])(?:\\?[\\w=&{}]*)?`,
      'g',
    ),
  }))
  .sort((a, b) => b.length - a.length);

/** A hint of the API in terms of the tools: `POST /v1/tasks/tk-1/deliver` becomes `pinchwork_deliver`. */
export const withTools = (hint: string): string =>
  lines.reduce((text, { pattern, tool }) => text.replace(pattern, tool), hint);
