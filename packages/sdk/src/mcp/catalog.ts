import type {
  CallToolRequest,
  CallToolResult,
  CompleteRequest,
  ReadResourceResult,
  ServerContext,
} from '@modelcontextprotocol/server';
import { type AnyEndpoint, endpoints } from '../endpoints/index.ts';
import type { MyTasksResponse, TaskResponse } from '../replies/index.ts';
import { refusalOf, resultOf, withTools } from './answer.ts';
import { completionsOf } from './completions.ts';
import { promptOf, prompts, resources, resourceTemplates, skillFolder } from './documents.ts';
import { codes, protocolError } from './errors.ts';
import { type EndpointInput, type Market, Refusal } from './market.ts';
import type { Catalog } from './serve.ts';
import { type CreatedTask, createdTask, declaresTasks, stateOf } from './tasks.ts';
import type { Arguments, Tool } from './tool.ts';
import { tools, toolsByName } from './tools.ts';

/** What the tools act on in one request. */
export interface Surroundings {
  readonly market: Market;
  /** A file of the skill, which is the guide for agents: `SKILL.md`, `references/posting.md`. Undefined: no such file. */
  skillFile(name: string): string | undefined | Promise<string | undefined>;
  /** The JSON of a reply, which may be long. */
  json(reply: object): string | Promise<string>;
  /** Calls back until it is stopped. @returns the function that stops it. */
  every(ms: number, tick: () => void): () => void;
  /** Milliseconds since 1970. */
  now(): number;
}

/** Progress is reported this often. Clients give a silent call up after 60 seconds, or much earlier. */
const progressMs = 15_000;

/** The lists are always one page, because some clients do not follow cursors. */
const lists = {
  tools: tools.map(({ name, title, description, inputSchema, annotations }) => ({
    ...{ name, title, description, annotations },
    inputSchema: inputSchema as { type: 'object' },
  })),
  prompts: prompts.map(({ text: _, ...prompt }) => prompt),
  resources: [...resources],
  resourceTemplates: [...resourceTemplates],
};

/**
 * The tools, resources and prompts of the market.
 *
 * @param aroundOf what a request acts on.
 */
export const marketCatalog = (aroundOf: (ctx: ServerContext) => Surroundings): Catalog => ({
  ...lists,
  callTool: (call, ctx) => callTool(call, ctx, aroundOf(ctx)),
  readResource: (uri, ctx) => readResource(uri, ctx, aroundOf(ctx)),
  promptOf,
  complete: (wanted, ctx) => complete(wanted, ctx, aroundOf(ctx)),
  tasks: {
    get: async (id, ctx) => stateOf(await taskOf(id, ctx, aroundOf(ctx))),
    cancel: (id, ctx) => cancel(id, ctx, aroundOf(ctx)),
    // No task of the market asks its client for anything.
    answer: async (id, ctx) => {
      await taskOf(id, ctx, aroundOf(ctx));
    },
  },
});

async function callTool(
  call: CallToolRequest['params'],
  ctx: ServerContext,
  around: Surroundings,
): Promise<CallToolResult | CreatedTask> {
  const tool = toolsByName.get(call.name);
  if (tool === undefined) throw protocolError(codes.invalidParams, `Unknown tool: ${call.name.slice(0, 100)}`);
  const stop = reportProgress(ctx, around);
  try {
    return await answer(tool, call.arguments ?? {}, { ctx, around });
  } catch (error) {
    if (error instanceof Refusal) return refusalOf(error);
    throw error;
  } finally {
    stop();
  }
}

interface Means {
  readonly ctx: ServerContext;
  readonly around: Surroundings;
}

/** A text or a number is a key as it is; the endpoint checks its length. */
const keyOf = (key: unknown) => (typeof key === 'string' ? key : JSON.stringify(key));

