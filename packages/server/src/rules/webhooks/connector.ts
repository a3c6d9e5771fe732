import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { secondMs } from '../../ground/clock.ts';
import { ForbiddenAddress, hostOf, isPublicAddress, type Resolve, type WebhookPolicy } from './address.ts';

/** What the headers of an answer may take. */
const mostHeaderBytes = 16 * 1024;
const longestIdleMs = 10 * secondMs;

/**
 * The connections to webhooks: straight ones, whatever proxies the environment names, and to public addresses alone.
 * A name is looked up once per connection, every address it leads to is checked, and the socket goes to one of these
 * very addresses, so that a name which answers otherwise the next time gains nothing. TLS still asks for the name.
 *
 * @param connectTimeoutMs how long making a connection may take.
 */
export function guardedAgent(policy: WebhookPolicy, resolve: Resolve, connectTimeoutMs: number): Agent {
  const isAllowed = (address: string) => policy.allowPrivateNetworks || isPublicAddress(address);
  const guardedLookup: LookupFunction = (name, { all = false }, callback) => {
    resolve(name).then(
      (found) => {
        const [first] = found;
        if (first === undefined || !found.every(({ address }) => isAllowed(address))) {
          callback(new ForbiddenAddress(), '', 0);
        } else if (all) callback(null, [...found]);
        else callback(null, first.address, first.family);
      },
      (error: unknown) => callback(error as NodeJS.ErrnoException, '', 0),
    );
  };
  const connect = buildConnector({ lookup: guardedLookup, timeout: connectTimeoutMs, allowH2: false });
  return new Agent({
    allowH2: false,
    maxHeaderSize: mostHeaderBytes,
    // However long the receiver would keep a connection: each holds a file of this server's.
    keepAliveMaxTimeout: longestIdleMs,
    // The whole exchange has a time limit of its own, by the program's clock.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: (options, callback) => {
      // Sockets look up names alone: an address is taken as it is.
      const host = hostOf(options.hostname);
      if (isIP(host) !== 0 && !isAllowed(host)) callback(new ForbiddenAddress(), null);
      else connect(options, callback);
    },
  });
}
