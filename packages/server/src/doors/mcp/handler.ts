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
  taskScheme,
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

/** Answers a message in the era that the client speaks: with a message, or a whole response. */
export type McpHandler = (posted: Posted, around: Surroundings) => Promise<object | Response>;

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
  const { more } = catalog;
  const supportedProtocolVersions = [newRevision, ...SUPPORTED_PROTOCOL_VERSIONS];
  const open = (era: Era) => {
    const isOld = era === 'legacy';
    const options = { ...serverOptions(catalog, isOld), supportedProtocolVersions };
    const { server } = new McpServer(serverInfo(version), options);
    server.onerror = onError;
    serveCatalog(server, catalog, isOld);
    return server;
  };
  const modern = createMcpHandler(() => open('modern'), { legacy: 'reject', onerror: onError, maxSubscriptions: 0 });
  const shared = {
    modern: await SharedConnection.open(open('modern'), { era: 'modern', revision: newRevision }),
    legacy: await SharedConnection.open(open('legacy'), { era: 'legacy' }),
  };
  const plain = new Set(catalog.tools.map(({ name }) => name).filter((name) => more?.talking.has(name) !== true));
  return async (posted, around) => {
    const { message, signal } = posted;
    const authInfo = authOf(around);
    const era = plainEra(posted, plain);
    if (era !== undefined) return shared[era].ask({ request: message as JSONRPCRequest, authInfo, signal });
    if (isJSONRPCRequest(message) && message.method === 'subscriptions/listen') return noSuchMethod(message);
    const headers = new Headers(posted.headers);
    const request = new Request(anywhere, { method: 'POST', headers, signal });
    const sent = { authInfo, parsedBody: message };
    return classifyInboundRequest({ httpMethod: 'POST', ...claimsIn(headers), body: message }).kind === 'legacy'
      ? answerOldEra(request, sent, { server: open('legacy'), more })
      : modern.fetch(request, sent);
  };
}

type Era = 'modern' | 'legacy';

/** The library offers subscriptions whether there is something to subscribe to or not. */
const noSuchMethod = ({ id }: JSONRPCRequest): Response =>
  Response.json({ jsonrpc: '2.0', id, error: { code: -32_601, message: 'Method not found' } }, { status: 404 });

const acceptsBoth = (accept = '') => accept.includes('application/json') && accept.includes('text/event-stream');

/** What a message calls. */
interface Called {
  readonly name?: unknown;
  readonly uri?: unknown;
  readonly _meta?: Readonly<Record<string, unknown>>;
}

/**
 * The era of a plain message: a call of a tool that tells nothing meanwhile, or the read of a task, with headers that say
 * the same, and one answer. Undefined for all others: their headers must be checked, or they are something else.
 */
function plainEra({ headers, message }: Posted, known: ReadonlySet<string>): 'modern' | 'legacy' | undefined {
  if (!isJSONRPCRequest(message)) return undefined;
  const { method, params = {} } = message;
  const { name, uri, _meta: meta } = params as Called;
  const isCall = method === 'tools/call' && typeof name === 'string' && known.has(name);
  const isRead = method === 'resources/read' && typeof uri === 'string' && uri.startsWith(taskScheme);
  if (!(isCall && meta?.progressToken === undefined) && !isRead) return undefined;
  if (!isJson(headers['content-type']) || !acceptsBoth(headers.accept)) return undefined;
  const claimed = headers['mcp-protocol-version'];
  const inBody = meta?.['io.modelcontextprotocol/protocolVersion'];
  if (claimed === newRevision) {
    const saysSame = headers['mcp-method'] === method && headers['mcp-name'] === (isRead ? uri : name);
    return saysSame && inBody === newRevision ? 'modern' : undefined;
  }
  const isOld = claimed === undefined || SUPPORTED_PROTOCOL_VERSIONS.includes(claimed);
  return isOld && inBody === undefined && headers['mcp-method'] === undefined ? 'legacy' : undefined;
}

const isJson = (type = '') => /^application\/json *(?:;|$)/i.test(type);

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

/** Whether a message is answered by a stream, because something is told before its answer. */
function isTold(message: unknown, talking: ReadonlySet<string> | undefined): boolean {
  const { params } = message as { params?: Called };
  return params?._meta?.progressToken !== undefined || talking?.has(String(params?.name)) === true;
}

type Sent = NonNullable<Parameters<WebStandardStreamableHTTPServerTransport['handleRequest']>[1]>;

interface OldServer {
  readonly server: McpServer['server'];
  readonly more: Catalog['more'];
}

/** Answers a message of the old era: a stream where something is told meanwhile, else one JSON text. */
async function answerOldEra(request: Request, sent: Sent, { server, more }: OldServer): Promise<Response> {
  const transport = new WebStandardStreamableHTTPServerTransport({
    enableJsonResponse: !isTold(sent.parsedBody, more?.talking),
  });
  await server.connect(transport);
  const end = () => void server.close().catch(() => undefined);
  request.signal.addEventListener('abort', end, { once: true });
  const response = await transport.handleRequest(request, sent);
  if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true) end();
  if (more !== undefined && (sent.parsedBody as { method?: unknown }).method === 'initialize') {
    response.headers.set('mcp-session-id', more.sessionId());
  }
  return response;
}
