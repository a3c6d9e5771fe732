import {
  classifyInboundRequest,
  createMcpHandler,
  isJSONRPCRequest,
  McpServer,
  type JSONRPCRequest,
  type ServerContext,
  SUPPORTED_PROTOCOL_VERSIONS,
  WebStandardStreamableHTTPServerTransport,
} from '@modelcontextprotocol/server';
import {
  type Catalog,
  marketCatalog,
  serveCatalog,
  serverInfo,
  serverOptions,
  type Surroundings,
} from '@pinchwork/sdk/mcp';
import { version } from '../../ground/version.ts';
import { SharedConnection } from './shared.ts';

/** A message that a client has posted. */
interface Posted {
  /** The headers that the protocol reads, by their names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The JSON of the body. */
  readonly message: unknown;
  /** Aborted when the client has disconnected. */
  readonly signal: AbortSignal;
}

/** Answers a message in the era that the client speaks: with the JSON of a success, or a whole response. */
export type McpHandler = (posted: Posted, around: Surroundings) => Promise<string | Response>;

/** The protocol looks at the method and the headers of a request, never at its address. */
const anywhere = 'http://pinchwork.invalid/mcp';

/** The revision of the new era. */
const newRevision = '2026-07-28';

/** What a request's tools act on travels in the place for what its token grants. */
const kept = 'surroundings';
const authOf = (around: Surroundings) => ({ token: '', clientId: '', scopes: [], extra: { [kept]: around } });
const aroundOf = ({ http }: ServerContext) => http?.authInfo?.extra?.[kept] as Surroundings;

/**
 * Serves both eras without state: 2026-07-28, where each request stands alone, and 2024-11-05 to 2025-11-25, which begin
 * with `initialize`.
 *
 * @param onError is told of failures of the protocol, which are answered already.
 * @param catalog what is served. Default: the market.
 */
export async function openMcp(
  onError: (error: Error) => void,
  catalog: Catalog = marketCatalog(aroundOf),
): Promise<McpHandler> {
  const options = { ...serverOptions, supportedProtocolVersions: [newRevision, ...SUPPORTED_PROTOCOL_VERSIONS] };
  const open = () => {
    const { server } = new McpServer(serverInfo(version), options);
    server.onerror = onError;
    serveCatalog(server, catalog);
    return server;
  };
  const modern = createMcpHandler(open, { legacy: 'reject', onerror: onError, maxSubscriptions: 0 });
  const shared = {
    modern: await SharedConnection.open(open(), { era: 'modern', revision: newRevision }),
    legacy: await SharedConnection.open(open(), { era: 'legacy' }),
  };
  const known = new Set(catalog.tools.map(({ name }) => name));
  return async (posted, around) => {
    const { message, signal } = posted;
    const authInfo = authOf(around);
    const era = plainEra(posted, known);
    if (era !== undefined) return shared[era].ask({ request: message as JSONRPCRequest, authInfo, signal });
    const headers = new Headers(posted.headers);
    const request = new Request(anywhere, { method: 'POST', headers, signal });
    const sent = { authInfo, parsedBody: message };
    return classifyInboundRequest({ httpMethod: 'POST', ...claimsIn(headers), body: message }).kind === 'legacy'
      ? answerOldEra(request, sent, open())
      : modern.fetch(request, sent);
  };
}

const acceptsBoth = (accept = '') => accept.includes('application/json') && accept.includes('text/event-stream');

/**
 * The era of a plain call: of a tool that there is, with headers that say the same, and one answer. Undefined for all
 * other messages: their headers must be checked, or they are no calls.
 */
function plainEra({ headers, message }: Posted, known: ReadonlySet<string>): 'modern' | 'legacy' | undefined {
  if (!isJSONRPCRequest(message) || message.method !== 'tools/call') return undefined;
  const { name, _meta: meta } = (message.params ?? {}) as { name?: unknown; _meta?: Readonly<Record<string, unknown>> };
  if (typeof name !== 'string' || !known.has(name) || meta?.progressToken !== undefined) return undefined;
  if (headers['content-type'] !== 'application/json' || !acceptsBoth(headers.accept)) return undefined;
  const claimed = headers['mcp-protocol-version'];
  const inBody = meta?.['io.modelcontextprotocol/protocolVersion'];
  if (claimed === newRevision) {
    const isSame = inBody === newRevision && headers['mcp-method'] === 'tools/call' && headers['mcp-name'] === name;
    return isSame ? 'modern' : undefined;
  }
  const isOld = claimed === undefined || SUPPORTED_PROTOCOL_VERSIONS.includes(claimed);
  return isOld && inBody === undefined && headers['mcp-method'] === undefined ? 'legacy' : undefined;
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

type Sent = NonNullable<Parameters<WebStandardStreamableHTTPServerTransport['handleRequest']>[1]>;

/** Answers a message of the old era: a stream where progress is asked for, else one JSON text. */
async function answerOldEra(request: Request, sent: Sent, server: McpServer['server']): Promise<Response> {
  const transport = new WebStandardStreamableHTTPServerTransport({
    enableJsonResponse: !wantsProgress(sent.parsedBody),
  });
  await server.connect(transport);
  const end = () => void server.close().catch(() => undefined);
  request.signal.addEventListener('abort', end, { once: true });
  const response = await transport.handleRequest(request, sent);
  if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true) end();
  return response;
}
