import {
  Client as NewClient,
  type JSONRPCMessage,
  StreamableHTTPClientTransport as NewTransport,
  type Transport,
} from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { onTestFinished } from 'vitest';
import type { Agent, Market } from './market.ts';

/** A tool's answer as a client's library gives it. */
interface ToolResult {
  readonly content: readonly { readonly type: string; readonly text?: string; readonly uri?: string }[];
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into replies of every shape
  readonly structuredContent?: any;
  readonly isError?: boolean;
}

/** What both libraries do alike. */
export interface McpClient {
  readonly era: string;
  callTool(call: { name: string; arguments?: Record<string, unknown> }): Promise<ToolResult>;
  listTools(): Promise<{ tools: { name: string; inputSchema: object }[]; nextCursor?: string }>;
  readResource(wanted: { uri: string }): Promise<{ contents: { text?: string }[] }>;
  listPrompts(): Promise<{ prompts: { name: string }[] }>;
  getPrompt(wanted: { name: string; arguments?: Record<string, string> }): Promise<object>;
  getInstructions(): string | undefined;
  getServerCapabilities(): object | undefined;
}

/** `fetch` that reaches a market of this process. */
const fetchOf =
  ({ app }: Market): typeof fetch =>
  async (input, init = {}) => {
    const request = new Request(input, init);
    const { pathname, search } = new URL(request.url);
    const { statusCode, headers, rawPayload } = await app.inject({
      method: request.method as 'POST',
      url: pathname + search,
      headers: Object.fromEntries(request.headers),
      payload: await request.text(),
    });
    const shown = Object.entries(headers).filter(([name]) => name !== 'content-length');
    const hasBody = ![101, 204, 205, 304].includes(statusCode);
    return new Response(hasBody ? new Uint8Array(rawPayload) : null, {
      status: statusCode,
      headers: shown.map(([name, value]): [string, string] => [name, String(value)]),
    });
  };

const url = new URL('http://market.test/mcp');
const info = { name: 'tests', version: '1' };

/** The libraries of the two eras of the protocol. */
export const eras = ['2025-11-25', '2026-07-28'] as const;
export type Era = (typeof eras)[number];

/** Connects an agent to `/mcp` of a market by the library of an era; it is closed when the test ends. */
export function connect(market: Market, agent: Agent, era: Era): Promise<McpClient> {
  const options = {
    fetch: fetchOf(market),
    requestInit: { headers: { authorization: `Bearer ${agent.key}` } },
  };
  return era === '2025-11-25' ? open(era, new OldTransport(url, options)) : open(era, new NewTransport(url, options));
}

/** Lines of JSON to a program and from it. */
export interface Wire {
  send(text: string): void;
  close(): void;
  /** Called with what the program writes. */
  onText: (text: string) => void;
}

/** Connects to a program that speaks MCP in lines of JSON. */
export function connectOver(wire: Wire, era: Era): Promise<McpClient> {
  let rest = '';
  const transport: Transport = {
    start: async () => {
      wire.onText = (text) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop()!;
        for (const line of lines) transport.onmessage?.(JSON.parse(line) as JSONRPCMessage);
      };
    },
    send: async (message) => wire.send(`${JSON.stringify(message)}\n`),
    close: async () => {
      wire.close();
      transport.onclose?.();
    },
  };
  return open(era, transport);
}

async function open(era: Era, transport: object): Promise<McpClient> {
  const client =
    era === '2025-11-25' ? new OldClient(info) : new NewClient(info, { versionNegotiation: { mode: { pin: era } } });
  // The types of the two libraries disagree under `exactOptionalPropertyTypes`.
  await (client as NewClient).connect(transport as Transport);
  onTestFinished(() => client.close());
  return Object.assign(client, { era }) as unknown as McpClient;
}

/** A message of the new era, with the headers that it must have. */
export function newEra(method: string, params: Record<string, unknown>, extensions: object = {}) {
  const version = '2026-07-28';
  const name = params.name ?? params.uri ?? params.taskId;
  return {
    headers: {
      'mcp-protocol-version': version,
      'mcp-method': method,
      ...(typeof name === 'string' ? { 'mcp-name': name } : {}),
    },
    message: {
      ...{ jsonrpc: '2.0', id: 7, method },
      params: {
        ...params,
        _meta: {
          ...(params._meta as object | undefined),
          'io.modelcontextprotocol/protocolVersion': version,
          'io.modelcontextprotocol/clientInfo': info,
          'io.modelcontextprotocol/clientCapabilities': { extensions },
        },
      },
    },
  };
}

/** A message of the old era. */
export const oldEra = (method: string, params: object) => ({
  headers: { 'mcp-protocol-version': '2025-11-25' },
  message: { jsonrpc: '2.0', id: 7, method, params },
});

/** Posts a message as an agent. Headers that are undefined are left out. */
export function postMcp(
  market: Market,
  agent: Agent | undefined,
  { headers, message }: { readonly headers: Record<string, string>; readonly message: object },
  others: Record<string, string> & { signal?: never } = {},
) {
  return market.request({
    method: 'POST',
    url: '/mcp',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(agent === undefined ? {} : { authorization: `Bearer ${agent.key}` }),
      ...headers,
      ...others,
    },
    payload: JSON.stringify(message),
  });
}
