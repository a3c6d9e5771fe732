import type { LookupAddress } from 'node:dns';
import { lookup, Resolver } from 'node:dns/promises';
import ipaddr from 'ipaddr.js';
import { invalid } from '../../ground/errors.ts';

/** A name that takes longer than this to look up counts as one that does not resolve yet. */
const lookupTimeoutMs = 2_000;

/** For how long the machine's list of name servers counts: a laptop, or a container, gets other ones while it runs. */
const serversHoldMs = 30_000;

/** Whether a look-up failed by what a name server said. */
const isAnswer = (error: unknown) => /^E(NOTFOUND|NODATA)$/.test((error as NodeJS.ErrnoException).code ?? '');

/** Endings of names that stay within a machine or a network, whatever they resolve to here. */
const privateEnding = /\.(localhost|local|localdomain|internal|intranet|lan|home|corp|private|home\.arpa)$/i;

/** Whether a name can be one of the public internet: it has a dot, as `localhost`, `metadata` or `postgres` have not. */
function isPublicName(name: string): boolean {
  const labels = name.replace(/\.$/, '').split('.');
  return labels.length > 1 && !labels.includes('') && !privateEnding.test(labels.join('.'));
}

/** Public by their range, but answered by the machine's own cloud: Azure's and Oracle's metadata. */
const metadataAddresses = new Set(['168.63.129.16', '192.0.0.192']);

/**
 * Whether an address is one of the public internet. Everything that is not plain unicast is refused, and IPv6 also
 * where it carries an IPv4 address inside (mapped, tunnelled), unless that is how this network reaches public ones.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address) || metadataAddresses.has(address)) return false;
  const parsed = ipaddr.parse(address);
  // A network without IPv4 of its own reaches that by NAT64: what counts is the address inside (RFC 6052).
  if (parsed.range() === 'rfc6052') return isPublicAddress(innerAddress(parsed));
  if (parsed.range() !== 'unicast') return false;
  // The only part of IPv6 that is given out: 2000::/3.
  return parsed.kind() === 'ipv4' || parsed.match(ipaddr.parseCIDR('2000::/3'));
}

/** The IPv4 address in the last four bytes. */
const innerAddress = (address: ipaddr.IPv4 | ipaddr.IPv6) => address.toByteArray().slice(-4).join('.');

export interface WebhookPolicy {
  /** `PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS`: http and private hosts are fine. */
  readonly allowPrivateNetworks: boolean;
}

/** The host is, or its name leads to, an address that no webhook may reach. Nothing has been sent to it. */
export class ForbiddenAddress extends Error {
  override readonly name = 'ForbiddenAddress';
  constructor() {
    super('The address does not lead to a public host');
  }
}

/** The addresses of a name could not be found out. */
export class LookupFailed extends Error {
  override readonly name = 'LookupFailed';
  /** What DNS, or the socket to its server, said. */
  readonly code: string;
  constructor(cause: unknown) {
    super('The look-up of a name failed', { cause });
    this.code = (cause as NodeJS.ErrnoException).code ?? 'UNKNOWN';
  }
}

/** All addresses of a name. Rejected when it has none, or they can't be found out. */
export type Resolve = (name: string) => Promise<readonly LookupAddress[]>;

/**
 * Looks public names up by asking the machine's name servers. The system's own `lookup` would do so in one of two threads
 * for the whole process and can't be broken off: a few names whose servers do not answer would hold up every other
 * webhook, and connections to the database. It also reads the machine's own list of hosts, so where private hosts are fine
 * it is the one to ask.
 *
 * @param servers tells which name servers to ask instead of the machine's.
 */
export function systemResolve({ allowPrivateNetworks }: WebhookPolicy, servers?: () => readonly string[]): Resolve {
  if (allowPrivateNetworks) return (name) => lookup(name, { all: true });
  const open = () => {
    const resolver = new Resolver({ timeout: lookupTimeoutMs, tries: 2 });
    if (servers !== undefined) resolver.setServers(servers());
    return { resolver, until: performance.now() + serversHoldMs };
  };
  let current = open();
  return async (name) => {
    if (performance.now() > current.until) current = open();
    const asked = current;
    const { resolver } = asked;
    const [four, six] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
    const found = [
      ...(four.status === 'fulfilled' ? four.value.map((address) => ({ address, family: 4 })) : []),
      ...(six.status === 'fulfilled' ? six.value.map((address) => ({ address, family: 6 })) : []),
    ];
    if (found.length === 0 && four.status === 'rejected') {
      // The next look-up reads anew whom to ask.
      if (!isAnswer(four.reason)) asked.until = 0;
      throw four.reason;
    }
    return found;
  };
}

/** The host of a URL as sockets take it: IPv6 without brackets. */
export const hostOf = (hostname: string) => hostname.replace(/^\[|\]$/g, '');

/** What is wrong with a webhook's address as it is written, without a look at where its name leads; else undefined. */
export function addressProblem(text: string, { allowPrivateNetworks }: WebhookPolicy): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const schemes = allowPrivateNetworks ? ['https:', 'http:'] : ['https:'];
  if (url === undefined || !schemes.includes(url.protocol) || url.hostname === '') {
    return allowPrivateNetworks ? 'must be an http or https URL' : 'must be an https URL';
  }
  if (url.username !== '' || url.password !== '') return 'must not contain a user name or password';
  if (allowPrivateNetworks) return undefined;
  // WHATWG URLs have turned decimal, octal, hex and short spellings of IPv4 into the plain one.
  const host = hostOf(url.hostname);
  return (ipaddr.isValid(host) ? isPublicAddress(host) : isPublicName(host)) ? undefined : notPublic;
}

const notPublic = 'must point to a public host, not to one of this machine or a private network';

/**
 * Checks an address that an agent wants its events sent to, when it is saved (contract section 9). A name that does
 * not resolve yet passes. Where its name leads is checked again whenever a connection is made (`connector.ts`).
 *
 * @throws DomainError `invalid_request` that says what is wrong with it.
 */
export async function checkWebhookUrl(text: string, policy: WebhookPolicy, resolve: Resolve): Promise<void> {
  const problem = addressProblem(text, policy);
  if (problem !== undefined) throw refused(problem);
  if (policy.allowPrivateNetworks) return;
  const host = hostOf(new URL(text).hostname);
  if (!ipaddr.isValid(host) && !(await resolveInTime(resolve, host)).every(isPublicAddress)) throw refused(notPublic);
}

const refused = (problem: string) => invalid(`webhook_url: ${problem}`);

async function resolveInTime(resolve: Resolve, host: string): Promise<string[]> {
  const timeout = Promise.withResolvers<never[]>();
  const timer = setTimeout(() => timeout.resolve([]), lookupTimeoutMs);
  try {
    return await Promise.race([
      resolve(host).then(
        (found) => found.map(({ address }) => address),
        () => [],
      ),
      timeout.promise,
    ]);
  } finally {
    clearTimeout(timer);
  }
}
