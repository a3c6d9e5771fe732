import { hash, timingSafeEqual } from 'node:crypto';
import { type Clock, secondMs } from '../../ground/clock.ts';
import type { Database } from '../../storage/database.ts';
import { agentSuspended, DomainError } from '../../ground/errors.ts';
import { createApiKey, parseApiKey } from '../../ground/ids.ts';
import { keyOwner } from './queries.ts';

/** A key that was good is good for so long without another look: a suspension must bite within a second. */
const cacheMs = secondMs / 2;
const cacheSize = 20_000;

interface Owner {
  readonly agentId: string;
  readonly suspended: boolean;
}

/** Tells agents by their API keys. Keys stand in the database, and here, as SHA-256 only. */
export class Credentials {
  readonly #db: Database;
  readonly #clock: Clock;
  readonly #cache = new Map<string, { owner: Owner; until: number }>();

  constructor(db: Database, clock: Clock) {
    this.#db = db;
    this.#clock = clock;
  }

  /**
   * The agent whose key this is.
   *
   * @throws DomainError `unauthorized` when it is nobody's, `agent_suspended` when its agent is suspended.
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

  /** Has the next request of every agent look anew. */
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

/** SHA-256 is enough: keys are 256 bits of chance, there is nothing to guess. */
export const hashKey = (key: string) => hash('sha256', key, 'hex');

interface NewKey {
  readonly key: string;
  readonly row: { readonly id: string; readonly key_hash: string };
}

export function newKey(): NewKey {
  const { keyId, key } = createApiKey();
  return { key, row: { id: keyId, key_hash: hashKey(key) } };
}
