import type { Agent, Market, Reply } from './market.ts';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into replies of every shape
export type Json = any;

/** A version of A2A, as its header says it. `none`: no header. */
export type Version = '1.0' | '0.3' | 'none';

interface RpcAnswer extends Reply {
  /** The fields of the result. */
  readonly result: Json;
  readonly error: Json;
  /** The events, if the answer is a stream. */
  readonly events: Json[];
}

/** Sends requests of A2A with the key of an agent. */
export class A2aClient {
  readonly #market: Market;
  readonly #agent: Agent;
  readonly #version: Version;
  #count = 0;

  constructor(market: Market, agent: Agent, version: Version = '1.0') {
    this.#market = market;
    this.#agent = agent;
    this.#version = version;
  }

  get headers(): Record<string, string> {
    return {
      ...{ authorization: `Bearer ${this.#agent.key}`, 'content-type': 'application/json' },
      ...(this.#version === 'none' ? {} : { 'a2a-version': this.#version }),
    };
  }

  async rpc(method: string, params: object, headers: Record<string, string> = {}): Promise<RpcAnswer> {
    const reply = await this.#market.request({
      ...{ method: 'POST', url: '/a2a' },
      headers: { ...this.headers, ...headers },
      payload: JSON.stringify({ jsonrpc: '2.0', id: ++this.#count, method, params }),
    });
    const events = eventsIn(reply);
    const body = reply.text.startsWith('{') ? JSON.parse(reply.text) : {};
    return { ...reply, body, events, result: body.result, error: body.error };
  }

  /** A message, in the words of this version. A text is its only part. */
  message(parts: string | object[], more: object = {}): object {
    const is03 = this.#version !== '1.0';
    const text = (value: string) => (is03 ? { kind: 'text', text: value } : { text: value });
    return {
      ...(is03 ? { kind: 'message' } : {}),
      ...{ messageId: `m-${crypto.randomUUID()}`, role: is03 ? 'user' : 'ROLE_USER' },
      parts: typeof parts === 'string' ? [text(parts)] : parts,
      ...more,
    };
  }

  /** Sends a message and does not wait for its result. */
  async send(parts: string | object[], more: object = {}, params: object = {}): Promise<RpcAnswer> {
    const is03 = this.#version !== '1.0';
    const configuration = is03 ? { blocking: false } : { returnImmediately: true };
    return this.rpc(is03 ? 'message/send' : 'SendMessage', {
      message: this.message(parts, more),
      configuration,
      ...params,
    });
  }

  /** The same, and answers with the task. */
  async task(parts: string | object[], more: object = {}): Promise<Json> {
    const { result, text } = await this.send(parts, more);
    const task = this.#version === '1.0' ? result?.task : result;
    if (task === undefined) throw new Error(`No task: ${text}`);
    return task;
  }

  async get(id: string): Promise<Json> {
    return (await this.rpc(this.#version === '1.0' ? 'GetTask' : 'tasks/get', { id })).result;
  }
}

/** The data of the events in a stream. */
const eventsIn = ({ headers, text }: Reply): Json[] =>
  String(headers['content-type']).startsWith('text/event-stream')
    ? [...text.matchAll(/^data: (.*)$/gm)].map(([, data]) => JSON.parse(data ?? ''))
    : [];
