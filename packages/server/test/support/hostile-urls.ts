import ipaddr from 'ipaddr.js';
import { list } from './list.ts';

/** Forbidden webhook addresses, in all spellings known to have bypassed a check. */

const loopback = [
  ...list(`https://localhost https://LOCALHOST/x https://localhost. https://localhost.. https://a.localhost
    https://localhost:8443/hook https://localhost.localdomain https://ip6-localhost https://ip6-loopback
    https://127.0.0.1 https://127.0.0.1:8000 https://127.255.255.254 https://127.0.0.1. https://127.0.0.1..
    https://127.1 https://127.0.1 https://2130706433 https://0x7f000001 https://0x7f.1 https://0X7F.0.0.0x1
    https://017700000001 https://0177.0.0.1 https://00000177.1 https://0 https://0.0.0.0 https://0x
    https://１２７.0.0.1 https://127。0。0。1 https://①②⑦.0.0.1 https://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ https://loc\u00adalhost
    https://%6c%6f%63alhost https://127%2e0%2e0%2e1 https://%31%32%37.0.0.1 HTTPS://127.0.0.1
    https:127.0.0.1 https:/127.0.0.1 https:\\\\127.0.0.1 https:////127.0.0.1
    https://[::1] https://[::1]:443/x https://[0:0:0:0:0:0:0:1] https://[0000::0001] https://[::]`),
  ...['https://local\thost', 'https://127.0.\n0.1', ' https://127.0.0.1 '],
];

const privateNetworks = list(`
  https://10.0.0.1 https://10.255.255.255 https://10.1 https://0xa000001 https://167772161 https://012.0.0.1
  https://172.16.0.1 https://172.31.255.255 https://192.168.0.1 https://192.168.257 https://0xc0a80001
  https://100.64.0.1 https://100.127.255.255 https://1681915905 https://198.18.0.1 https://198.19.255.255
  https://192.0.0.1 https://192.0.2.1 https://198.51.100.1 https://203.0.113.1 https://192.88.99.1
  https://224.0.0.1 https://239.255.255.255 https://240.0.0.1 https://255.255.255.255 https://0.1.2.3
  https://[fc00::1] https://[fdff:ffff::1] https://[fec0::1] https://[ff02::1] https://[2001:db8::1]
  https://[100::1] https://[3fff::1] https://[5f00::1] https://[4000::1] https://[2001:10::1]
  https://printer.local https://db.internal https://host.docker.internal https://nas.lan https://nas.LAN.
  https://x.home https://x.corp https://x.private https://x.intranet https://x.home.arpa
  https://intranet https://postgres https://redis:6379 https://a..b https://.example.com`);

const metadata = list(`
  https://169.254.169.254 https://169.254.0.1 https://0xa9fea9fe https://2852039166 https://169.254.43518
  https://0251.0376.0251.0376 https://[fe80::1] https://[fe80::a9fe:a9fe] https://[febf::1] https://[fd00:ec2::254]
  https://100.100.100.200 https://168.63.129.16 https://0xa83f8110 https://192.0.0.192
  https://metadata https://metadata.google.internal https://metadata.google.internal. https://instance-data`);

/** IPv6 addresses that embed an IPv4 address, also a public one: the network decides where they lead. */
const carriers = list(`
  https://[::ffff:127.0.0.1] https://[::ffff:7f00:1] https://[0:0:0:0:0:ffff:10.0.0.1] https://[::ffff:8.8.8.8]
  https://[::127.0.0.1] https://[::7f00:1] https://[::8.8.8.8] https://[::ffff:0:127.0.0.1]
  https://[64:ff9b::127.0.0.1] https://[64:ff9b::a9fe:a9fe] https://[64:ff9b:1::10.0.0.1]
  https://[2002:7f00:1::] https://[2002:a9fe:a9fe::1] https://[2002:808:808::1]
  https://[2001:0:53aa:64c:0:0:80ff:fffe] https://[2001::1]`);

export const withCredentials = list(`
  https://user@example.com https://user:password@example.com https://:password@example.com
  https://example.com@127.0.0.1 https://127.0.0.1@example.com https://%75ser@1.1.1.1`);

