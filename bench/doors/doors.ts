import { expectStatus, fieldsOf, postTemplate, type Reply } from '../http.ts';

/** A way to post a task. */
export interface Door {
  readonly name: string;
  /** Makes the requests of an agent, as they go over the wire. @param n is another one for each. */
  request(host: string, key: string): (n: number) => string;
  /** @throws Error when a reply is no success. */
  check(reply: Reply): void;
}

const task = { need: 'Count the words', max_credits: 1 };

/** A POST with a body and headers of its own. */
function post(host: string, key: string, { path, body, headers = {} }: Posted): string {
  const text = JSON.stringify(body);
  const lines = { host, authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers };
  const head = Object.entries({ ...lines, 'content-length': String(text.length) });
  return `POST ${path} HTTP/1.1\r\n${head.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${text}`;
}

interface Posted {
  readonly path: string;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
}

const rest: Door = {
  name: 'REST',
  request: (host, key) => {
    const request = postTemplate(host, key, task)('/v1/tasks');
    return () => request;
  },
  check: (reply) => void expectStatus(reply, 201),
};

const call = { name: 'pinchwork_delegate', arguments: task };
const accept = 'application/json, text/event-stream';

const oldMcp: Door = {
  name: 'MCP 2025-11-25',
  request: (host, key) => (id) =>
    post(host, key, {
      path: '/mcp',
      headers: { accept, 'mcp-protocol-version': '2025-11-25' },
      body: { jsonrpc: '2.0', id, method: 'tools/call', params: call },
    }),
  check: expectPosted,
};

const newVersion = '2026-07-28';
const newMcp: Door = {
  name: `MCP ${newVersion}`,
  request: (host, key) => (id) =>
    post(host, key, {
      path: '/mcp',
      headers: { accept, 'mcp-protocol-version': newVersion, 'mcp-method': 'tools/call', 'mcp-name': call.name },
      body: {
        jsonrpc: '2.0',
        id,
        method: 'tools/call',
        params: {
          ...call,
          _meta: {
            'io.modelcontextprotocol/protocolVersion': newVersion,
            'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1' },
            'io.modelcontextprotocol/clientCapabilities': {},
          },
        },
      },
    }),
  check: expectPosted,
};

function expectPosted(reply: Reply): void {
  expectStatus(reply, 200);
  if (!reply.body.includes('"status":"posted"')) throw new Error(`No task was posted: ${reply.body}`);
}

/** A send of A2A that does not wait. Each message has an id of its own, by which it is idempotent. */
const a2a = (version: '1.0' | '0.3'): Door => ({
  name: `A2A ${version}`,
  request: (host, key) => {
    const run = Math.random().toString(36).slice(2);
    return (id) => {
      const about = { messageId: `${run}-${id}`, metadata: { maxCredits: task.max_credits } };
      const isOld = version === '0.3';
      const message = isOld
        ? { ...about, kind: 'message', role: 'user', parts: [{ kind: 'text', text: task.need }] }
        : { ...about, role: 'ROLE_USER', parts: [{ text: task.need }] };
      const configuration = isOld ? { blocking: false } : { returnImmediately: true };
      const method = isOld ? 'message/send' : 'SendMessage';
      return post(host, key, {
        path: '/a2a',
        headers: { 'a2a-version': version },
        body: { jsonrpc: '2.0', id, method, params: { message, configuration } },
      });
    };
  },
  check: (reply) => {
    const { error } = fieldsOf(expectStatus(reply, 200));
    if (error !== undefined) throw new Error(`A2A answered ${JSON.stringify(error)}`);
  },
});

/** The doors that are compared, REST first. */
export const doors: readonly Door[] = [rest, newMcp, oldMcp, a2a('1.0'), a2a('0.3')];
