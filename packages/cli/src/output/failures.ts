import { PinchworkError } from '@pinchwork/sdk';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { Failure } from '../failure.ts';
import type { Style } from './style.ts';
import { safeJson, safeText } from './text.ts';

/** What is said of a failure: what, why, what to do next, and the request that the server's log knows. */
interface Told {
  readonly error: string;
  readonly code: string;
  readonly exit_code: ExitCode;
  readonly status?: number | undefined;
  readonly hint?: string | undefined;
  /** The hint with commands in place of requests, where it names some. */
  readonly command_hint?: string | undefined;
  /** The command to run next. */
  readonly next?: string | undefined;
  readonly retry_after?: number | undefined;
  readonly request_id?: string | undefined;
  /** What of a result does not fit, with `not_acceptable`. */
  readonly problems?: unknown;
}

const byStatus: Readonly<Record<number, ExitCode>> = {
  401: exitCodes.auth,
  402: exitCodes.limit,
  403: exitCodes.auth,
  404: exitCodes.notFound,
  409: exitCodes.conflict,
  429: exitCodes.limit,
};

const byCode: Readonly<Record<string, ExitCode>> = {
  no_key: exitCodes.auth,
  network_error: exitCodes.network,
  redirected: exitCodes.network,
  unexpected_reply: exitCodes.network,
};

const nextOf: Readonly<Record<string, string>> = {
  no_key: 'pinchwork register --name NAME',
  unauthorized: 'pinchwork login --key -',
  scope_missing: 'pinchwork keys list',
  insufficient_credits: 'pinchwork credits',
  budget_exceeded: 'pinchwork whoami',
  invite_required: 'pinchwork register --name NAME --invite CODE',
  too_many_claims: 'pinchwork tasks mine --role worker --status claimed',
  network_error: 'pinchwork doctor',
  unexpected_reply: 'pinchwork doctor',
  redirected: 'pinchwork doctor',
};

/** The exit code of an error of the client (contract section 12). */
function exitCodeOf({ code, status, reply }: PinchworkError): ExitCode {
  // A wait that is over has the task as it is; an attempt without an answer has nothing.
  if (code === 'timeout') return reply === undefined ? exitCodes.network : exitCodes.timedOut;
  return byCode[code] ?? byStatus[status ?? 0] ?? exitCodes.failed;
}

export function toldOf(error: unknown, adminKey: string | undefined): Told {
  if (error instanceof Failure) {
    const { message, code, exitCode, hint, next } = error;
    return { error: message, code, exit_code: exitCode, hint, next };
  }
  if (error instanceof PinchworkError) {
    const { message, code, status, requestId, retryAfter, reply } = error;
    const isAdmin = code === 'no_key' && error.hint?.includes('adminKey') === true && adminKey === undefined;
    return {
      error: isAdmin ? 'This command needs the admin key' : message,
      code,
      exit_code: exitCodeOf(error),
      status,
      hint: isAdmin
        ? 'Set PINCHWORK_ADMIN_KEY.'
        : code === 'no_key'
          ? 'Register, or log in with a key that you have.'
          : error.hint,
      next: isAdmin ? undefined : nextOf[code],
      retry_after: retryAfter,
      request_id: requestId,
      problems: (reply as { problems?: unknown } | undefined)?.problems,
    };
  }
  return {
    error: error instanceof Error ? error.message : String(error),
    code: 'internal_error',
    exit_code: exitCodes.failed,
    hint: 'This is a fault of pinchwork itself.',
  };
}

/** One JSON object, in one line. */
export const failureJson = (told: Told): string => safeJson(JSON.stringify(told));

/** Lines for people. */
export function failureText(told: Told, style: Style): string {
  const { error, next, retry_after: retryAfter, request_id: request, problems } = told;
  const hint = told.command_hint ?? told.hint;
  const found = Array.isArray(problems) ? (problems as { path: string; message: string }[]) : [];
  return [
    `${style('red', 'error:')} ${safeText(error)}`,
    ...found.map(({ path, message }) => safeText(`  ${path === '' ? 'the result' : path}: ${message}`)),
    ...(hint === undefined ? [] : [safeText(hint)]),
    ...(retryAfter === undefined ? [] : [`Try again in ${retryAfter} s.`]),
    ...(next === undefined ? [] : [`Next: ${style('bold', safeText(next))}`]),
    ...(request === undefined ? [] : [style('dim', safeText(`Request: ${request}`))]),
  ].join('\n');
}
