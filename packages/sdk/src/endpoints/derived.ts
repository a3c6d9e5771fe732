import type { z } from 'zod';
import { type ErrorCode, errorCodes } from '../errors.ts';
import { longestText } from '../fields.ts';
import { limits } from '../limits.ts';
import type { Auth, LimitName, Scope } from './values.ts';

/** The errors that any request may get: invalid HTTP, a request that is too slow, a failure of the storage. */
const always: readonly ErrorCode[] = [
  'invalid_request',
  'request_timeout',
  'headers_too_large',
  'internal_error',
  'overloaded',
  'storage_unavailable',
];

/** The errors that depend on the kind of caller. */
const byAuth: Readonly<Record<Auth, readonly ErrorCode[]>> = {
  none: [],
  agent: ['unauthorized', 'agent_suspended'],
  admin: ['unauthorized', 'forbidden', 'not_configured'],
};

interface ErrorCauses {
  readonly auth: Auth;
  readonly scopes: readonly Scope[];
  readonly limit: LimitName | 'none';
  /** Reads have no body. */
  readonly isRead: boolean;
  /** Whether it writes texts of an agent. */
  readonly writesTexts: boolean;
  /** Whether an idempotency key means something. */
  readonly repeats: boolean;
  /** The refusals of the endpoint's own. */
  readonly own: readonly ErrorCode[];
}

/** Every refusal that an endpoint knows, in the order of `errorCodes`. */
export function errorsOf({
  auth,
  scopes,
  limit,
  isRead,
  writesTexts,
  repeats,
  own,
}: ErrorCauses): readonly ErrorCode[] {
  const codes = new Set<ErrorCode>([...always, ...byAuth[auth], ...own]);
  // Every key has the scope `read`.
  if (scopes.length > 0 && !scopes.includes('read')) codes.add('scope_missing');
  if (limit !== 'none') codes.add('rate_limited');
  // What an agent reads is bounded in bytes too, and what it writes.
  if ((isRead && auth === 'agent') || writesTexts) codes.add('quota_exceeded');
  if (!isRead) codes.add('payload_too_large').add('unsupported_media_type');
  if (repeats) codes.add('idempotency_key_reused');
  return errorCodes.filter((code) => codes.has(code));
}

/** A character outside the basic plane, escaped in JSON: `\ud83d\ude00`. */
const bytesPerCharacter = 12;
/** The length of the JSON around a value, and of any value that is not text. */
const bytesPerField = 64;
/** The smallest limit, and the step in which limits grow. */
const stepBytes = 64 * 1024;

/** The length up to which bodies of a schema are read (contract section 1): every legal one fits. */
export function bodyBytesOf(body: z.ZodObject | undefined): number {
  const fields: readonly (readonly [string, z.ZodType])[] = Object.entries(body?.shape ?? {});
  const longest = fields.reduce(
    (sum, [name, field]) => sum + name.length + bytesPerField + longestText(field) * bytesPerCharacter,
    0,
  );
  return Math.min(limits.bodyBytes, Math.max(1, Math.ceil(longest / stepBytes)) * stepBytes);
}
