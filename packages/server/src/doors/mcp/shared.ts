import {
  type AuthInfo,
  type JSONRPCMessage,
  type JSONRPCRequest,
  type McpServer,
  type MessageClassification,
  PerRequestHTTPServerTransport,
} from '@modelcontextprotocol/server';

/** A request, and what it acts on. */
interface Asked {
  readonly request: JSONRPCRequest;
  readonly authInfo: AuthInfo;
  /** Aborted when the client has disconnected. */
  readonly signal: AbortSignal;
}

/**
 * One connection of a server for the calls of all clients. A server for each request, as the library makes them, takes
 * several times as long as the call.
 *
 * Requests get ids of this connection, as two clients may use the same.
 */
export class SharedConnection extends PerRequestHTTPServerTransport {
  readonly #classification: MessageClassification;
  readonly #waiting = new Map<number, (message: JSONRPCMessage) => void>();
  #last = 0;

  private constructor(classification: MessageClassification) {
    super({ classification });
    this.#classification = classification;
  }

  static async open(server: McpServer['server'], classification: MessageClassification): Promise<SharedConnection> {
    const connection = new SharedConnection(classification);
    await server.connect(connection);
    return connection;
  }

  /** @returns the response. Never settles when the client has disconnected. */
  ask({ request, authInfo, signal }: Asked): Promise<JSONRPCMessage> {
    const id = ++this.#last;
    return new Promise((resolve) => {
      this.#waiting.set(id, (message) => {
        signal.removeEventListener('abort', cancel);
        resolve({ ...message, id: request.id });
      });
      const cancel = () => {
        this.#waiting.delete(id);
        const params = { requestId: id, reason: 'The client has disconnected' };
        this.#pass({ jsonrpc: '2.0', method: 'notifications/cancelled', params });
      };
      signal.addEventListener('abort', cancel, { once: true });
      this.#pass({ ...request, id }, authInfo);
    });
  }

  #pass(message: JSONRPCMessage, authInfo?: AuthInfo): void {
    this.onmessage?.(message, {
      classification: this.#classification,
      ...(authInfo === undefined ? {} : { authInfo }),
    });
  }

  override start(): Promise<void> {
    return Promise.resolve();
  }

  /** Only responses are sent: a client that wants to be told of anything else has a connection of its own. */
  override async send(message: JSONRPCMessage): Promise<void> {
    if (!('id' in message) || 'method' in message) return;
    const id = Number(message.id);
    const settle = this.#waiting.get(id);
    this.#waiting.delete(id);
    settle?.(message);
  }
}
