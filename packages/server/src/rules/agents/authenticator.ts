import { timingSafeEqual } from 'node:crypto';
import { type Clock, minuteMs, secondMs } from '../../ground/clock.ts';
import type { Database } from '../../storage/database.ts';
import { DomainError } from '../../ground/errors.ts';
import { parseApiKey } from '../../ground/ids.ts';
import { keyById } from './key-queries.ts';
import { hashKey, type Key, keyOf } from './keys.ts';

/** How long a valid key is cached. Less than a second, in which suspensions and revocations must take effect. */
const cacheMs = secondMs / 2;
const cacheSize = 20_000;
/** How long a rotated key may repeat the request that rotated it (contract section 2, "Keys"). */
const repeatMs = 10 * minuteMs;

/** A key that works, and whether its agent is suspended. */
interface Authentic {
  readonly key: Key;
  readonly isSuspended: boolean;
}

interface Known extends Authentic {
  readonly until: number;
}

/** Finds the agent of an API key. The database and this cache hold keys as SHA-256 only. */
export class Authenticator {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #cache = new Map<string, Known>();
  /** When each key was last looked up, since `takeUses`. */
  #uses = new Map<string, number>();

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /**
   * Finds the agent of a key in a request. The caller must refuse an agent that is suspended.
   *
   * @param mayRepeat whether a key that was rotated in the last ten minutes passes too.
   * @throws DomainError `unauthorized` when it is unknown or has ended.
   */
  async authenticate(text: string, mayRepeat = false): Promise<Authentic> {
    const keyHash = hashKey(text);
    const now = this.#clock.now();
    let known = this.#cache.get(keyHash);
    if (known === undefined || now >= known.until || now < known.until - cacheMs) {
      known = await this.#lookUp(text, keyHash, now);
      if (this.#cache.size >= cacheSize) this.#cache.clear();
      this.#cache.set(keyHash, known);
    }
    const { key } = known;
    if (key.isEnded || (key.expiresAt !== null && key.expiresAt <= now)) {
      const isRepeat = mayRepeat && key.rotatedAt !== null && now < key.rotatedAt + repeatMs;
      if (!isRepeat) throw endedKey();
    }
    return known;
  }

  async #lookUp(text: string, keyHash: string, now: number): Promise<Known> {
    const parts = parseApiKey(text);
    const row = parts && (await this.#db.first(keyById, { id: parts.keyId }));
    if (row === undefined || !timingSafeEqual(Buffer.from(row.key_hash), Buffer.from(keyHash))) throw wrongKey();
    if (this.#uses.size < cacheSize) this.#uses.set(row.id, now);
    return { key: keyOf(row), isSuspended: row.suspended_at !== null, until: now + cacheMs };
  }

  /** When a key was last used on this server. Undefined: not since the last save. */
  lastUse(keyId: string): number | undefined {
    return this.#uses.get(keyId);
  }

  /** Returns and clears the times of use since the last call, by key id. */
  takeUses(): ReadonlyMap<string, number> {
    const uses = this.#uses;
    this.#uses = new Map();
    return uses;
  }

  /** Clears the cache, so that the next request of every key looks it up. */
  forget(): void {
    this.#cache.clear();
  }
}

export const wrongKey = () =>
  new DomainError(
    'unauthorized',
    'Missing or unknown API key',
    'Send "Authorization: Bearer <api_key>"; POST /v1/register gives you a key.',
  );

export const endedKey = () =>
  new DomainError(
    'unauthorized',
    'This API key has ended: it was revoked or rotated, or it has expired',
    'Use another key of this agent. An agent that was deleted has none.',
  );
