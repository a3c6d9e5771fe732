import { readFileSync } from 'node:fs';
import { namesOf } from '../../ground/present.ts';
import { network } from './network.ts';
import { Share, type ShareOptions } from './share.ts';

const mebibyte = 1024 * 1024;

/** Open files that are not connections of clients: the database, webhooks, the log. */
const otherFiles = 512;
/** More connections than streams, so that streams alone never exhaust them. Each takes some 20 KiB. */
const mostSockets = 30_000;

/** The resources that are shared. Each has a row in docs/security.md and the metrics `pinchwork_share_*`. */
const resources = {
  sockets: () => ({ most: Math.min(mostSockets, Math.max(64, openFiles() - otherFiles)), toLargest: 'replace' }),
  body_bytes: () => ({ most: 256 * mebibyte }),
  reply_bytes: () => ({ most: 256 * mebibyte }),
  /** Event streams, and requests that wait. Each takes a connection. */
  waits: () => ({ most: 20_000 }),
  /** Searches that run apart: as many as the embedded database has threads for them. */
  searches: () => ({ most: 2, mostWaiting: 1_000 }),
  anonymous_searches: () => ({ most: 1, mostWaiting: 32 }),
  /** Checks of an `acceptance`, which one thread makes. */
  checks: () => ({ most: 1, mostWaiting: 1_000 }),
  /** Turns of the event loop for what takes long in one piece, such as reading a long body or making a long reply. */
  loop: () => ({ most: 1, mostWaiting: 1_000 }),
} as const satisfies Readonly<Record<string, () => ShareOptions>>;

type ShareName = keyof typeof resources;

/** What the requests of one server share. */
export type Shares = Readonly<Record<ShareName, Share>>;

/** @param changes other sizes, for tests. */
export function openShares(changes: Partial<Record<ShareName, Partial<ShareOptions>>> = {}): Shares {
  const shares = namesOf(resources).map(
    (name) => [name, new Share({ ...resources[name](), ...changes[name] })] as const,
  );
  // `fromEntries` forgets the names.
  return Object.fromEntries(shares) as Shares;
}

/** Who holds what a request uses: its agent, or the network of its address if no agent is known. */
export const holderOf = (agentId: string | undefined, address: string): string =>
  agentId === undefined || agentId === '' ? network(address) : agentId;

/** How many files this process may open. Systems other than Linux count as unlimited. */
function openFiles(): number {
  if (process.platform !== 'linux') return Number.MAX_SAFE_INTEGER;
  // Node raises the soft limit to the hard one when it starts.
  const [, hard] = /^Max open files +\S+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return hard === undefined ? Number.MAX_SAFE_INTEGER : Number(hard);
}
