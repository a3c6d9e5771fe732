import type {
  CallToolRequest,
  CallToolResult,
  CompleteRequest,
  GetPromptResult,
  Implementation,
  McpServer,
  Prompt,
  ReadResourceResult,
  Resource,
  ResourceTemplateType,
  ServerContext,
  ServerOptions,
  Tool as ListedTool,
} from '@modelcontextprotocol/server';
import { z } from 'zod';
import { instructions } from './documents.ts';
import { missingCapability } from './errors.ts';
import { type CreatedTask, declaresTasks, type TaskState, tasksExtension } from './tasks.ts';

/** What a server offers: its lists, and what it does when a client asks for something in them. */
export interface Catalog {
  readonly tools: ListedTool[];
  readonly prompts: Prompt[];
  readonly resources: Resource[];
  readonly resourceTemplates: ResourceTemplateType[];
  callTool(call: CallToolRequest['params'], ctx: ServerContext): Promise<CallToolResult | CreatedTask>;
  readResource(uri: string, ctx: ServerContext): Promise<ReadResourceResult>;
  promptOf(name: string, given: Readonly<Record<string, string>>, ctx: ServerContext): GetPromptResult;
  /** Values that an argument of a prompt or of a resource's address may get, for what has been typed of it. */
  complete(wanted: CompleteRequest['params'], ctx: ServerContext): Promise<readonly string[]>;
  /** The tasks of the extension. Each throws an error of the protocol for an id that is unknown. */
  readonly tasks: {
    get(id: string, ctx: ServerContext): Promise<TaskState>;
    cancel(id: string, ctx: ServerContext): Promise<void>;
    answer(id: string, ctx: ServerContext, responses: Readonly<Record<string, unknown>>): Promise<void>;
  };
  /** What the market does not offer. */
  readonly more?: {
    /** Names of the tools that tell their client something while they run, or refuse by an error of the protocol. */
    readonly talking: ReadonlySet<string>;
    /** Called when a client of the old era wants to be told of a resource's changes, and when it does not any more. */
    subscribe(uri: string, isWanted: boolean): void;
    /** The name of a session of the old era. */
    sessionId(): string;
  };
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

/** The library says that lists change, unless it is told otherwise. */
const lasting = { listChanged: false };

/** @param isOld whether the era is the one that begins with `initialize`. Default: it is not known. */
export function serverOptions({ more }: Catalog, isOld = false): ServerOptions {
  const subscribe = more !== undefined && isOld;
  return {
    capabilities: {
      ...{ tools: lasting, prompts: lasting, resources: { ...lasting, ...(subscribe ? { subscribe } : {}) } },
      ...{ completions: {}, extensions: { [tasksExtension]: {} } },
      ...(more === undefined ? {} : { logging: {} }),
    },
    instructions,
    jsonSchemaValidator: noValidator,
  };
}

const ofTask = z.looseObject({ taskId: z.string() });
const ofAnswers = z.looseObject({ taskId: z.string(), inputResponses: z.record(z.string(), z.unknown()).optional() });

/** Every answer about a task says that it is whole. */
const complete = { resultType: 'complete' } as const;

/** The most values in an answer to a completion, as the protocol says. */
const mostValues = 100;

/** Offers a catalog on a server that is not connected yet. */
export function serveCatalog(server: McpServer['server'], catalog: Catalog, isOld = false): void {
  const { tools, prompts, resources, resourceTemplates, tasks, more } = catalog;
  server.setRequestHandler('tools/list', () => ({ tools }));
  // The types know of no result that is a task; the protocol does.
  server.setRequestHandler('tools/call', ({ params }, ctx) => catalog.callTool(params, ctx) as Promise<CallToolResult>);
  server.setRequestHandler('resources/list', () => ({ resources }));
  server.setRequestHandler('resources/templates/list', () => ({ resourceTemplates }));
  server.setRequestHandler('resources/read', ({ params }, ctx) => catalog.readResource(params.uri, ctx));
  server.setRequestHandler('prompts/list', () => ({ prompts }));
  server.setRequestHandler('prompts/get', ({ params }, ctx) =>
    catalog.promptOf(params.name, params.arguments ?? {}, ctx),
  );
  server.setRequestHandler('completion/complete', async ({ params }, ctx) => {
    const values = await catalog.complete(params, ctx);
    const hasMore = values.length > mostValues;
    return { completion: { values: values.slice(0, mostValues), total: values.length, hasMore } };
  });
  if (more !== undefined && isOld) {
    for (const [method, isWanted] of [
      ['resources/subscribe', true],
      ['resources/unsubscribe', false],
    ] as const) {
      server.setRequestHandler(method, ({ params }) => {
        more.subscribe(params.uri, isWanted);
        return {};
      });
    }
  }
  server.setRequestHandler('tasks/get', { params: ofTask }, async ({ taskId }, ctx) => {
    refuseUndeclared(ctx);
    return { ...complete, ...(await tasks.get(taskId, ctx)) };
  });
  server.setRequestHandler('tasks/cancel', { params: ofTask }, async ({ taskId }, ctx) => {
    refuseUndeclared(ctx);
    await tasks.cancel(taskId, ctx);
    return complete;
  });
  server.setRequestHandler('tasks/update', { params: ofAnswers }, async ({ taskId, inputResponses = {} }, ctx) => {
    refuseUndeclared(ctx);
    await tasks.answer(taskId, ctx, inputResponses);
    return complete;
  });
}

/** @throws Error of the protocol for a client that has not declared the extension. */
function refuseUndeclared(ctx: ServerContext): void {
  if (!declaresTasks(ctx)) throw missingCapability(tasksExtension);
}
