import { hash } from 'node:crypto';
import { minuteMs } from '../../ground/clock.ts';
import type { RateLimit } from '../../ground/settings.ts';
import type { Database, Reader, Tx } from '../../storage/database.ts';
import { networksOf } from './network.ts';
import { takeStrictly, windowsOf } from './queries.ts';
import { skewMs, type Usage, usage } from './windows.ts';

/** How many times the limit a /56, and a /48 or an IPv4 /24, may use. */
const siteTimes = 10;
const wideTimes = 20;
/** Above this multiple of the limit in all, networks that have registered in this window already are refused. */
const brakeTimes = 200;
/** How long a repetition is known by its idempotency key: as long as its answer is kept (contract section 1). */
const repetitionMs = 10 * minuteMs;

/** A registration that asks to be counted. */
interface Asked {
  readonly address: string;
  /** The idempotency key of the request: repetitions with it from the same address are counted once. */
  readonly idempotencyKey: string | undefined;
  readonly limit: RateLimit;
  readonly now: number;
}

/** A window that a registration is counted in. Windows are locked in the order of their keys. */
interface Level {
  readonly key: string;
  readonly limit: RateLimit;
}

/** A level allows no further registration. */
class Full extends Error {
  readonly usage: Usage;

  constructor(full: Usage) {
    super('No further registration is allowed');
    this.usage = full;
  }
}

/** What a registration is counted in. */
interface Levels {
  /** The key under which a repetition is known. */
  readonly repetition: string | undefined;
  /** The address, and its /56. */
  readonly narrow: readonly Level[];
  readonly wide: Level;
  readonly all: Level;
}

/**
 * Counts a registration in the database, so that the limits hold for all servers together and across restarts (contract
 * section 10). A registration that is refused is counted in no window.
 *
 * @returns what is left where least is left; `repeated` if the request was counted before.
 */
export async function takeRegistration(db: Database, asked: Asked): Promise<Usage | 'repeated'> {
  const levels = levelsOf(asked);
  try {
    // Read before anything is written, so that a flood of registrations that are refused keeps no writer waiting.
    if (await isRepeated(db, levels, asked)) return 'repeated';
    return await db.transact('limit', (tx) => take(tx, levels, asked));
  } catch (error) {
    if (error instanceof Full) return error.usage;
    throw error;
  }
}

/** @throws Full when no further registration is allowed. */
async function isRepeated(reader: Reader, levels: Levels, { limit, now }: Asked): Promise<boolean> {
  const { repetition, narrow, wide, all } = levels;
  const keys = [...narrow, wide, all].map(({ key }) => key).concat(repetition ?? []);
  const rows = await reader.all(windowsOf, { keys: JSON.stringify(keys) });
  const lengthOf = (key: string) => (key === repetition ? repetitionMs : limit.windowMs);
  const isOpen = ({ key, ends_at }: { key: string; ends_at: number }) =>
    now < ends_at && ends_at <= now + lengthOf(key) + skewMs;
  const open = new Map(rows.filter(isOpen).map((row) => [row.key, row]));
  if (repetition !== undefined && open.has(repetition)) return true;
  for (const level of open.has(wide.key) ? [...narrow, wide, all] : narrow) {
    const { count = 0, ends_at = now } = open.get(level.key) ?? {};
    if (count >= level.limit.count) throw new Full(usage(level.limit, false, count, ends_at));
  }
  return false;
}

/** Checks every window again as it is written: others have counted in between. @throws Full */
async function take(tx: Tx, { repetition, narrow, wide, all }: Levels, { now }: Asked): Promise<Usage | 'repeated'> {
  if (repetition !== undefined && !(await isFirst(tx, repetition, now))) return 'repeated';
  const counted: Usage[] = [];
  for (const level of narrow) counted.push(await count(tx, level, now));
  const widest = await count(tx, wide, now);
  const isNewcomer = widest.remaining === wide.limit.count - 1;
  await count(tx, isNewcomer ? { ...all, limit: { ...all.limit, count: Number.MAX_SAFE_INTEGER } } : all, now);
  return [...counted, widest].reduce((least, each) => (each.remaining < least.remaining ? each : least));
}

function levelsOf(asked: Asked): Levels {
  const { limit, address } = asked;
  const { own, site, wide } = networksOf(address);
  return {
    repetition: repetitionOf(asked),
    narrow: [levelOf(limit, 1, own, 1), ...(site === undefined ? [] : [levelOf(limit, 2, site, siteTimes)])],
    wide: levelOf(limit, 3, wide, wideTimes),
    all: levelOf(limit, 4, 'all', brakeTimes),
  };
}

const levelOf = ({ count, windowMs }: RateLimit, order: number, who: string, times: number): Level => ({
  key: `register/${windowMs} ${order} ${who}`,
  limit: { count: times * count, windowMs },
});

/** The key under which a repetition is known. The database must not hold the idempotency key itself. */
const repetitionOf = ({ address, idempotencyKey, limit }: Asked): string | undefined =>
  idempotencyKey && `register/${limit.windowMs} 0 ${hash('sha256', `counted\n${address}\n${idempotencyKey}`)}`;

async function isFirst(tx: Tx, key: string, now: number): Promise<boolean> {
  const ends_at = now + repetitionMs;
  return (await tx.first(takeStrictly, { key, now, ends_at, latest: ends_at + skewMs, limit: 1 })) !== undefined;
}

/** @throws Full when the window has become full since it was read. */
async function count(tx: Tx, { key, limit }: Level, now: number): Promise<Usage> {
  const ends_at = now + limit.windowMs;
  const taken = await tx.first(takeStrictly, { key, now, ends_at, latest: ends_at + skewMs, limit: limit.count });
  if (taken === undefined) throw new Full(usage(limit, false, limit.count, ends_at));
  return usage(limit, true, taken.count, taken.ends_at);
}
