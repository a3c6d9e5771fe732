import type { ErrorCode } from '@pinchwork/sdk/table';
import type { DomainError } from '../../ground/errors.ts';
import { retryAfterOf } from '../errors.ts';

/** An error of JSON-RPC. */
export interface RpcError {
  readonly code: number;
  readonly message: string;
  readonly data?: unknown;
}

/** Codes of JSON-RPC, and those of A2A that refusals of the market have. */
export const rpcCodes = {
  parse: -32700,
  invalidRequest: -32600,
  invalidParams: -32602,
  internal: -32603,
  taskNotFound: -32001,
  contentType: -32005,
  versionNotSupported: -32009,
  refused: -32000,
} as const;

/** What A2A itself calls a refusal. */
interface Standard {
  readonly code: number;
  readonly reason: string;
}

const taskNotFound: Standard = { code: rpcCodes.taskNotFound, reason: 'TASK_NOT_FOUND' };

/** The refusals that A2A has a code for, where a method refuses: the task is not there, or not the client's. */
const ofMethods: Partial<Record<ErrorCode, Standard>> = { not_found: taskNotFound, forbidden: taskNotFound };
const ofAll: Partial<Record<ErrorCode, Standard>> = {
  unsupported_media_type: { code: rpcCodes.contentType, reason: 'CONTENT_TYPE_NOT_SUPPORTED' },
  internal_error: { code: rpcCodes.internal, reason: 'INTERNAL_ERROR' },
};

/** What programs read of a refusal: `google.rpc.ErrorInfo`. */
interface ErrorInfo {
  readonly '@type': string;
  readonly reason: string;
  readonly domain: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * A refusal of the market as an error of JSON-RPC (docs/interop.md, "Errors").
 *
 * @param isCalled whether a method refuses, not the door before it.
 */
export function rpcRefusal(
  refusal: DomainError,
  requestId: string,
  isCalled: boolean,
): RpcError & { readonly data: readonly [ErrorInfo] } {
  const { message, code, hint, reason } = refusal;
  const retryAfterSeconds = retryAfterOf(refusal);
  const standard = (isCalled ? ofMethods[code] : undefined) ?? ofAll[code];
  const info: ErrorInfo = {
    '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
    reason: standard?.reason ?? code.toUpperCase(),
    domain: standard === undefined ? 'pinchwork' : 'a2a-protocol.org',
    metadata: {
      requestId,
      ...(hint === undefined ? {} : { hint }),
      ...(reason === undefined ? {} : { reason }),
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds: String(retryAfterSeconds) }),
    },
  };
  return { code: standard?.code ?? rpcCodes.refused, message, data: [info] };
}

/** Refusals that keep their HTTP status under JSON-RPC: of the key, of a limit, of the server. */
const keepsStatus: ReadonlySet<ErrorCode> = new Set([
  'unauthorized',
  'agent_suspended',
  'scope_missing',
  'rate_limited',
  'quota_exceeded',
  'too_many_streams',
  'internal_error',
  'overloaded',
  'storage_unavailable',
]);

/** Whether a refusal of a method is an ordinary answer of JSON-RPC, with status 200. */
export const isAnswer = ({ code }: DomainError): boolean => !keepsStatus.has(code);

/** The words of `google.rpc.Code` for statuses of HTTP. */
const words: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  402: 'FAILED_PRECONDITION',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'FAILED_PRECONDITION',
  413: 'OUT_OF_RANGE',
  415: 'INVALID_ARGUMENT',
  422: 'ALREADY_EXISTS',
  429: 'RESOURCE_EXHAUSTED',
  500: 'INTERNAL',
  503: 'UNAVAILABLE',
};

/** An error in the REST of A2A 1.0: `google.rpc.Status`. */
export const restError = (status: number, { message, data = [] }: Pick<RpcError, 'message' | 'data'>) => ({
  error: { code: status, status: words[status] ?? 'UNKNOWN', message, details: data },
});
