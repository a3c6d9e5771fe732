import { hash, timingSafeEqual } from 'node:crypto';
import { type Clock, secondMs } from '../../ground/clock.ts';
import type { Database } from '../../storage/database.ts';
import { agentSuspended, DomainError } from '../../ground/errors.ts';
import { createApiKey, parseApiKey } from '../../ground/ids.ts';
import { keyOwner } from './queries.ts';

/** A valid key is cached for this time; a suspension must take effect within a second. */
const cacheMs = secondMs / 2;
const cacheSize = 20_000;

interface Owner {
  readonly agentId: string;
  readonly suspended: boolean;
}

/** Finds the agent of an API key. The database and this cache hold only the SHA-256 of keys. */
export class Credentials {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #cache = new Map<string, { owner: Owner; until: number }>();

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /**
   * Finds the agent that owns a key (contract section 10).
   *
   * @throws DomainError `unauthorized` if no agent owns it, `agent_suspended` if its agent is suspended.
   */
  async authenticate(key: string): Promise<string> {
    const keyHash = hashKey(key);
    const now = this.#clock.now();
    let known = this.#cache.get(keyHash);
    if (known === undefined || now >= known.until || now < known.until - cacheMs) {
      known = { owner: await this.#lookUp(key, keyHash), until: now + cacheMs };
      if (this.#cache.size >= cacheSize) this.#cache.clear();
      this.#cache.set(keyHash, known);
    }
    if (known.owner.suspended) throw agentSuspended();
    return known.owner.agentId;
  }

  async #lookUp(key: string, keyHash: string): Promise<Owner> {
    const parts = parseApiKey(key);
    const row = parts && (await this.#db.first(keyOwner, { id: parts.keyId }));
    if (row === undefined || !timingSafeEqual(Buffer.from(row.key_hash), Buffer.from(keyHash))) throw wrongKey();
    return { agentId: row.agent_id, suspended: row.suspended_at !== null };
  }

  /** Clears the cache, so that the next request of every agent reads the database. */
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

/** SHA-256 without salt or stretching is enough: keys have 256 random bits, so they cannot be guessed. */
export const hashKey = (key: string) => hash('sha256', key, 'hex');

interface NewKey {
  readonly key: string;
  readonly row: { readonly id: string; readonly key_hash: string };
}

export function newKey(): NewKey {
  const { keyId, key } = createApiKey();
  return { key, row: { id: keyId, key_hash: hashKey(key) } };
}
