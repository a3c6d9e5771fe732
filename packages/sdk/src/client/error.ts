import type { ErrorCode } from '../errors.ts';

/** What can go wrong on the client's side of a call. The server's codes stand beside these in `PinchworkError.code`. */
export type ClientErrorCode =
  /** No answer came: the server is out of reach, or the connection broke. */
  | 'network_error'
  /** No answer came within `timeoutMs`. */
  | 'timeout'
  /** The server answered with a redirect, which is never followed. */
  | 'redirected'
  /** The reply is not one of a Pinchwork server: a page of a proxy, for example. */
  | 'unexpected_reply'
  /** A call needs a key and the client has none. */
  | 'no_key'
  /** The task ended without a result: it expired or was cancelled. */
  | 'task_ended'
  /** A webhook's signature is missing, wrong or too old. */
  | 'invalid_signature';

/** What an error is made of. */
export interface ErrorParts {
  readonly code: ErrorCode | ClientErrorCode;
  readonly status?: number | undefined;
  readonly hint?: string | undefined;
  readonly requestId?: string | undefined;
  readonly retryAfter?: number | undefined;
  readonly reply?: unknown;
  readonly cause?: unknown;
}

/** The one class of errors that this package throws, except for the reason of an aborted `signal`, which is thrown as it is. */
export class PinchworkError extends Error {
  override readonly name = 'PinchworkError';
  /** Stable, for programs: a code of the server (contract section 1, "Errors") or of the client. */
  readonly code: ErrorCode | ClientErrorCode;
  /** The HTTP status; undefined if no reply came. */
  readonly status: number | undefined;
  /** What to do next. */
  readonly hint: string | undefined;
  /** Names the request in the server's log. */
  readonly requestId: string | undefined;
  /** Seconds after which the same call may succeed, if the server said so. */
  readonly retryAfter: number | undefined;
  /** The whole reply: further fields of an error, or the task that ended. */
  readonly reply: unknown;

  constructor(message: string, parts: ErrorParts) {
    super(message, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.code = parts.code;
    this.status = parts.status;
    this.hint = parts.hint;
    this.requestId = parts.requestId;
    this.retryAfter = parts.retryAfter;
    this.reply = parts.reply;
  }
}

/** Whether the same request may succeed later: the server is out of reach or busy, or a limit of the agent's is reached. */
export const isPassing = ({ code, status = 0 }: PinchworkError): boolean =>
  code === 'network_error' || code === 'timeout' || status === 408 || status === 429 || status >= 500;
