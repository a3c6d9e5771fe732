import type { IncomingMessage } from 'node:http';
import { ForbiddenAddress, LookupFailed } from './address.ts';

/** The outcome of an attempt, in words for the webhook's owner. */

/** At most this much of a body is read, so that the connection can be reused. Only the status matters. */
const mostResponseBytes = 16 * 1024;

export async function readSome(body: IncomingMessage): Promise<void> {
  let read = 0;
  for await (const chunk of body) {
    // A body without an encoding is read as buffers.
    read += (chunk as Buffer).length;
    // Leaving the loop closes the connection.
    if (read > mostResponseBytes) return;
  }
}

/** The error that a status means; null if the receiver accepted the delivery (200 to 299). */
export function verdictOn(statusCode: number): string | null {
  if (statusCode >= 200 && statusCode < 300) return null;
  const isRedirect = statusCode >= 300 && statusCode < 400;
  return `The receiver answered ${statusCode}${isRedirect ? ': redirects are not followed' : ''}`;
}

export function headerOf({ headers }: IncomingMessage, name: string): string | undefined {
  return [headers[name]].flat()[0];
}

/** Sentences for the error codes of Node's sockets and HTTP client. The first pattern that fits counts. */
const sentences: readonly [RegExp, string][] = [
  [/^ECONNREFUSED$/, 'The connection was refused'],
  [/^(EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL)$/, 'The host can not be reached'],
  [/^ETIMEDOUT$/, 'No connection was made in time'],
  [/^(ECONNRESET|EPIPE)$/, 'The connection broke before the answer was whole'],
  [/^HPE_HEADER_OVERFLOW$/, 'The headers of the answer are too long'],
  [/^HPE_/, 'The answer is not HTTP'],
  [/CERT|^ERR_(TLS|SSL)|SELF_SIGNED|UNABLE_TO/, 'The certificate is not valid, or TLS failed'],
];

/** The sentence that says why there was no response. */
export function sentenceOf(failure: unknown): string {
  if (failure instanceof ForbiddenAddress) return failure.message;
  if (failure instanceof LookupFailed) return lookupSentence(failure.code);
  const code = codeOf(failure);
  const [, sentence] = sentences.find(([pattern]) => pattern.test(code)) ?? [undefined, 'The exchange failed'];
  return `${sentence} (${code})`;
}

/**
 * Distinguishes a name that does not exist from a name server that did not answer, which is not the receiver's fault.
 */
const lookupSentence = (code: string) =>
  /^(ENOTFOUND|ENODATA|EAI_NONAME)$/.test(code)
    ? `The name of the host leads nowhere (${code})`
    : `The name of the host could not be looked up: no name server answered (${code})`;

function codeOf(failure: unknown): string {
  if (!(failure instanceof Error)) return '';
  return 'code' in failure && typeof failure.code === 'string' ? failure.code : failure.name;
}