export const otherSchemes = list(`
  http://example.com http://1.1.1.1 ftp://example.com ws://example.com wss://example.com file:///etc/passwd
  gopher://example.com javascript:alert(1) data:text/html,x mailto:a@example.com unix:/tmp/socket blob:https://a.com`);

export const garbage = [
  ...list(`x example.com //example.com/hook /hook ? # https https: https:// https:/// https://?x https://#x https://:443
    https://example.com:x https://example.com:65536 https://[::1 https://[::1]] https://[fe80::1%25eth0] https://[1.1.1.1]
    https://1.2.3.4.5 https://256.1.1.1 https://x.1 https://%00.com https://a%2fb.com https://a<b.com https://a|b.com
    https://xn--a.com:-1`),
  ...[' ', 'https://exa mple.com', 'https://\u0000.com'],
];

const groups = { loopback, privateNetworks, metadata, carriers, withCredentials, otherSchemes, garbage };
export const hostile = Object.entries(groups).flatMap(([kind, urls]) => urls.map((url) => ({ kind, url })));

/** Addresses that no webhook may reach, of every kind of network. */
export const forbiddenAddresses = list(`
  127.0.0.1 127.0.0.2 127.1.2.3 127.255.255.254 0.0.0.0 0.1.2.3 10.0.0.1 10.10.10.10 10.255.255.255 100.64.0.1 100.100.100.200
  100.127.255.255 169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 172.17.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1
  192.88.99.1 192.168.0.1 192.168.1.254 192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1
  239.255.255.255 240.0.0.1 255.255.255.255 168.63.129.16
  ::1 :: fe80::1 fe80::a9fe:a9fe febf::1 fc00::1 fd00:ec2::254 fdff:ffff::1 fec0::1 ff02::1 2001:db8::1 100::1 3fff::1 5f00::1
  4000::1 2001:10::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:8.8.8.8 ::127.0.0.1 ::8.8.8.8
  ::ffff:0:127.0.0.1 64:ff9b::127.0.0.1 64:ff9b:1::10.0.0.1 2002:7f00:1:: 2002:a9fe:a9fe::1 2002:808:808::1
  2001:0:53aa:64c:0:0:80ff:fffe 2001::1`);

/** The spellings of an IPv4 address that URLs treat as equal, and its IPv6 embeddings. */
function spellings(address: string): string[] {
  const bytes = address.split('.').map(Number) as [number, number, number, number];
  const [a, b, c, d] = bytes;
  const number = ((a * 256 + b) * 256 + c) * 256 + d;
  const octal = (value: number) => `0${value.toString(8)}`;
  const hex = (value: number) => `0x${value.toString(16)}`;
  const [high, low] = [(a * 256 + b).toString(16), (c * 256 + d).toString(16)];
  const wide = (text: string, zero: number, dot: string) =>
    text.replace(/\d/g, (digit) => String.fromCodePoint(zero + Number(digit))).replaceAll('.', dot);
  return [
    ...[number, hex(number), octal(number)].map(String),
    ...[bytes.map(hex), bytes.map(octal), [hex(a), octal(b), c, d]].map((parts) => parts.join('.')),
    `${a}.${(b * 256 + c) * 256 + d}`,
    `${a}.${b}.${c * 256 + d}`,
    `${hex(a)}.${hex((b * 256 + c) * 256 + d)}`,
    `${address}.`,
    wide(address, 0xff10, '。'),
    wide(address, 0x1d7ce, '．'),
    encodeURIComponent(address).replaceAll('.', '%2e'),
    ...['::ffff:', '::', '64:ff9b::', '::ffff:0:', '64:ff9b:1::'].map((prefix) => `[${prefix}${address}]`),
    `[::ffff:${high}:${low}]`,
    `[64:ff9b::${high}:${low}]`,
    `[2002:${high}:${low}::1]`,
    `[fe80::5efe:${high}:${low}]`,
  ];
}

const written = (address: string) => (ipaddr.parse(address).kind() === 'ipv6' ? [`[${address}]`] : spellings(address));

/** Each forbidden address in each spelling, as an https URL. */
export const forbiddenUrls = [
  ...new Set(forbiddenAddresses.flatMap((address) => [...written(address)].map((host) => `https://${host}/hook`))),
];
