import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AgentCard, type Artifact, Message, Role, SendMessageRequest, Task, TaskState } from '@a2a-js/sdk';
import { LegacyJsonRpcTransportHandler } from '@a2a-js/sdk/compat/v0_3/server';
import {
  AgentEvent,
  type AgentExecutor,
  DefaultRequestHandler,
  InMemoryTaskStore,
  JsonRpcTransportHandler,
  type RequestContext,
  ServerCallContext,
} from '@a2a-js/sdk/server';

/** How an agent speaks A2A. */
export interface Speech {
  readonly binding: 'JSONRPC' | 'HTTP+JSON';
  readonly version: '1.0' | '0.3';
}

type Parts = Artifact['parts'];
const part = (value: string): Parts[number] => ({
  ...{ content: { $case: 'text', value }, metadata: undefined, filename: '', mediaType: 'text/plain' },
});
const artifact = (parts: Parts): Artifact => ({
  ...{ artifactId: 'a', name: '', description: '', metadata: undefined, extensions: [], parts },
});

/** An agent of A2A on the package's own server. What it does is the first word of a message. */
export class A2aAgentServer {
  /** The ids and texts of the messages that came, and the headers of all requests. */
  readonly messages: { readonly id: string; readonly text: string }[] = [];
  readonly headers: IncomingMessage['headers'][] = [];
  readonly canceled: string[] = [];
  /** Requests that are answered with 503 first. */
  failures = 0;
  /** What the card says besides. */
  card: object = {};
  url = '';
  readonly #speech: Speech;
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  readonly #handler: DefaultRequestHandler;
  #release: () => void = () => undefined;
  #released = new Promise<void>((resolve) => (this.#release = resolve));

  constructor(speech: Speech) {
    this.#speech = speech;
    const executor: AgentExecutor = {
      execute: (asked, bus) => this.#execute(asked, (event) => bus.publish(event)).finally(() => bus.finished()),
      cancelTask: async (taskId, bus) => {
        this.canceled.push(taskId);
        const status = { state: TaskState.TASK_STATE_CANCELED, message: undefined, timestamp: undefined };
        const nothing = { contextId: '', history: [], metadata: undefined, artifacts: [] };
        bus.publish(AgentEvent.task({ id: taskId, status, ...nothing }));
        bus.finished();
      },
    };
    const card = AgentCard.fromJSON({ name: 'test', capabilities: {} });
    this.#handler = new DefaultRequestHandler(card, new InMemoryTaskStore(), executor);
  }

