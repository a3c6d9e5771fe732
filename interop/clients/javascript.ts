import { MultiServerMCPClient } from '@langchain/mcp-adapters';
import { Client as NewClient, StreamableHTTPClientTransport as NewTransport } from '@modelcontextprotocol/client';
import { Client as OldClient } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport as OldTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { MCPServerStreamableHttp } from '@openai/agents';
import type { Connection } from './story.ts';

/** The libraries that npm brings, by the names of their packages. */

const info = { name: 'interop', version: '1' };
const headersOf = (key: string) => ({ authorization: `Bearer ${key}` });

interface Texts {
  readonly content: readonly { readonly text?: string }[];
}

/** The text of an answer. */
const textOf = ({ content }: Texts): string => content.map(({ text = '' }) => text).join('\n');

type Open = (url: string, key: string) => Promise<Connection>;

const openOld: Open = async (url, key) => {
  const client = new OldClient(info);
  const transport = new OldTransport(new URL(url), { requestInit: { headers: headersOf(key) } });
  // The library's own types disagree under `exactOptionalPropertyTypes`.
  await client.connect(transport);
  return {
    call: async (name, given) => textOf((await client.callTool({ name, arguments: given })) as unknown as Texts),
    close: () => client.close(),
  };
};

const openNew: Open = async (url, key) => {
  const client = new NewClient(info, { versionNegotiation: { mode: { pin: '2026-07-28' } } });
  await client.connect(new NewTransport(new URL(url), { requestInit: { headers: headersOf(key) } }));
  return {
    call: async (name, given) => textOf((await client.callTool({ name, arguments: given })) as unknown as Texts),
    close: () => client.close(),
  };
};

const openOpenAi: Open = async (url, key) => {
  const server = new MCPServerStreamableHttp({ name: 'pinchwork', url, requestInit: { headers: headersOf(key) } });
  await server.connect();
  return {
    call: async (tool, given) => textOf({ content: (await server.callTool(tool, given)) as Texts['content'] }),
    close: () => server.close(),
  };
};

const openLangChain: Open = async (url, key) => {
  const client = new MultiServerMCPClient({
    mcpServers: { pinchwork: { transport: 'http', url, headers: headersOf(key) } },
  });
  const tools = await client.getTools();
  return {
    call: async (tool, given) => {
      const said: unknown = await tools.find(({ name }) => name === tool)?.invoke(given);
      return typeof said === 'string' ? said : JSON.stringify(said);
    },
    close: () => client.close(),
  };
};

export const libraries: Readonly<Record<string, Open>> = {
  '@modelcontextprotocol/sdk': openOld,
  '@modelcontextprotocol/client': openNew,
  '@openai/agents': openOpenAi,
  '@langchain/mcp-adapters': openLangChain,
};
