import { isIP } from 'node:net';
import type { FastifyInstance } from 'fastify';
import ipaddr from 'ipaddr.js';
import type { Context } from '../../verbs/context.ts';

/**
 * Owns whom a request is from. `request.ip` is that address, and nothing but an address: limits, idempotency and the
 * log go by it. Fastify takes it from `X-Forwarded-For` where the proxies in between are trusted; here the header is
 * brought into the one form that this relies on, since proxies also write ports, brackets and words into it.
 */
export function knowAddresses(app: FastifyInstance, { log }: Pick<Context, 'log'>): void {
  let warned = false;
  app.addHook('onRequest', (request, _reply, done) => {
    const given = request.headers['x-forwarded-for'];
    if (given !== undefined) {
      const hops = knownHops([given].flat().join(','));
      request.raw.headers['x-forwarded-for'] = hops;
      // Fastify lists the hops that it believes, the sender's own address first.
      if (!warned && hops !== '' && (request.ips ?? []).length < 2) {
        warned = true;
        log.warn(
          { proxy: request.ip },
          'X-Forwarded-For comes from an address that is not in PINCHWORK_TRUST_PROXY, and counts for nothing',
        );
      }
    }
    done();
  });
}

/**
 * The addresses in the header, without ports and brackets, from the last one that is none (`unknown`, a name) to the end:
 * each proxy adds at the end, so what stands before a hop that nobody knows can't be told from an invention.
 */
export function knownHops(header: string): string {
  const hops = header.split(',').map((hop) => addressOf(hop.trim()));
  return hops.slice(hops.lastIndexOf(undefined) + 1).join(', ');
}

/** `1.2.3.4`, `1.2.3.4:40001`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:40001`, each also in quotes. */
function addressOf(hop: string): string | undefined {
  const text = hop.replace(/^"(.*)"$/, '$1');
  const [, bracketed, plain] = /^(?:\[([^\]]*)\](?::\d{1,5})?|([^:]*)(?::\d{1,5})?)$/.exec(text) ?? [];
  const address = (bracketed ?? plain ?? text).replace(/%.*$/, '');
  return isIP(address) === 0 ? undefined : ipaddr.process(address).toString();
}
