import { Agent as Connections, type IncomingMessage, request } from 'node:http';
import { onTestFinished } from 'vitest';
import { type Agent, adminKey, type Reply } from './market.ts';

/**
 * Talks to one server over kept-alive connections, as many as there are requests at once. Repeats nothing by itself: a
 * connection that breaks is an error, so that a test knows what was answered.
 */
export class Client {
  readonly url: string;
  readonly admin: Agent;
  readonly #connections = new Connections({ keepAlive: true });

  constructor(url: string) {
    this.url = url;
    this.admin = this.as({ id: 'admin', key: adminKey });
    onTestFinished(() => this.close());
  }

  close(): void {
    this.#connections.destroy();
  }

  /** Sends requests as a registered agent. */
  as({ id, key }: Pick<Agent, 'id' | 'key'>): Agent {
    const headers = { authorization: `Bearer ${key}` };
    return {
      id,
      key,
      get: (path, more) => this.send('GET', path, undefined, { ...headers, ...more }),
      post: (path, body, more) => this.send('POST', path, body, { ...headers, ...more }),
      patch: (path, body, more) => this.send('PATCH', path, body, { ...headers, ...more }),
      delete: (path, more) => this.send('DELETE', path, undefined, { ...headers, ...more }),
    };
  }

  async register(name = 'agent', headers: Record<string, string> = {}): Promise<Agent> {
    const { status, body, text } = await this.send('POST', '/v1/register', { name }, headers);
    if (status !== 201) throw new Error(`Registration answered ${status}: ${text}`);
    return this.as({ id: body.agent_id, key: body.api_key });
  }

  /** @throws the connection's error when it breaks before the whole reply is here. */
  send(method: string, path: string, body?: object | string, headers: Record<string, string> = {}): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const payload = typeof body === 'object' ? JSON.stringify(body) : body;
      const sent = request(new URL(path, this.url), {
        method,
        agent: this.#connections,
        headers: {
          accept: 'application/json',
          ...(typeof body === 'object' ? { 'content-type': 'application/json' } : {}),
          ...headers,
        },
      });
      sent.once('error', reject);
      sent.once('response', (response) => void readReply(response).then(resolve, reject));
      sent.end(payload);
    });
  }
}

async function readReply(response: IncomingMessage): Promise<Reply> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const isJson = response.headers['content-type']?.startsWith('application/json') === true;
  return {
    status: response.statusCode!,
    headers: response.headers,
    text,
    body: isJson && text !== '' ? JSON.parse(text) : {},
  };
}

/** Waits until a task is in another state than this one. @returns the state. */
export async function statusAfter(agent: Agent, task: string, status: string): Promise<string> {
  let { body } = await agent.get(`/v1/tasks/${task}`);
  // A wait reports only changes after it starts, and the change may come before: so short waits are repeated.
  while (body.status === status) ({ body } = await agent.get(`/v1/tasks/${task}?wait=1`));
  return body.status;
}
