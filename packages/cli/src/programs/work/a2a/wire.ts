import type { AgentInterface } from './card.ts';
import { fieldsOf, listOf, textOf } from './json.ts';

/** What the bindings and versions of A2A call the same things. */

/** A request of HTTP. */
export interface HttpCall {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export type Operation =
  | { readonly type: 'send'; readonly messageId: string; readonly text: string; readonly metadata: object }
  | { readonly type: 'get' | 'cancel'; readonly taskId: string };

const methods = {
  '1.0': { send: 'SendMessage', get: 'GetTask', cancel: 'CancelTask' },
  '0.3': { send: 'message/send', get: 'tasks/get', cancel: 'tasks/cancel' },
} as const;

/** The request for an operation. A send does not wait for the result. */
export function callOf({ url, binding, version }: AgentInterface, operation: Operation): HttpCall {
  const headers = { 'content-type': 'application/json', 'a2a-version': version };
  if (binding === 'JSONRPC') {
    const params = operation.type === 'send' ? sendParams(operation, version, 'JSONRPC') : { id: operation.taskId };
    const body = { jsonrpc: '2.0', id: 1, method: methods[version][operation.type], params };
    return { method: 'POST', url, headers, body: JSON.stringify(body) };
  }
  const base = `${url.replace(/\/+$/, '')}${version === '0.3' && !/\/v1\/*$/.test(url) ? '/v1' : ''}`;
  if (operation.type === 'send') {
    const body = JSON.stringify(sendParams(operation, version, 'HTTP+JSON'));
    return { method: 'POST', url: `${base}/message:send`, headers, body };
  }
  const task = `${base}/tasks/${encodeURIComponent(operation.taskId)}`;
  return operation.type === 'get'
    ? { method: 'GET', url: task, headers }
    : { method: 'POST', url: `${task}:cancel`, headers, body: '{}' };
}

function sendParams(
  { messageId, text, metadata }: Operation & { type: 'send' },
  version: AgentInterface['version'],
  binding: AgentInterface['binding'],
): object {
  if (version === '1.0') {
    const message = { messageId, role: 'ROLE_USER', parts: [{ text }], metadata };
    return { message, configuration: { returnImmediately: true } };
  }
  if (binding === 'HTTP+JSON') {
    const message = { messageId, role: 'ROLE_USER', content: [{ text }], metadata };
    return { message, configuration: { blocking: false } };
  }
  const message = { kind: 'message', messageId, role: 'user', parts: [{ kind: 'text', text }], metadata };
  return { message, configuration: { blocking: false } };
}

/** What an agent answers to a message, or says of its task. */
export type Told =
  | { readonly type: 'message'; readonly text: string }
  | {
      readonly type: 'task';
      readonly id: string;
      /** In lower case with hyphens, as 0.3 writes it. */
      readonly state: string;
      /** What the agent says of its state. */
      readonly note: string;
      /** The result; undefined: it is, or has, something that is no text. */
      readonly result: string | undefined;
    };

/** Reads an answer to a send, or a task. Undefined: it is neither. */
export function told(answer: unknown): Told | undefined {
  const fields = fieldsOf(answer);
  const message = fields.kind === 'message' ? fields : fieldsOf(fields.message);
  if (Object.keys(message).length > 0 && fields.status === undefined) {
    const text = partsText(message.parts ?? message.content);
    return text === undefined ? undefined : { type: 'message', text };
  }
  const task = fields.status === undefined ? fieldsOf(fields.task) : fields;
  const status = fieldsOf(task.status);
  const id = textOf(task.id);
  const state = textOf(status.state)
    .replace(/^TASK_STATE_/, '')
    .toLowerCase()
    .replaceAll('_', '-')
    .replace(/^cancelled$/, 'canceled');
  if (id === '' || state === '') return undefined;
  const said = fieldsOf(status.message ?? status.update);
  const note = partsText(said.parts ?? said.content) ?? '';
  const artifacts = listOf(task.artifacts).map((artifact) => partsText(fieldsOf(artifact).parts));
  const result = artifacts.includes(undefined)
    ? undefined
    : artifacts.filter((text) => text !== '').join('\n\n') || note;
  return { type: 'task', id, state, note, result };
}

/** The text of parts: texts as they are, data as JSON, files as their addresses. Undefined: one of them has bytes. */
function partsText(parts: unknown): string | undefined {
  const texts = listOf(parts).map((part) => {
    const { text, data, url, raw, file } = fieldsOf(part);
    const { uri, fileWithUri, bytes, fileWithBytes } = fieldsOf(file);
    if (typeof text === 'string') return text;
    if (data !== undefined) return JSON.stringify(data, undefined, 2);
    if (raw !== undefined || bytes !== undefined || fileWithBytes !== undefined) return undefined;
    return textOf(url) || textOf(uri) || textOf(fileWithUri);
  });
  return texts.includes(undefined) ? undefined : texts.filter((text) => text !== '').join('\n\n');
}
