import type { LookupAddress } from 'node:dns';
import { lookup, Resolver } from 'node:dns/promises';
import ipaddr from 'ipaddr.js';
import { invalid } from '../../ground/errors.ts';
import { codeOf } from '../../ground/unknown-error.ts';

/** A name whose look-up takes longer than this counts as one that does not resolve yet. */
const lookupTimeoutMs = 2_000;

/** The time after which the system's list of name servers is read again: it may change while a program runs. */
const serversHoldMs = 30_000;

/** Whether an error of a look-up is the verdict of a name server, not the lack of one. */
const isVerdict = (error: unknown) => /^E(NOTFOUND|NODATA)$/.test(codeOf(error) ?? '');

/** Endings of names that are private by convention, whatever they resolve to. */
const privateEnding = /\.(localhost|local|localdomain|internal|intranet|lan|home|corp|private|home\.arpa)$/i;

/** Whether a name can be public: it has a dot, unlike `localhost`, `metadata` or `postgres`, and no private ending. */
function isPublicName(name: string): boolean {
  const labels = name.replace(/\.$/, '').split('.');
  return labels.length > 1 && !labels.includes('') && !privateEnding.test(labels.join('.'));
}

/** Metadata services of Azure and Oracle clouds, in public ranges. */
const metadataAddresses = new Set(['168.63.129.16', '192.0.0.192']);

/**
 * Whether an IP address is public. Everything except plain unicast is refused, also IPv6 addresses that contain an IPv4
 * address (mapped, tunnelled). The exception is NAT64, where the contained address decides.
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address) || metadataAddresses.has(address)) return false;
  const parsed = ipaddr.parse(address);
  // Networks without IPv4 reach IPv4 hosts by NAT64: the address inside decides (RFC 6052).
  if (parsed.range() === 'rfc6052') return isPublicAddress(innerAddress(parsed));
  if (parsed.range() !== 'unicast') return false;
  // The only allocated part of IPv6 is 2000::/3.
  return parsed.kind() === 'ipv4' || parsed.match(ipaddr.parseCIDR('2000::/3'));
}

/** The IPv4 address in the last four bytes. */
const innerAddress = (address: ipaddr.IPv4 | ipaddr.IPv6) => address.toByteArray().slice(-4).join('.');

export interface WebhookPolicy {
  /** `PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS`: allows http and private hosts. */
  readonly allowPrivateNetworks: boolean;
}

/** The host is, or resolves to, an address that webhooks may not reach. Nothing was sent. */
export class ForbiddenAddress extends Error {
  override readonly name = 'ForbiddenAddress';
  constructor() {
    super('The address does not lead to a public host');
  }
}

/** A name could not be resolved. */
export class LookupFailed extends Error {
  override readonly name = 'LookupFailed';
  /** The error code of DNS, or of the connection to the name server. */
  readonly code: string;
  constructor(cause: unknown) {
    super('The look-up of a name failed', { cause });
    this.code = codeOf(cause) ?? 'UNKNOWN';
  }
}

/** Returns all addresses of a name. Rejects if the name has none or the look-up fails. */
export type Resolve = (name: string) => Promise<readonly LookupAddress[]>;

/**
 * Creates the function that resolves names. For public names it asks the system's name servers directly. `lookup` would
 * use one of two threads of the whole process and cannot be cancelled: a few names whose servers do not answer would
 * block all other webhooks and new database connections. Where private hosts are allowed, `lookup` is used, because it
 * also reads the system's hosts file.
 *
 * @param servers returns the name servers to ask instead of the system's.
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
      // The next look-up reads the list of name servers again.
      if (!isVerdict(four.reason)) asked.until = 0;
      throw four.reason;
    }
    return found;
  };
}

/** The host of a URL in the form that sockets take: IPv6 without brackets. */
export const hostOf = (hostname: string) => hostname.replace(/^\[|\]$/g, '');

/** Checks a webhook's address without resolving its name. @returns what is wrong with it; undefined if nothing is. */
export function addressProblem(text: string, { allowPrivateNetworks }: WebhookPolicy): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const schemes = allowPrivateNetworks ? ['https:', 'http:'] : ['https:'];
  if (url === undefined || !schemes.includes(url.protocol) || url.hostname === '') {
    return allowPrivateNetworks ? 'must be an http or https URL' : 'must be an https URL';
  }
  if (url.username !== '' || url.password !== '') return 'must not contain a user name or password';
  if (allowPrivateNetworks) return undefined;
  // The URL parser has already turned decimal, octal, hex and short forms of IPv4 into the dotted form.
  const host = hostOf(url.hostname);
  return (ipaddr.isValid(host) ? isPublicAddress(host) : isPublicName(host)) ? undefined : notPublic;
}

const notPublic = 'must point to a public host, not to one of this machine or a private network';

/**
 * Checks the address of a webhook when it is saved (contract section 9). A name that does not resolve yet is accepted.
 * The resolved addresses are checked again for each connection (`connector.ts`).
 *
 * @param field the client's name of the address.
 * @throws DomainError `invalid_request`, which says what is wrong with the address.
 */
export async function checkWebhookUrl(
  text: string,
  policy: WebhookPolicy,
  resolve: Resolve,
  field = 'webhook_url',
): Promise<void> {
  const refused = (problem: string) => invalid(`${field}: ${problem}`);
  const problem = addressProblem(text, policy);
  if (problem !== undefined) throw refused(problem);
  if (policy.allowPrivateNetworks) return;
  const host = hostOf(new URL(text).hostname);
  if (!ipaddr.isValid(host) && !(await resolveInTime(resolve, host)).every(isPublicAddress)) throw refused(notPublic);
}

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
