/** The kinds of requests that are limited, each on its own (contract section 10). */
export const limitNames = ['register', 'create', 'pickup', 'deliver', 'read', 'write', 'admin'] as const;
export type LimitName = (typeof limitNames)[number];

/** What a key may be allowed to do (contract section 10, "Scopes"). */
export type { Scope } from '../scopes.ts';

export const methods = ['GET', 'POST', 'PATCH', 'DELETE'] as const;
export type Method = (typeof methods)[number];
export type Auth = 'none' | 'agent' | 'admin';

/**
 * What an `Idempotency-Key` does: nothing, as on reads; the first success is kept for a day; or it is kept for ten
 * minutes, encrypted under the key itself, because it holds a secret (contract section 1, "Idempotency").
 */
export type Idempotency = 'none' | 'kept' | 'sealed';
