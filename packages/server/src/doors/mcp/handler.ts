import {
  classifyInboundRequest,
  createMcpHandler,
  type McpRequestContext,
  Server,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import { serverInfo, serverOptions, serveTools, type Surroundings } from '@pinchwork/sdk/mcp';
import { version } from '../../ground/version.ts';

/** A message that a client has posted. */
export interface Posted {
  /** The headers that the protocol reads. */
  readonly headers: Headers;
  /** The JSON of the body. */
  readonly message: unknown;
  /** Aborted when the client has disconnected. */
  readonly signal: AbortSignal;
}

/** Answers a message, in the era that the client speaks. */
export type McpHandler = (posted: Posted, around: Surroundings) => Promise<Response>;

/** The protocol looks at the method and the headers of a request, never at its address. */
const anywhere = 'http://pinchwork.invalid/mcp';

const info = serverInfo(version);

function serverOf(around: Surroundings): Server {
  const server = new Server(info, serverOptions);
  serveTools(server, around);
  return server;
}

/** What this request's tools act on travels in the place for what a token grants. */
const kept = 'surroundings';

/**
 * Serves both eras without state: 2026-07-28, where each request stands alone, and 2024-11-05 to 2025-11-25, which begin
 * with `initialize`.
 *
 * @param onError is told of failures of the protocol, which are answered already.
 */
export function openMcp(onError: (error: Error) => void): McpHandler {
  const modern = createMcpHandler(
    ({ authInfo }: McpRequestContext) => serverOf(authInfo?.extra?.[kept] as Surroundings),
    { legacy: 'reject', onerror: onError, maxSubscriptions: 1 },
  );
  return async (posted, around) => {
    const { headers, message, signal } = posted;
    const route = classifyInboundRequest({ httpMethod: 'POST', ...claimsIn(headers), body: message });
    if (route.kind === 'legacy') return answerOldEra(posted, around);
    const request = new Request(anywhere, { method: 'POST', headers, signal });
    const authInfo = { token: '', clientId: '', scopes: [], extra: { [kept]: around } };
    return modern.fetch(request, { authInfo, parsedBody: message });
  };
}

/** What the headers claim of a message. */
function claimsIn(headers: Headers): object {
  const version = headers.get('mcp-protocol-version');
  const method = headers.get('mcp-method');
  const name = headers.get('mcp-name');
  return {
    ...(version === null ? {} : { protocolVersionHeader: version }),
    ...(method === null ? {} : { mcpMethodHeader: method }),
    ...(name === null ? {} : { mcpNameHeader: name }),
  };
}

/** Whether a request asks to be told of its progress, which takes a stream. */
function wantsProgress(message: unknown): boolean {
  const { params } = message as { params?: { _meta?: { progressToken?: unknown } } };
  return params?._meta?.progressToken !== undefined;
}

/**
 * Answers a message of the old era. A stream is opened only where progress is asked for: otherwise the answer is one
 * JSON text, as a stream would cost more than the call.
 */
async function answerOldEra({ headers, message, signal }: Posted, around: Surroundings): Promise<Response> {
  const server = serverOf(around);
  const transport = new WebStandardStreamableHTTPServerTransport({ enableJsonResponse: !wantsProgress(message) });
  await server.connect(transport);
  const end = () => void server.close().catch(() => undefined);
  signal.addEventListener('abort', end, { once: true });
  const request = new Request(anywhere, { method: 'POST', headers, signal });
  const response = await transport.handleRequest(request, { parsedBody: message });
  if (response.body === null || response.headers.get('content-type')?.startsWith('text/event-stream') !== true) end();
  return response;
}
