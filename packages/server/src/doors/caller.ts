import { timingSafeEqual } from 'node:crypto';
import type { Auth, Endpoint } from '@pinchwork/sdk';
import { present } from '../ground/present.ts';
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
class IdentifiedCaller {
  /** The endpoint that it was admitted to. */
  readonly endpoint: Endpoint;
  /** Empty for all callers that are not agents. */
  readonly agentId: string;
  /** The agent's key; undefined for everybody else. */
  readonly key: Key | undefined;
  readonly credentials: Credentials;
  /** When the credentials were last checked. */
  readonly checkedAt: number;
  /** Makes the type nominal: an object of the same shape is no caller. */
  readonly #isIdentified = true;

  constructor(endpoint: Endpoint, key: Key | undefined, credentials: Credentials, checkedAt: number) {
    this.endpoint = endpoint;
    this.agentId = key?.agentId ?? '';
    this.key = key;
    this.credentials = credentials;
    this.checkedAt = checkedAt;
  }

  get kind(): Auth {
    return this.endpoint.auth;
  }

  static isOne(value: object): boolean {
    return #isIdentified in value;
  }
}

/** The class stays in this file, so that nobody else makes a caller: `admit` is the only way to one. */
export type Caller = IdentifiedCaller;

/** Whether a caller was admitted to this endpoint. A door that forgets to ask `admit` has no such caller. */
export const isAdmittedTo = (endpoint: Endpoint, caller: Caller): boolean =>
  IdentifiedCaller.isOne(caller) && caller.endpoint === endpoint;

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
  const called = (key: Key | undefined) => new IdentifiedCaller(endpoint, key, credentials, checkedAt);
  if (auth === 'none') return called(undefined);
  const { adminKey } = ctx.config;
  if (auth === 'admin' && adminKey === undefined) {
    throw new DomainError('not_configured', 'The admin API is off', 'Start the server with PINCHWORK_ADMIN_KEY set.');
  }
  if (credentials.key === undefined) throw wrongKey();
  if (auth === 'agent') {
    return called(await ctx.credentials.authenticate(credentials.key, endpoint.endedKey === 'may repeat'));
  }
  if (
    !timingSafeEqual(Buffer.from(hashKey(credentials.key)), Buffer.from(hashKey(present(adminKey, 'The admin key'))))
  ) {
    throw new DomainError('forbidden', 'This is not the admin key');
  }
  return called(undefined);
}

/** Whether a caller's credentials were checked so long ago that they must be checked again. */
export function isStale({ checkedAt }: Caller, now: number): boolean {
  return now - checkedAt > staleMs || now < checkedAt;
}
