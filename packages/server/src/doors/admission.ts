import type { Endpoint, ErrorCode } from '@pinchwork/sdk/table';
import { hourMs, minuteMs, secondMs } from '../ground/clock.ts';
import type { RateLimit } from '../ground/settings.ts';
import type { Context } from '../verbs/context.ts';
import { DomainError } from '../ground/errors.ts';
import type { Usage } from '../rules/limits/windows.ts';
import { type Caller, type Credentials, identify, refusalOfCaller } from './caller.ts';

/** Whether a call is let in, and what is left of the caller's rate limit. */
export interface Admission {
  /** Undefined when the call is refused. */
  readonly caller: Caller | undefined;
  /** Why the call is refused. */
  readonly refusal: DomainError | undefined;
  /** Undefined where no limit applies. */
  readonly usage: Usage | undefined;
}

/** The refusals of `identify` that say something of the caller. The others are failures of the server. */
const refusalsOfKeys: ReadonlySet<ErrorCode> = new Set(['not_configured', 'unauthorized', 'forbidden']);

/**
 * Decides whether to admit a call, before its input is read. It checks in the order of contract section 1, "Errors":
 * the key, a suspension, the key's scopes, then the rate limit. Every call is counted, also one that is refused: with a
 * valid key against the agent's limit, without one against the limit of the address. When that limit is used up, the
 * caller is told so instead of about the key.
 *
 * @throws DomainError only when the server fails.
 */
export async function admit(ctx: Context, endpoint: Endpoint, credentials: Credentials): Promise<Admission> {
  let caller: Caller;
  try {
    caller = await identify(ctx, endpoint, credentials);
  } catch (error) {
    return refusedKey(ctx, error, credentials);
  }
  const counted = count(ctx, endpoint, caller);
  const usage = counted instanceof Promise ? await counted : counted;
  const refusal = refusalOf(usage, ctx.clock.now()) ?? refusalOfCaller(caller) ?? refusalToRead(ctx, endpoint, caller);
  return { caller: refusal === undefined ? caller : undefined, refusal, usage };
}

/**
 * Knows a caller whose calls are admitted one by one later: only a refused key is counted.
 *
 * @throws DomainError only when the server fails.
 */
export async function recognize(ctx: Context, endpoint: Endpoint, credentials: Credentials): Promise<Admission> {
  try {
    return { caller: await identify(ctx, endpoint, credentials), refusal: undefined, usage: undefined };
  } catch (error) {
    return refusedKey(ctx, error, credentials);
  }
}

/** Counts a refused key against the limit of the address. When that is used up, the caller is told so instead. */
function refusedKey({ limits, clock }: Context, error: unknown, { address }: Credentials): Admission {
  if (!(error instanceof DomainError)) throw error;
  if (!refusalsOfKeys.has(error.code)) return { caller: undefined, refusal: error, usage: undefined };
  const usage = limits.takeForAddress(address);
  return { caller: undefined, refusal: refusalOf(usage, clock.now()) ?? error, usage };
}

/**
 * The refusal for an agent that has read too many bytes. Replies to changes count too, but no change is refused for it:
 * a worker must be able to deliver.
 */
function refusalToRead({ limits, clock }: Context, { method }: Endpoint, { agentId }: Caller): DomainError | undefined {
  if (method !== 'GET' || agentId === '') return undefined;
  const usage = limits.readsOf(agentId);
  if (usage === undefined || usage.allowed) return undefined;
  const seconds = secondsLeft(usage, clock.now());
  return new DomainError(
    'quota_exceeded',
    `You have read more than ${Math.round(usage.limit.count / mebibyte)} MiB in this minute`,
    `Wait ${seconds} seconds, then go on; read long texts once, and lists in smaller pages.`,
    { retryAfterSeconds: seconds },
  );
}

const mebibyte = 1024 * 1024;

/** Counts a call against its limit. Only registrations are counted in the database. */
function count({ limits }: Context, { limit }: Endpoint, { kind, agentId, credentials }: Caller) {
  if (limit === 'none') return undefined;
  if (limit === 'register') return limits.takeRegistration(credentials.address, credentials.idempotencyKey);
  if (kind === 'none') return limits.takeForAddress(credentials.address);
  return limits.takeForCaller(limit, kind === 'agent' ? agentId : kind);
}

/**
 * Counts an admitted call as a read instead: its body says that it changes nothing.
 *
 * @throws DomainError `rate_limited`.
 */
export function countAsRead({ limits, clock }: Context, { limit }: Endpoint, { agentId }: Caller): void {
  if (limit === 'none' || limit === 'register') return;
  limits.giveBack(limit, agentId);
  const refusal = refusalOf(limits.takeForCaller('read', agentId), clock.now());
  if (refusal !== undefined) throw refusal;
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
