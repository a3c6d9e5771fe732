import { Agent as HttpAgent, type IncomingMessage, request as requestByHttp } from 'node:http';
import { Agent as HttpsAgent, request as requestByHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { secondMs } from '../../ground/clock.ts';
import {
  ForbiddenAddress,
  hostOf,
  isPublicAddress,
  LookupFailed,
  type Resolve,
  type WebhookPolicy,
} from './address.ts';

/** What the headers of an answer may take. */
const mostHeaderBytes = 16 * 1024;
/** However long the receiver would keep a connection: each holds a file of this server's. */
const longestIdleMs = 10 * secondMs;

interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * The connections to webhooks: straight ones, whatever proxies the environment names, and to public addresses alone.
 * A name is looked up once per connection, every address it leads to is checked, and the socket goes to one of these
 * very addresses, so that a name which answers otherwise the next time gains nothing. TLS still asks for the name.
 */
export class GuardedConnections {
  readonly #isAllowed: (address: string) => boolean;
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;

  constructor(policy: WebhookPolicy, resolve: Resolve) {
    this.#isAllowed = (address) => policy.allowPrivateNetworks || isPublicAddress(address);
    const options = { keepAlive: true, timeout: longestIdleMs, lookup: this.#guard(resolve) };
    this.#http = new HttpAgent(options);
    this.#https = new HttpsAgent(options);
  }

  #guard(resolve: Resolve): LookupFunction {
    return (name, { all = false }, callback) => {
      resolve(name).then(
        (found) => {
          const [first] = found;
          if (first === undefined || !found.every(({ address }) => this.#isAllowed(address))) {
            callback(new ForbiddenAddress(), '', 0);
          } else if (all) callback(null, [...found]);
          else callback(null, first.address, first.family);
        },
        (error: unknown) => callback(new LookupFailed(error), '', 0),
      );
    };
  }

  /**
   * Sends a POST and follows no redirect. An answer that begins with `100 Continue` is that which comes after it.
   *
   * @returns the answer once its headers are here.
   * @throws ForbiddenAddress, LookupFailed, or what Node's sockets and HTTP fail with.
   */
  post({ url, headers, body }: Post, signal: AbortSignal): Promise<IncomingMessage> {
    const { protocol, hostname, port, pathname, search } = new URL(url);
    const host = hostOf(hostname);
    // Sockets look up names alone: an address is taken as it is.
    if (isIP(host) !== 0 && !this.#isAllowed(host)) return Promise.reject(new ForbiddenAddress());
    const isPlain = protocol === 'http:';
    return new Promise((resolve, reject) => {
      const request = (isPlain ? requestByHttp : requestByHttps)({
        agent: isPlain ? this.#http : this.#https,
        host,
        port,
        path: `${pathname}${search}`,
        method: 'POST',
        headers: { ...headers, 'content-length': Buffer.byteLength(body) },
        maxHeaderSize: mostHeaderBytes,
        signal,
      });
      request.once('response', resolve).on('error', reject).end(body);
    });
  }

  /** Cuts all connections. */
  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }
}
