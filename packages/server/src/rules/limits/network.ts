import { isIPv4 } from 'node:net';
import ipaddr from 'ipaddr.js';

/** The networks that an address belongs to, from the narrowest to the widest. */
interface Networks {
  /** The part of an address that its user cannot choose freely: all of IPv4, the first 64 bits of IPv6. */
  readonly own: string;
  /** The first 56 bits of IPv6: what a provider gives to a household. Undefined for IPv4. */
  readonly site: string | undefined;
  /** The first 48 bits of IPv6, 24 of IPv4: what a provider gives to a company, or a tunnel broker to anybody. */
  readonly wide: string;
}

/** The part of an address that its user cannot choose freely: all of IPv4, the first 64 bits (the network) of IPv6. */
export const network = (address: string): string => (isIPv4(address) ? address : networksOf(address).own);

/**
 * The public network of an address: IPv4 /24, IPv6 /48. Null for loopback, private and other special addresses, which
 * say nothing about who is behind them.
 */
export function publicNetworkOf(address: string): string | null {
  if (!ipaddr.isValid(address) || ipaddr.process(address).range() !== 'unicast') return null;
  return networksOf(address).wide;
}

/** The networks of an address. A text that is no address is a network of its own. */
export function networksOf(address: string): Networks {
  if (!ipaddr.isValid(address)) return { own: address, site: undefined, wide: address };
  const parsed = ipaddr.process(address);
  if (parsed instanceof ipaddr.IPv4) {
    const own = parsed.toString();
    return { own, site: undefined, wide: `${own.slice(0, own.lastIndexOf('.'))}.0/24` };
  }
  const [first = 0, second = 0, third = 0, fourth = 0] = parsed.parts;
  const textOf = (...parts: number[]) => parts.map((part) => part.toString(16)).join(':');
  return {
    own: textOf(first, second, third, fourth),
    site: `${textOf(first, second, third, fourth & 0xff00)}/56`,
    wide: `${textOf(first, second, third)}/48`,
  };
}
