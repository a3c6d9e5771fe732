import { allows, type Endpoint, type Scope } from '@pinchwork/sdk';
import { hourMs, minuteMs, secondMs } from '../ground/clock.ts';
import type { RateLimit } from '../ground/settings.ts';
import type { Context } from '../verbs/context.ts';
import { DomainError } from '../ground/errors.ts';
import type { Usage } from '../rules/limits/windows.ts';
import { type Caller, type Credentials, identify } from './caller.ts';

/** Whether a call is let in, and what is left of the caller's rate limit. */
export interface Admission {
  /** Undefined when the call is refused. */
  readonly caller: Caller | undefined;
  /** Why the call is refused. */
  readonly refusal: DomainError | undefined;
  /** Undefined where no limit applies. */
  readonly usage: Usage | undefined;
}

/**
 * Decides whether to admit a call, before its input is read. It checks in the order of contract section 1, "Errors":
 * the key, a suspension, the key's scopes, then the rate limit. A caller without a valid key is counted by its address.
 * When that limit is used up, the caller is told so instead of about the key.
 *
 * @throws DomainError only when the server fails.
 */
export async function admit(ctx: Context, endpoint: Endpoint, credentials: Credentials): Promise<Admission> {
  let caller: Caller;
  try {
    caller = await identify(ctx, endpoint, credentials);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    if (error.code !== 'unauthorized' && error.code !== 'forbidden') {
      return { caller: undefined, refusal: error, usage: undefined };
    }
    const usage = ctx.limits.takeForAddress(credentials.address);
    return { caller: undefined, refusal: refusalOf(usage, ctx.clock.now()) ?? error, usage };
  }
  if (caller.key !== undefined && !allows(caller.key.scopes, endpoint.scopes)) {
    return { caller: undefined, refusal: scopeMissing(endpoint.scopes), usage: undefined };
  }
  const counted = count(ctx, endpoint, caller);
  const usage = counted instanceof Promise ? await counted : counted;
  const refusal = refusalOf(usage, ctx.clock.now());
  return { caller: refusal === undefined ? caller : undefined, refusal, usage };
}

const scopeMissing = (needed: readonly Scope[]) =>
  new DomainError(
    'scope_missing',
    `This key lacks the scope ${needed.map((scope) => `"${scope}"`).join(' or ')}`,
    'Use a key with it; one with the scope manage makes keys: POST /v1/me/keys.',
  );

/** Counts a call against its limit. Only registrations are counted in the database. */
function count({ limits }: Context, { limit }: Endpoint, { kind, agentId, credentials: { address } }: Caller) {
  if (limit === 'none') return undefined;
  if (limit === 'register') return limits.takeRegistration(address);
  if (kind === 'none') return limits.takeForAddress(address);
  return limits.takeForCaller(limit, kind === 'agent' ? agentId : kind);
}

/** The refusal for a used up limit. Undefined while requests are left. */
export function refusalOf(usage: Usage | undefined, now: number): DomainError | undefined {
  if (usage === undefined || usage.allowed) return undefined;
  const seconds = secondsLeft(usage, now);
  return new DomainError(
    'rate_limited',
    `Too many requests: no more than ${usage.limit.count} per ${windowName(usage.limit)} are allowed here`,
    `Wait ${seconds} seconds, then go on; RateLimit-Remaining tells how many are left.`,
    { retryAfterSeconds: seconds },
  );
}

/** Seconds until a limit's window ends. */
export const secondsLeft = ({ endsAt }: Usage, now: number): number =>
  Math.max(1, Math.ceil((endsAt - now) / secondMs));

function windowName({ windowMs }: RateLimit): string {
  if (windowMs <= secondMs) return 'second';
  if (windowMs <= minuteMs) return 'minute';
  return windowMs <= hourMs ? 'hour' : 'day';
}
