import type { LookupAddress } from 'node:dns';
import ipaddr from 'ipaddr.js';
import { type Clock, secondMs } from '../../ground/clock.ts';
import { network } from '../limits/network.ts';
import { hostOf, type Resolve } from './address.ts';

/** The hosts that requests to a URL go to. */
export interface UrlHosts {
  readonly url: string;
  /** The host and its addresses (of IPv6 the /64 network): each has a budget. */
  readonly hosts: readonly string[];
}

/** How long the addresses of a name are used. */
const keptMs = 30 * secondMs;
const mostNames = 1_000;
/** Of each family, so that a name with many addresses takes few budgets. */
const mostAddresses = 2;

interface Found {
  readonly at: number;
  readonly addresses: Promise<readonly LookupAddress[]>;
}

const nameIn = (url: string) => hostOf(new URL(url).hostname);

/**
 * The addresses of names, kept for a short time, so that a request goes to those that its budget was taken from.
 */
export class HostLookup {
  readonly #resolve: Resolve;
  readonly #clock: Clock;
  readonly #found = new Map<string, Found>();

  constructor(resolve: Resolve, clock: Clock) {
    this.#resolve = resolve;
    this.#clock = clock;
  }

  /** Resolves a name, or returns the addresses that were found a short time ago. */
  readonly resolve: Resolve = (name) => {
    const now = this.#clock.now();
    const known = this.#found.get(name);
    if (known !== undefined && Math.abs(now - known.at) < keptMs) return known.addresses;
    const addresses = this.#resolve(name).then(fewOf);
    // Inserted anew, so that the names are in the order of their look-ups.
    this.#found.delete(name);
    this.#found.set(name, { at: now, addresses });
    addresses.catch(() => this.#found.delete(name));
    const [oldest] = this.#found.keys();
    if (this.#found.size > mostNames && oldest !== undefined) this.#found.delete(oldest);
    return addresses;
  };

  /** Makes the next request to a URL look its name up again. */
  forget(url: string): void {
    this.#found.delete(nameIn(url));
  }

  /** The host and the addresses of a URL. Only the host if its name does not resolve: then nothing will be sent. */
  async of(url: string): Promise<UrlHosts> {
    const host = nameIn(url);
    if (ipaddr.isValid(host)) return { url, hosts: [network(host)] };
    const addresses = await this.resolve(host).catch(() => []);
    return { url, hosts: [...new Set([host.replace(/\.$/, ''), ...addresses.map(({ address }) => network(address))])] };
  }
}

function fewOf(found: readonly LookupAddress[]): readonly LookupAddress[] {
  return [4, 6].flatMap((family) => found.filter((each) => each.family === family).slice(0, mostAddresses));
}
