import { isIP } from 'node:net';
import type { FastifyInstance } from 'fastify';
import ipaddr from 'ipaddr.js';
import type { Context } from '../../verbs/context.ts';

/**
 * Decides the client address of a request. `request.ip` is that address and always a valid one, because limits,
 * idempotency and the log rely on it. Fastify takes it from `X-Forwarded-For` when the proxies in between are trusted.
 * Proxies also write ports, brackets and words into the header, so it is normalised here first.
 */
export function knowAddresses(app: FastifyInstance, { log }: Pick<Context, 'log'>): void {
  let warned = false;
  app.addHook('onRequest', (request, _reply, done) => {
    const given = request.headers['x-forwarded-for'];
    if (given !== undefined) {
      const hops = knownHops([given].flat().join(','));
      request.raw.headers['x-forwarded-for'] = hops;
      // Fastify lists the trusted hops, with the peer's own address first.
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
 * The addresses in the header, without ports and brackets, that follow the last invalid entry (`unknown`, a name). Each
 * proxy appends at the end, so anything before an unknown hop may be forged.
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

/** Makes the function that tells whether a connection comes from a trusted proxy, by its address. */
export function trusts(proxies: readonly string[]): (address: string) => boolean {
  const networks = proxies.map((each) => {
    const [address = '', bits] = each.split('/');
    return { range: ipaddr.parse(address), bits: bits === undefined ? 128 : Number(bits) };
  });
  return (address) => {
    if (networks.length === 0) return false;
    const peer = ipaddr.process(address);
    return networks.some(({ range, bits }) =>
      peer instanceof ipaddr.IPv4
        ? range instanceof ipaddr.IPv4 && peer.match(range, Math.min(bits, 32))
        : range instanceof ipaddr.IPv6 && peer.match(range, bits),
    );
  };
}
