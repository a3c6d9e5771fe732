import type {
  CallToolRequest,
  CallToolResult,
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
  /** The tasks of the extension. Each throws an error of the protocol for an id that is unknown. */
  readonly tasks: {
    get(id: string, ctx: ServerContext): Promise<TaskState>;
    cancel(id: string, ctx: ServerContext): Promise<void>;
    answer(id: string, ctx: ServerContext, responses: Readonly<Record<string, unknown>>): Promise<void>;
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

export const serverOptions: ServerOptions = {
  capabilities: { tools: {}, resources: {}, prompts: {}, extensions: { [tasksExtension]: {} } },
  instructions,
  jsonSchemaValidator: noValidator,
};

const ofTask = z.looseObject({ taskId: z.string() });
const ofAnswers = z.looseObject({ taskId: z.string(), inputResponses: z.record(z.string(), z.unknown()).optional() });

/** Every answer about a task says that it is whole. */
const complete = { resultType: 'complete' } as const;

/** Offers a catalog on a server that is not connected yet. */
export function serveCatalog(server: McpServer['server'], catalog: Catalog): void {
  const { tools, prompts, resources, resourceTemplates, tasks } = catalog;
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
