import { timingSafeEqual } from 'node:crypto';
import { allows, type Auth, type Endpoint } from '@pinchwork/sdk/table';
import { present } from '../ground/present.ts';
import { wrongKey } from '../rules/agents/authenticator.ts';
import { hashKey, type Key } from '../rules/agents/keys.ts';
import { secondMs } from '../ground/clock.ts';
import type { Context } from '../verbs/context.ts';
import { agentSuspended, DomainError } from '../ground/errors.ts';

/** What identifies a caller. */
export interface Credentials {
  /** The key of the request. Undefined: none, or something that can't be a key. */
  readonly key: string | undefined;
  /** The caller's network address. */
  readonly address: string;
  /** The idempotency key of the request, by which a repeated registration is known. */
  readonly idempotencyKey?: string | undefined;
}

type Known = Awaited<ReturnType<Context['authenticator']['authenticate']>>;

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
  /** Whether its agent is suspended. */
  readonly isSuspended: boolean;
  /** Makes the type nominal: an object of the same shape is no caller. */
  readonly #isIdentified = true;

  constructor(endpoint: Endpoint, credentials: Credentials, checkedAt: number, known?: Known) {
    this.endpoint = endpoint;
    this.agentId = known?.key.agentId ?? '';
    this.key = known?.key;
    this.credentials = credentials;
    this.checkedAt = checkedAt;
    this.isSuspended = known?.isSuspended ?? false;
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
 * Identifies the caller. `refusalOfCaller` says whether it may call the endpoint.
 *
 * @throws DomainError in the order of the contract: `not_configured`, `unauthorized`, then `forbidden`.
 */
export async function identify(ctx: Context, endpoint: Endpoint, credentials: Credentials): Promise<Caller> {
  const { auth } = endpoint;
  const checkedAt = ctx.clock.now();
  const called = (known?: Known) => new IdentifiedCaller(endpoint, credentials, checkedAt, known);
  if (auth === 'none') return called();
  const { adminKey } = ctx.config;
  if (auth === 'admin' && adminKey === undefined) {
    throw new DomainError('not_configured', 'The admin API is off', 'Start the server with PINCHWORK_ADMIN_KEY set.');
  }
  if (credentials.key === undefined) throw wrongKey();
  if (auth === 'agent') {
    return called(await ctx.authenticator.authenticate(credentials.key, endpoint.endedKey === 'may repeat'));
  }
  if (
    !timingSafeEqual(Buffer.from(hashKey(credentials.key)), Buffer.from(hashKey(present(adminKey, 'The admin key'))))
  ) {
    throw new DomainError(
      'forbidden',
      'This is not the admin key',
      'Send the key that the operator has set. GET /v1/capabilities lists the calls for agents.',
    );
  }
  return called();
}

/** Why an identified caller may not call its endpoint: a suspension, or a missing scope. Undefined: it may. */
export function refusalOfCaller({ endpoint: { scopes }, key, isSuspended }: Caller): DomainError | undefined {
  if (isSuspended) return agentSuspended();
  if (key === undefined || allows(key.scopes, scopes)) return undefined;
  return new DomainError(
    'scope_missing',
    `This key lacks the scope ${scopes.map((scope) => `"${scope}"`).join(' or ')}`,
    'Use a key with it; one with the scope manage makes keys: POST /v1/me/keys.',
  );
}

/** Whether a caller's credentials were checked so long ago that they must be checked again. */
export function isStale({ checkedAt }: Caller, now: number): boolean {
  return now - checkedAt > staleMs || now < checkedAt;
}
