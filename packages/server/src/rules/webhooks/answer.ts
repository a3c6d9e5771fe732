import type { IncomingMessage } from 'node:http';
import { ForbiddenAddress, LookupFailed } from './address.ts';

/** What a webhook's answer says, in words for its owner. */

/** An answer is read so far, to keep the connection, and is then cut off: its status has said everything. */
const mostAnswerBytes = 16 * 1024;

export async function readSome(body: IncomingMessage): Promise<void> {
  let read = 0;
  for await (const chunk of body) {
    read += (chunk as Buffer).length;
    // Leaving the loop ends the connection.
    if (read > mostAnswerBytes) return;
  }
}

/** Null: accepted. */
export function verdictOn(statusCode: number): string | null {
  if (statusCode >= 200 && statusCode < 300) return null;
  const isRedirect = statusCode >= 300 && statusCode < 400;
  return `The receiver answered ${statusCode}${isRedirect ? ': redirects are not followed' : ''}`;
}

export function headerOf({ headers }: IncomingMessage, name: string): string | undefined {
  return [headers[name]].flat()[0];
}

/** The errors of Node's sockets and of its HTTP by their codes, the first pattern that fits. */
const sentences: readonly [RegExp, string][] = [
  [/^ECONNREFUSED$/, 'The connection was refused'],
  [/^(EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL)$/, 'The host can not be reached'],
  [/^ETIMEDOUT$/, 'No connection was made in time'],
  [/^(ECONNRESET|EPIPE)$/, 'The connection broke before the answer was whole'],
  [/^HPE_HEADER_OVERFLOW$/, 'The headers of the answer are too long'],
  [/^HPE_/, 'The answer is not HTTP'],
  [/CERT|^ERR_(TLS|SSL)|SELF_SIGNED|UNABLE_TO/, 'The certificate, or TLS itself, is not in order'],
];

/** Why there was no answer. */
export function sentenceOf(failure: unknown): string {
  if (failure instanceof ForbiddenAddress) return failure.message;
  if (failure instanceof LookupFailed) return lookupSentence(failure.code);
  const code = codeOf(failure);
  const [, sentence] = sentences.find(([pattern]) => pattern.test(code)) ?? [undefined, 'The exchange failed'];
  return `${sentence} (${code})`;
}

/** Whether the name is not there, or nobody could be asked: the second is not the receiver's fault. */
const lookupSentence = (code: string) =>
  /^(ENOTFOUND|ENODATA|EAI_NONAME)$/.test(code)
    ? `The name of the host leads nowhere (${code})`
    : `The name of the host could not be looked up: no name server answered (${code})`;

function codeOf(failure: unknown): string {
  if (!(failure instanceof Error)) return '';
  return 'code' in failure && typeof failure.code === 'string' ? failure.code : failure.name;
}
