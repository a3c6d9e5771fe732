import type { Dispatcher } from 'undici';
import { ForbiddenAddress } from './address.ts';

/** What a webhook's answer says, in words for its owner. */

/** An answer is read so far, to keep the connection, and is then cut off: its status has said everything. */
const mostAnswerBytes = 16 * 1024;

export async function readSome(body: Dispatcher.ResponseData['body']): Promise<void> {
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

export function headerOf({ headers }: Dispatcher.ResponseData, name: string): string | undefined {
  return [headers[name]].flat()[0];
}

/** The errors of Node's sockets and of undici by their codes, the first pattern that fits. */
const sentences: readonly [RegExp, string][] = [
  [/^(ENOTFOUND|EAI_|ENODATA)/, 'The name of the host leads nowhere'],
  [/^ECONNREFUSED$/, 'The connection was refused'],
  [/^(EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL)$/, 'The host can not be reached'],
  [/^(UND_ERR_CONNECT_TIMEOUT|ETIMEDOUT)$/, 'No connection was made in time'],
  [/^(UND_ERR_SOCKET|ECONNRESET|EPIPE)$/, 'The connection broke before the answer was whole'],
  [/^UND_ERR_HEADERS_OVERFLOW$/, 'The headers of the answer are too long'],
  [/^(HPE_|HTTPParserError)/, 'The answer is not HTTP'],
  [/CERT|^ERR_(TLS|SSL)|SELF_SIGNED|UNABLE_TO/, 'The certificate, or TLS itself, is not in order'],
];

/** Why there was no answer. */
export function sentenceOf(failure: unknown): string {
  if (failure instanceof ForbiddenAddress) return failure.message;
  const code = codeOf(failure);
  const [, sentence] = sentences.find(([pattern]) => pattern.test(code)) ?? [undefined, 'The exchange failed'];
  return `${sentence} (${code})`;
}

function codeOf(failure: unknown): string {
  if (!(failure instanceof Error)) return '';
  return 'code' in failure && typeof failure.code === 'string' ? failure.code : failure.name;
}
