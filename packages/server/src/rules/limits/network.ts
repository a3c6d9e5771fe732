import { isIPv4 } from 'node:net';
import ipaddr from 'ipaddr.js';

/** The part of an address that its user cannot choose freely: all of IPv4, the first 64 bits (the network) of IPv6. */
export function network(address: string): string {
  if (isIPv4(address)) return address;
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed.kind() === 'ipv4') return parsed.toString();
  return (parsed as ipaddr.IPv6).parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':');
}
