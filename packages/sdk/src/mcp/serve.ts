import type {
  CallToolResult,
  GetPromptResult,
  Implementation,
  ReadResourceResult,
  Server,
  ServerContext,
  ServerOptions,
} from '@modelcontextprotocol/server';
import { type AnyEndpoint, endpoints } from '../endpoints/index.ts';
import { refusalOf, resultOf } from './answer.ts';
import { instructions, prompts, resources, resourceTemplates, skillFolder } from './documents.ts';
import { type EndpointInput, type Market, Refusal } from './market.ts';
import type { Arguments, Tool } from './tool.ts';
import { tools, toolsByName } from './tools.ts';

/** What a server of the tools has besides them. */
export interface Surroundings {
  readonly market: Market;
  /** A file of the skill, which is the guide for agents: `SKILL.md`, `references/posting.md`. Undefined: no such file. */
  skillFile(name: string): string | undefined | Promise<string | undefined>;
  /** Calls back until it is stopped. @returns the function that stops it. */
  every(ms: number, tick: () => void): () => void;
}

export const serverInfo = (version: string): Implementation => ({
  name: 'pinchwork',
  title: 'Pinchwork',
  version,
});

/** Never used: no tool asks the client anything. Making the default one takes longer than a whole request. */
const noValidator = {
  getValidator: () => {
    throw new Error('Nothing is elicited');
  },
};

export const serverOptions: ServerOptions = {
  capabilities: { tools: {}, resources: {}, prompts: {} },
  instructions,
  jsonSchemaValidator: noValidator,
};

/** The lists as clients get them: always one page, because some do not follow cursors. */
const listed = {
  tools: tools.map(({ name, title, description, inputSchema, annotations }) => ({
    name,
    title,
    description,
    inputSchema: inputSchema as { type: 'object' },
    annotations,
  })),
  prompts: prompts.map(({ text: _, ...prompt }) => prompt),
  resources: [...resources],
  resourceTemplates: [...resourceTemplates],
};

/** Progress is reported this often. Clients give a silent call up after 60 seconds, or much earlier. */
const progressMs = 15_000;

/** An error of the protocol: the SDK sends the code and the message of any error that has a whole number as its code. */
const protocolError = (code: number, message: string, data?: object) =>
  Object.assign(new Error(message), { code, ...(data === undefined ? {} : { data }) });
const invalidParams = -32_602;
const notFound = -32_002;

/** Offers the tools, resources and prompts on a server that is not connected yet. */
export function serveTools(server: Server, around: Surroundings): void {
  server.setRequestHandler('tools/list', () => ({ tools: listed.tools }));
  server.setRequestHandler('tools/call', ({ params }, ctx) => callTool(params, ctx, around));
  server.setRequestHandler('resources/list', () => ({ resources: listed.resources }));
  server.setRequestHandler('resources/templates/list', () => ({ resourceTemplates: listed.resourceTemplates }));
  server.setRequestHandler('resources/read', ({ params }, ctx) => readResource(params.uri, ctx, around));
  server.setRequestHandler('prompts/list', () => ({ prompts: listed.prompts }));
  server.setRequestHandler('prompts/get', ({ params }) => promptOf(params.name, params.arguments ?? {}));
}

/** A call of a tool, in the params of `tools/call`. */
interface ToolCall {
  readonly name: string;
  readonly arguments?: Record<string, unknown> | undefined;
}

async function callTool(call: ToolCall, ctx: ServerContext, around: Surroundings): Promise<CallToolResult> {
  const tool = toolsByName.get(call.name);
  if (tool === undefined) throw protocolError(invalidParams, `Unknown tool: ${call.name.slice(0, 100)}`);
  const given = call.arguments ?? {};
  const stop = reportProgress(ctx, around);
  try {
    return await answer(tool, given, { ctx, market: around.market });
  } finally {
    stop();
  }
}

interface Means {
  readonly ctx: ServerContext;
  readonly market: Market;
}

async function answer(tool: Tool, given: Arguments, { ctx, market }: Means): Promise<CallToolResult> {
  try {
    const { idempotency_key: key } = given;
    const idempotencyKey = key === undefined || key === null ? undefined : String(key as string);
    const reply = await tool.run(market, given, { signal: ctx.mcpReq.signal, idempotencyKey });
    return resultOf(tool, given, reply);
  } catch (error) {
    if (error instanceof Refusal) return refusalOf(error);
    throw error;
  }
}

/** Reports progress where the client has asked for it. @returns the function that ends it. */
function reportProgress({ mcpReq }: ServerContext, { every }: Surroundings): () => void {
  const token = mcpReq._meta?.progressToken;
  if (token === undefined) return () => undefined;
  let progress = 0;
  return every(progressMs, () => {
    progress += progressMs / 1_000;
    const params = { progressToken: token, progress, message: `Waiting for ${progress} s.` };
    mcpReq.notify({ method: 'notifications/progress', params }).catch(() => undefined);
  });
}

const showTask: AnyEndpoint = endpoints.showTask;

async function readResource(uri: string, ctx: ServerContext, around: Surroundings): Promise<ReadResourceResult> {
  if (uri.startsWith(skillFolder)) {
    const text = await around.skillFile(uri.slice(skillFolder.length));
    if (text === undefined) throw protocolError(notFound, 'Resource not found', { uri });
    return { contents: [{ uri, mimeType: 'text/markdown', text }] };
  }
  const id = uri.startsWith('task://') ? uri.slice('task://'.length) : undefined;
  if (id === undefined) throw protocolError(notFound, 'Resource not found', { uri });
  const input = (): EndpointInput => ({ params: { id }, query: {}, body: {} });
  try {
    const task = await around.market.call(showTask, input, { signal: ctx.mcpReq.signal, idempotencyKey: undefined });
    return { contents: [{ uri, mimeType: 'application/json', text: JSON.stringify(task) }] };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { code, error: message } = error.reply;
    throw protocolError(code === 'not_found' ? notFound : -32_603, message, { uri, code });
  }
}

function promptOf(name: string, given: Readonly<Record<string, string>>): GetPromptResult {
  const prompt = prompts.find((each) => each.name === name);
  if (prompt === undefined) throw protocolError(invalidParams, `Unknown prompt: ${name.slice(0, 100)}`);
  const missing = prompt.arguments?.find((each) => each.required === true && (given[each.name] ?? '') === '');
  if (missing !== undefined)
    throw protocolError(invalidParams, `The prompt ${name} needs the argument ${missing.name}`);
  return {
    description: prompt.description ?? '',
    messages: [{ role: 'user', content: { type: 'text', text: prompt.text(given) } }],
  };
}