  static async open(speech: Speech): Promise<A2aAgentServer> {
    const agent = new A2aAgentServer(speech);
    await new Promise<void>((resolve) => agent.#server.listen(0, '127.0.0.1', resolve));
    agent.url = `http://127.0.0.1:${(agent.#server.address() as AddressInfo).port}`;
    return agent;
  }

  /** Lets what it does slowly end. */
  release(): void {
    this.#release();
  }

  close(): void {
    this.release();
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #execute(
    { taskId, contextId, userMessage }: RequestContext,
    publish: (event: ReturnType<typeof AgentEvent.task>) => void,
  ): Promise<void> {
    const { content } = userMessage.parts[0]!;
    const text = content?.$case === 'text' ? content.value : '';
    this.messages.push({ id: userMessage.messageId, text });
    const [word = '', ...rest] = text.split(' ');
    const said = rest.join(' ');
    const message = (value: string): Message => ({
      ...{ messageId: crypto.randomUUID(), contextId, taskId, role: Role.ROLE_AGENT, parts: [part(value)] },
      ...{ metadata: undefined, extensions: [], referenceTaskIds: [] },
    });
    if (word === 'message') {
      publish(AgentEvent.message({ ...message(said), taskId: '' }));
      return;
    }
    const task = (state: TaskState, artifacts: Artifact[] = [], note = said): Task => ({
      ...{ id: taskId, contextId, history: [], metadata: undefined, artifacts },
      status: { state, message: message(note), timestamp: new Date().toISOString() },
    });
    publish(AgentEvent.task(task(TaskState.TASK_STATE_WORKING)));
    if (word === 'slow') await this.#released;
    const ends: Readonly<Record<string, Task>> = {
      ask: task(TaskState.TASK_STATE_INPUT_REQUIRED),
      auth: task(TaskState.TASK_STATE_AUTH_REQUIRED),
      fail: task(TaskState.TASK_STATE_FAILED),
      reject: task(TaskState.TASK_STATE_REJECTED),
      empty: task(TaskState.TASK_STATE_COMPLETED, [], ''),
      long: task(TaskState.TASK_STATE_COMPLETED, [artifact([part('x'.repeat(500_001))])]),
      bytes: task(TaskState.TASK_STATE_COMPLETED, [
        artifact([{ ...part(''), content: { $case: 'raw', value: Buffer.from('x') } }]),
      ]),
      data: task(TaskState.TASK_STATE_COMPLETED, [
        artifact([part('see'), { ...part(''), content: { $case: 'data', value: { n: 1 } } }]),
      ]),
    };
    publish(AgentEvent.task(ends[word] ?? task(TaskState.TASK_STATE_COMPLETED, [artifact([part(`did ${text}`)])])));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    this.headers.push(request.headers);
    const path = request.url ?? '';
    const reply = (status: number, body: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    if (path === '/.well-known/agent-card.json') return reply(200, this.#ownCard());
    if (path.includes('.well-known')) return reply(404, {});
    if (this.failures-- > 0) return reply(503, {});
    const body = chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString()) as Record<string, object>);
    const context = new ServerCallContext({ requestedVersion: this.#speech.version });
    if (this.#speech.binding === 'JSONRPC') {
      const transport = this.#speech.version === '1.0' ? JsonRpcTransportHandler : LegacyJsonRpcTransportHandler;
      return reply(200, await new transport(this.#handler).handle(body, context));
    }
    try {
      return reply(200, await this.#rest(path, body, context));
    } catch (error) {
      return reply(404, { error: { message: String(error) } });
    }
  }

  async #rest(path: string, body: Readonly<Record<string, object>>, context: ServerCallContext): Promise<unknown> {
    const [, base, id, verb] = /^(.*?)\/(?:tasks\/([^:]+)|message)(?::(\w+))?$/.exec(path) ?? [];
    if (base !== (this.#speech.version === '1.0' ? '/rest' : '/rest/v1')) throw new Error(`No such address: ${path}`);
    if (id !== undefined) {
      const params = { tenant: '', id, historyLength: undefined, metadata: undefined };
      return Task.toJSON(await this.#handler[verb === 'cancel' ? 'cancelTask' : 'getTask'](params, context));
    }
    const { message } = body as { message: { content?: object[]; parts?: object[] } };
    const isOld = this.#speech.version === '0.3';
    const parts = isOld ? message.content : message.parts;
    const configuration = { returnImmediately: true };
    const said = await this.#handler.sendMessage(
      SendMessageRequest.fromJSON({ message: { ...message, parts }, configuration }),
      context,
    );
    return 'messageId' in said ? { message: Message.toJSON(said) } : { task: Task.toJSON(said) };
  }

  #ownCard(): object {
    const { binding, version } = this.#speech;
    const url = binding === 'JSONRPC' ? `${this.url}/rpc` : `${this.url}/rest`;
    const other = { url: `${this.url}/grpc`, protocolBinding: 'GRPC', protocolVersion: version };
    const supportedInterfaces = [other, { url, protocolBinding: binding, protocolVersion: version }];
    return version === '1.0'
      ? { name: 'test', supportedInterfaces, ...this.card }
      : { name: 'test', url, preferredTransport: binding, protocolVersion: '0.3.0', ...this.card };
  }
}
