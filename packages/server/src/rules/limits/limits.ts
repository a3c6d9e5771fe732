import { isIPv4 } from 'node:net';
import type { LimitName } from '@pinchwork/sdk';
import ipaddr from 'ipaddr.js';
import { secondMs } from '../../ground/clock.ts';
import type { RateLimit } from '../../ground/settings.ts';
import type { Ground } from '../../storage/ground.ts';
import { Loop } from '../../ground/loop.ts';
import { addShares, takeStrictly, windowOf } from './queries.ts';
import { type Share, skewMs, type Usage, usage, Windows } from './windows.ts';

/** How often the counts of several servers are added up. */
const mergeMs = secondMs;
/** The few statements that add shares: as many at once as there are, in these portions. */
const portions = [100, 10, 1] as const;
/** Windows of a kind that are added up in one pass (0.3 s on PostgreSQL); in a flood of addresses the others wait. */
const mostShares = 10_000;

/**
 * The rate limits (contract section 10, docs/decisions/0006). An agent is counted under its id, whoever sends no good
 * key under its address, and the two never meet: what happens at an address can't lock out a good key, and a flood of
 * addresses pushes out no agent's count.
 *
 * Registrations are counted in the database. Everything else is counted in memory, exactly, and with several servers
 * added up every second: until then each lets through what it knows of, so the overshoot is what reaches the others
 * within that second.
 */
export class Limits {
  readonly #ctx: Pick<Ground, 'config' | 'db' | 'clock'>;
  readonly #agents: Windows;
  readonly #addresses: Windows;
  readonly #loop: Loop;

  constructor(ctx: Pick<Ground, 'config' | 'db' | 'clock' | 'log'>) {
    this.#ctx = ctx;
    const options = { isShared: ctx.db.shared };
    this.#agents = new Windows(ctx.clock, options);
    this.#addresses = new Windows(ctx.clock, options);
    this.#loop = new Loop(
      ctx.clock,
      () => this.merge(),
      (error) => ctx.log.warn(error, 'the rate limits could not be added up; each server goes on with its own counts'),
    );
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Counts a request of an agent, or of the operator. Undefined: there is no limit. */
  takeForCaller(name: LimitName, callerId: string): Usage | undefined {
    const limit = this.#ctx.config.rateLimits[name];
    return limit && this.#agents.take(keyOf(name, limit, callerId), limit);
  }

  /** Counts a request without a good key. */
  takeForAddress(address: string): Usage | undefined {
    const limit = this.#ctx.config.rateLimits.read;
    return limit && this.#addresses.take(keyOf('address', limit, network(address)), limit);
  }

  /** Counts a registration, for all servers and across restarts. */
  async takeRegistration(address: string): Promise<Usage | undefined> {
    const limit = this.#ctx.config.rateLimits.register;
    return limit && this.#takeStrictly(keyOf('register', limit, network(address)), limit);
  }

  #takeStrictly(key: string, limit: RateLimit): Promise<Usage> {
    const { db, clock } = this.#ctx;
    return db.transact('limit', async (tx) => {
      const now = clock.now();
      const ends_at = now + limit.windowMs;
      const taken = await tx.first(takeStrictly, { key, now, ends_at, latest: ends_at + skewMs, limit: limit.count });
      if (taken !== undefined) return usage(limit, true, taken.count, taken.ends_at);
      const full = await tx.first(windowOf, { key });
      return usage(limit, false, limit.count, full?.ends_at ?? now);
    });
  }

  /** Adds up what the servers have counted; the loop's pass. */
  async merge(): Promise<number> {
    for (const windows of [this.#agents, this.#addresses]) {
      windows.sweep();
      if (this.#ctx.db.shared) await this.#share(windows);
    }
    return mergeMs;
  }

  async #share(windows: Windows): Promise<void> {
    // Sorted, so that servers which add to the same windows wait for each other in one order.
    const shares = windows.shares(mostShares).sort((a, b) => (a.key < b.key ? -1 : 1));
    const todo = [...Map.groupBy(shares, ({ windowMs }) => windowMs).values()].flatMap(inPortions);
    let done = 0;
    try {
      for (; done < todo.length; done++) for (const sum of await this.#add(todo[done]!)) windows.merge(sum);
    } catch (error) {
      for (const share of todo.slice(done).flat()) windows.restore(share);
      throw error;
    }
  }

  /** @param shares of windows that are equally long. */
  #add(shares: readonly Share[]): Promise<Omit<Share, 'windowMs'>[]> {
    const { db, clock } = this.#ctx;
    const params = shares.flatMap(({ key, count, endsAt }, i) => [
      [`key_${i}`, key] as const,
      [`count_${i}`, count] as const,
      [`ends_at_${i}`, endsAt] as const,
    ]);
    return db.transact('merge limits', async (tx) => {
      const now = clock.now();
      const latest = now + shares[0]!.windowMs + skewMs;
      const rows = await tx.all(addShares(shares.length), { now, latest, ...Object.fromEntries(params) });
      return rows.map(({ key, count, ends_at }) => ({ key, count, endsAt: ends_at }));
    });
  }
}

function inPortions(shares: readonly Share[]): Share[][] {
  const list: Share[][] = [];
  let from = 0;
  for (const size of portions) {
    for (; shares.length - from >= size; from += size) list.push(shares.slice(from, from + size));
  }
  return list;
}

/** With the window's length: where an operator changes it, what was counted over the old one no longer counts. */
const keyOf = (kind: LimitName | 'address', { windowMs }: RateLimit, who: string) => `${kind}/${windowMs} ${who}`;

/** What of an address one household or machine can't choose: IPv4 whole, of IPv6 the network, its first 64 bits. */
function network(address: string): string {
  if (isIPv4(address)) return address;
  if (!ipaddr.isValid(address)) return address;
  const parsed = ipaddr.process(address);
  if (parsed.kind() === 'ipv4') return parsed.toString();
  return (parsed as ipaddr.IPv6).parts
    .slice(0, 4)
    .map((part) => part.toString(16))
    .join(':');
}
