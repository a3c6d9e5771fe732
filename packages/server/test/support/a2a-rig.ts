import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Json } from './a2a.ts';

/**
 * What the kits of A2A need around a market: they send no key, expect an agent that answers by itself, and steer it by
 * prefixes of the ids of their messages. So a proxy adds the key of a poster and turns the prefix into a tag, and a robot,
 * which is a worker like any other, does what the tag says.
 */

/** What the robot does with a task of a tag. */
interface Play {
  /** Whether the delivery waits for its review, instead of being approved at once. */
  readonly waits?: boolean;
  readonly result: string;
  /** How long the robot works. */
  readonly ms?: number;
}

/**
 * By the prefix of a message's id (the kit's `scenarios/*.feature`). Other tasks stay on the board, where they can be
 * cancelled, until the kit asks for their end.
 */
const plays: readonly (readonly [prefix: string, play: Play])[] = [
  ['tck-input-required', { waits: true, result: 'Which one?' }],
  ['tck-complete-task', { result: 'Hello from TCK' }],
  ['tck-artifact', { result: 'Generated text content' }],
  ['tck-message-response', { result: 'Direct message response' }],
  ['tck-stream-001', { result: 'Stream hello from TCK', ms: 300 }],
  ['tck-stream-003', { result: 'Stream task lifecycle', ms: 300 }],
  ['tck-stream-ordering', { result: 'Ordered output', ms: 300 }],
  ['tck-stream-artifact-chunked', { result: 'chunk-1 chunk-2', ms: 300 }],
  ['tck-stream', { result: 'Streamed text content', ms: 300 }],
  ['test-resubscribe-message-id', { result: 'Still here', ms: 5_000 }],
];

/** The number of the play for a message; -1: none. */
const tagOf = (messageId: string): number => plays.findIndex(([prefix]) => messageId.startsWith(prefix));

/** A body with what the prefix of its message asks for, and the task that is to be finished or claimed first. */
interface Steered {
  readonly body: string;
  readonly finish?: string;
  readonly claim?: string;
}

/**
 * Prefixes of messages about a task that the kit of 0.3 takes to be at work: the robot claims it first, as a message to a
 * task on the board could only answer a question.
 */
const talks = ['continuation-message-id', 'test-history-message-'];

const streams = /Stream|stream/;

/** Any body that is no message stays as it is. @param path where it is sent. */
function steered(text: string, path: string, ids: Map<string, number>): Steered {
  let body: Json;
  try {
    body = JSON.parse(text);
  } catch {
    return { body: text };
  }
  const params = body?.params ?? body;
  const message = params?.message;
  if (typeof message?.messageId !== 'string') return { body: text };
  const { messageId, taskId } = message;
  // The kit repeats the ids of its messages, and means another message each time.
  const count = (ids.get(messageId) ?? 0) + 1;
  ids.set(messageId, count);
  message.messageId = `${messageId}-${count}`;
  if (taskId && messageId.startsWith('tck-complete-task')) {
    message.metadata = { ...message.metadata, decision: 'approve' };
    return { body: JSON.stringify(body), finish: taskId };
  }
  if (taskId && talks.some((prefix) => messageId.startsWith(prefix))) {
    return { body: JSON.stringify(body), claim: taskId };
  }
  const found = tagOf(messageId);
  const tag = found < 0 && streams.test(`${path} ${body.method}`) ? tagOf('tck-stream') : found;
  const isSteered = !taskId && (message.metadata === undefined || typeof message.metadata === 'object');
  if (isSteered && tag >= 0) {
    const approves = plays[tag]?.[1].waits === true ? {} : { autoApprove: true, acceptance: { minLength: 1 } };
    message.metadata = { ...message.metadata, tags: [`play-${tag}`], maxCredits: 1, ...approves };
  } else if (isSteered) {
    message.metadata = { maxCredits: 1, ...message.metadata };
    if (body.method !== 'message/send') params.configuration = { ...params.configuration, returnImmediately: true };
  }
  return { body: JSON.stringify(body) };
}

/** A proxy before a market that adds a key. */
export class KeyProxy {
  readonly #server;
  readonly #market: URL;
  readonly #key: string;
  readonly #robot: Robot;
  readonly #ids = new Map<string, number>();

  constructor(market: string, key: string, robot: Robot) {
    this.#market = new URL(market);
    this.#key = key;
    this.#robot = robot;
    this.#server = createServer((request, response) => void this.#pass(request, response));
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { body, finish, claim } = steered(Buffer.concat(chunks).toString('utf8'), request.url ?? '', this.#ids);
    if (finish !== undefined) await this.#robot.finish(finish);
    if (claim !== undefined) await this.#robot.claim(claim);
    const { 'content-length': _, 'transfer-encoding': __, ...headers } = request.headers;
    const outgoing = httpRequest(
      {
        ...{ hostname: this.#market.hostname, port: this.#market.port, method: request.method, path: request.url },
        headers: {
          ...headers,
          authorization: headers.authorization ?? `Bearer ${this.#key}`,
          ...(body === '' ? {} : { 'content-length': Buffer.byteLength(body) }),
        },
      },
      (incoming) => {
        response.writeHead(incoming.statusCode ?? 502, incoming.headers);
        incoming.pipe(response);
      },
    );
    outgoing.on('error', () => response.destroy());
    response.once('close', () => outgoing.destroy());
    outgoing.end(body);
  }
}

/** A worker that plays the agent of the kit. */
export class Robot {
  readonly #market: string;
  readonly #key: string;
  #isStopped = false;

  constructor(market: string, key: string) {
    this.#market = market;
    this.#key = key;
  }

  /** Works until it is stopped: one loop for each play, so that a slow one delays no other. */
  async run(): Promise<void> {
    await Promise.all(plays.map((_, tag) => this.#loop(tag)));
  }

  stop(): void {
    this.#isStopped = true;
  }

  /** Picks up a task, if it is still on the board. */
  async claim(id: string): Promise<void> {
    await this.#post(`/v1/tasks/${id}/pickup`, {});
  }

  /** Picks up a task that is still on the board, and delivers it. */
  async finish(id: string): Promise<void> {
    await this.claim(id);
    await this.#post(`/v1/tasks/${id}/deliver`, { result: 'Hello from TCK' });
  }

  async #loop(tag: number): Promise<void> {
    const play = plays[tag]![1];
    while (!this.#isStopped) {
      const task = await this.#post(`/v1/tasks/pickup`, { tags: [`play-${tag}`], wait: 2 });
      if (task?.task_id === undefined) continue;
      const work = async () => {
        if (play.ms !== undefined) await new Promise((resolve) => setTimeout(resolve, play.ms));
        await this.#post(`/v1/tasks/${task.task_id}/deliver`, { result: play.result });
      };
      void work();
    }
  }

  async #post(path: string, body: object): Promise<Json> {
    try {
      const reply = await fetch(this.#market + path, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${this.#key}`,
          accept: 'application/json',
          'content-type': 'application/json',
        },
        body: JSON.stringify(body),
      });
      return reply.status === 200 ? await reply.json() : undefined;
    } catch {
      return undefined;
    }
  }
}
