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

/** Maximum size of the headers of a response. */
const mostHeaderBytes = 16 * 1024;
/** An idle connection is closed after this time, because each one holds a file descriptor of this server. */
const longestIdleMs = 10 * secondMs;

interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * The connections to webhooks. They ignore proxies of the environment and reach only public addresses. A name is
 * resolved once per connection, all its addresses are checked, and the socket connects to one of them. So a name that
 * resolves differently the next time (DNS rebinding) cannot bypass the check. TLS still verifies the name.
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
   * Sends a POST and does not follow redirects. `100 Continue` is skipped.
   *
   * @returns the response as soon as its headers have arrived.
   * @throws ForbiddenAddress, LookupFailed, or an error of Node's sockets or HTTP client.
   */
  post({ url, headers, body }: Post, signal: AbortSignal): Promise<IncomingMessage> {
    const { protocol, hostname, port, pathname, search } = new URL(url);
    const host = hostOf(hostname);
    // Sockets call `lookup` only for names, so an address is checked here.
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

  /** Closes all connections at once. */
  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }
}