async function answer(tool: Tool, given: Arguments, { ctx, around }: Means): Promise<CallToolResult | CreatedTask> {
  const { idempotency_key: key } = given;
  const idempotencyKey = key === undefined || key === null ? undefined : keyOf(key);
  const reply = await tool.run(around.market, given, { signal: ctx.mcpReq.signal, idempotencyKey });
  const begun = declaresTasks(ctx) ? begunBy(tool, reply) : undefined;
  return begun === undefined ? resultOf(tool, given, reply) : createdTask(begun, new Date(around.now()).toISOString());
}

/** The id of the task that a delegation has begun. Undefined: it has begun none, or that has its result already. */
function begunBy({ name }: Tool, reply: object): string | undefined {
  const { task_id, status } = reply as Partial<TaskResponse>;
  return name === 'pinchwork_delegate' && (status === 'posted' || status === 'claimed') ? task_id : undefined;
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
const cancelTask: AnyEndpoint = endpoints.cancel;
const listMyTasks: AnyEndpoint = endpoints.listMyTasks;

const ofId = (id: string) => (): EndpointInput => ({ params: { id }, query: {}, body: {} });

/** @throws Error of the protocol */
async function taskOf(id: string, ctx: ServerContext, { market }: Surroundings): Promise<TaskResponse> {
  try {
    const task = await market.call(showTask, ofId(id), { signal: ctx.mcpReq.signal, idempotencyKey: undefined });
    // The reply of the row.
    return task as TaskResponse;
  } catch (error) {
    throw asProtocolError(error, codes.invalidParams);
  }
}

/** The error of the protocol for a refusal. @param missing its code for a task that is unknown. */
function asProtocolError(error: unknown, missing: number): unknown {
  if (!(error instanceof Refusal)) return error;
  const { code, error: message, hint, request_id } = error.reply;
  const { retryAfter: retry_after } = error;
  const told = hint === undefined ? message : `${message}. ${withTools(hint)}`;
  const data = {
    code,
    ...(request_id === undefined ? {} : { request_id }),
    ...(retry_after === undefined ? {} : { retry_after }),
  };
  return protocolError(code === 'not_found' ? missing : codes.internal, told, data);
}

/** A cancellation is a wish: a task that can't be cancelled any more goes on. */
async function cancel(id: string, ctx: ServerContext, { market }: Surroundings): Promise<void> {
  try {
    await market.call(cancelTask, ofId(id), { signal: ctx.mcpReq.signal, idempotencyKey: undefined });
  } catch (error) {
    if (error instanceof Refusal && error.reply.code === 'conflict') return;
    throw asProtocolError(error, codes.invalidParams);
  }
}

/** @throws Error of the protocol */
function complete(wanted: CompleteRequest['params'], { mcpReq }: ServerContext, { market }: Surroundings) {
  const newest = () => ({ params: {}, query: { limit: '100' }, body: {} });
  return completionsOf(wanted, async () => {
    try {
      const options = { signal: mcpReq.signal, idempotencyKey: undefined };
      return (await market.call(listMyTasks, newest, options)) as MyTasksResponse;
    } catch (error) {
      throw asProtocolError(error, codes.invalidParams);
    }
  });
}

async function readResource(uri: string, ctx: ServerContext, around: Surroundings): Promise<ReadResourceResult> {
  if (uri.startsWith(skillFolder)) {
    const text = await around.skillFile(uri.slice(skillFolder.length));
    if (text !== undefined) return { contents: [{ uri, mimeType: 'text/markdown', text }] };
  } else if (uri.startsWith(taskScheme)) {
    const id = uri.slice(taskScheme.length);
    try {
      const task = await around.market.call(showTask, ofId(id), {
        signal: ctx.mcpReq.signal,
        idempotencyKey: undefined,
      });
      return { contents: [{ uri, mimeType: 'application/json', text: await around.json(task ?? {}) }] };
    } catch (error) {
      throw asProtocolError(error, codes.resourceNotFound);
    }
  }
  throw protocolError(codes.resourceNotFound, 'Resource not found', { uri });
}

export const taskScheme = 'task://';
