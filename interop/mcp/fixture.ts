import { randomUUID } from 'node:crypto';
import type { CallToolResult, GetPromptResult, ReadResourceResult, ServerContext } from '@modelcontextprotocol/server';
import type { Catalog, CreatedTask } from '@pinchwork/sdk/mcp';
import { jobRuns, jobTasks } from './jobs.ts';
import { askingPrompt, questionRuns } from './questions.ts';

/** What the conformance kit of MCP asks of a server besides its own tools: every kind of content, prompts, resources, tasks. */

const text = (said: string): CallToolResult => ({ content: [{ type: 'text', text: said }] });
/** One red pixel as PNG, and no sound as WAV. */
const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';
const wav = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAIA+AAACABAAZGF0YQAAAAA=';
const image = { type: 'image' as const, data: png, mimeType: 'image/png' };
const embedded = (uri: string) => ({
  type: 'resource' as const,
  resource: { uri, mimeType: 'text/plain', text: 'This is an embedded resource content.' },
});

type Given = Readonly<Record<string, unknown>>;
type Run = (given: Given, ctx: ServerContext) => Promise<CallToolResult | CreatedTask> | CallToolResult | CreatedTask;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function progress(_: Given, { mcpReq }: ServerContext): Promise<CallToolResult> {
  const token = mcpReq._meta?.progressToken;
  for (const done of [0, 50, 100]) {
    if (token !== undefined) {
      await mcpReq.notify({
        method: 'notifications/progress',
        params: { progressToken: token, progress: done, total: 100 },
      });
    }
    await pause(50);
  }
  return text('Done');
}

/** In the new era a client says in each request that it wants messages; in the old one, all do. */
const isLogWanted = ({ envelope = {} }: ServerContext['mcpReq']): boolean =>
  !Object.hasOwn(envelope, 'io.modelcontextprotocol/protocolVersion') ||
  Object.hasOwn(envelope, 'io.modelcontextprotocol/logLevel');

async function log(_: Given, { mcpReq }: ServerContext): Promise<CallToolResult> {
  for (const said of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
    if (isLogWanted(mcpReq))
      await mcpReq.notify({ method: 'notifications/message', params: { level: 'info', data: said } });
    await pause(50);
  }
  return text('Done');
}

const needsSampling: Run = () => {
  const data = { requiredCapabilities: { sampling: {} } };
  throw Object.assign(new Error('The client must declare sampling'), { code: -32_021, data });
};

const runs: Readonly<Record<string, Run>> = {
  test_simple_text: () => text('This is a simple text response for testing.'),
  test_image_content: () => ({ content: [image] }),
  test_audio_content: () => ({ content: [{ type: 'audio', data: wav, mimeType: 'audio/wav' }] }),
  test_embedded_resource: () => ({ content: [embedded('test://embedded-resource')] }),
  test_multiple_content_types: () => ({
    content: [{ type: 'text', text: 'Multiple content types test:' }, image, embedded('test://mixed-content-resource')],
  }),
  test_error_handling: () => ({ ...text('This tool intentionally returns an error for testing'), isError: true }),
  test_tool_with_progress: progress,
  test_tool_with_logging: log,
  test_logging_tool: log,
  test_missing_capability: needsSampling,
  test_streaming_elicitation: () => text('Nothing is asked'),
  ...jobRuns,
  ...questionRuns,
};

const prompts: Readonly<Record<string, (given: Given) => GetPromptResult['messages'][number]['content'][]>> = {
  test_simple_prompt: () => [{ type: 'text', text: 'This is a simple prompt for testing.' }],
  test_prompt_with_arguments: ({ arg1, arg2 }) => [
    { type: 'text', text: `Prompt with arguments: arg1='${String(arg1)}', arg2='${String(arg2)}'` },
  ],
  test_prompt_with_embedded_resource: ({ resourceUri }) => [
    embedded(String(resourceUri)),
    { type: 'text', text: 'Please process the embedded resource above.' },
  ],
  test_prompt_with_image: () => [image, { type: 'text', text: 'Please analyze the image above.' }],
};

const asked: Readonly<Record<string, readonly string[]>> = {
  test_prompt_with_arguments: ['arg1', 'arg2'],
  test_prompt_with_embedded_resource: ['resourceUri'],
};

function read(uri: string): ReadResourceResult {
  const [, id] = /^test:\/\/template\/(\w+)\/data$/.exec(uri) ?? [];
  if (uri === 'test://static-text') return { contents: [{ uri, mimeType: 'text/plain', text: 'A static text.' }] };
  if (uri === 'test://static-binary') return { contents: [{ uri, mimeType: 'image/png', blob: png }] };
  if (id !== undefined) {
    const data = { id, templateTest: true, data: `Data for ID: ${id}` };
    return { contents: [{ uri, mimeType: 'application/json', text: JSON.stringify(data) }] };
  }
  throw Object.assign(new Error('Resource not found'), { code: -32_002, data: { uri } });
}

const promptThatAsks = 'test_input_required_result_prompt';
const unknown = () => Object.assign(new Error('Unknown'), { code: -32_602 });

/** The catalog that `/mcp` offers to the kit, by the same code that offers the market. */
export const fixture: Catalog = {
  tools: Object.keys(runs).map((name) => ({
    name,
    description: name,
    inputSchema: { type: 'object', properties: {} },
  })),
  prompts: [...Object.keys(prompts), promptThatAsks].map((name) => ({
    ...{ name, description: name },
    arguments: (asked[name] ?? []).map((each) => ({ name: each, description: each, required: true })),
  })),
  resources: ['test://static-text', 'test://static-binary'].map((uri) => ({ uri, name: uri, description: uri })),
  resourceTemplates: [{ uriTemplate: 'test://template/{id}/data', name: 'template', description: 'Data by id' }],
  callTool: async ({ name, arguments: given = {} }, ctx) => {
    const run = runs[name];
    if (run === undefined) throw unknown();
    return run(given, ctx);
  },
  readResource: async (uri) => read(uri),
  promptOf: (name, given, ctx) => {
    if (name === promptThatAsks) return askingPrompt(ctx);
    const make = prompts[name];
    if (make === undefined) throw unknown();
    return { messages: make(given).map((content) => ({ role: 'user' as const, content })) };
  },
  complete: async ({ argument }) => ['test', 'text', 'other'].filter((value) => value.startsWith(argument.value)),
  tasks: jobTasks,
  more: {
    talking: new Set(['test_tool_with_logging', 'test_logging_tool', 'test_missing_capability']),
    subscribe: () => undefined,
    sessionId: randomUUID,
  },
};
