import { timingSafeEqual } from 'node:crypto';
import type { Auth, Endpoint } from '@pinchwork/sdk';
import { wrongKey } from '../rules/agents/credentials.ts';
import { hashKey, type Key } from '../rules/agents/keys.ts';
import { secondMs } from '../ground/clock.ts';
import type { Context } from '../verbs/context.ts';
import { DomainError } from '../ground/errors.ts';

/** What identifies a caller. */
export interface Credentials {
  /** The key of the request. Undefined: none, or something that can't be a key. */
  readonly key: string | undefined;
  /** The caller's network address. */
  readonly address: string;
}

/** Who calls. */
export interface Caller {
  readonly kind: Auth;
  /** Empty for all callers that are not agents. */
  readonly agentId: string;
  /** The agent's key; undefined for everybody else. */
  readonly key: Key | undefined;
  readonly credentials: Credentials;
  /** When the credentials were last checked. */
  readonly checkedAt: number;
}

/** After this time a caller's credentials are checked again, because a suspension must take effect within a second. */
const staleMs = secondMs / 2;

/**
 * Identifies the caller.
 *
 * @throws DomainError in the order of the contract: `not_configured`, `unauthorized`, then what is forbidden.
 */
export async function identify(ctx: Context, endpoint: Endpoint, credentials: Credentials): Promise<Caller> {
  const { auth } = endpoint;
  const checkedAt = ctx.clock.now();
  const nobody = { kind: auth, agentId: '', key: undefined, credentials, checkedAt };
  if (auth === 'none') return nobody;
  const { adminKey } = ctx.config;
  if (auth === 'admin' && adminKey === undefined) {
    throw new DomainError('not_configured', 'The admin API is off', 'Start the server with PINCHWORK_ADMIN_KEY set.');
  }
  if (credentials.key === undefined) throw wrongKey();
  if (auth === 'agent') {
    const key = await ctx.credentials.authenticate(credentials.key, endpoint.endedKey === 'may repeat');
    return { kind: auth, agentId: key.agentId, key, credentials, checkedAt };
  }
  if (!timingSafeEqual(Buffer.from(hashKey(credentials.key)), Buffer.from(hashKey(adminKey!)))) {
    throw new DomainError('forbidden', 'This is not the admin key');
  }
  return nobody;
}

/** Whether a caller's credentials were checked so long ago that they must be checked again. */
export function isStale({ checkedAt }: Caller, now: number): boolean {
  return now - checkedAt > staleMs || now < checkedAt;
}
