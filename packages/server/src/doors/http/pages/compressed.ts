import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';

type Encoding = 'br' | 'gzip';

/** The best encoding that a client takes; undefined: none. An encoding with the weight 0 is refused. */
export function encodingFor({ headers }: Pick<FastifyRequest, 'headers'>): Encoding | undefined {
  const taken = [headers['accept-encoding'] ?? ''].flat().join().toLowerCase();
  const takes = (name: string) =>
    new RegExp(`(?:^|,)\\s*${name}\\s*(?:;\\s*q=(?!0(?:\\.0*)?\\s*(?:,|$))|,|$)`).test(taken);
  return takes('br') ? 'br' : takes('gzip') ? 'gzip' : undefined;
}

const withBrotli = promisify(brotliCompress);
const withGzip = promisify(gzip);

/** More would cost more time than the connection saves. */
const quality = 4;

async function compress(text: string, encoding: Encoding): Promise<Buffer> {
  if (encoding === 'gzip') return withGzip(text);
  return withBrotli(text, {
    params: { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_SIZE_HINT]: text.length },
  });
}

/** Sends a page of HTML, compressed where the client takes that. */
export async function sendPage(reply: FastifyReply, text: string): Promise<FastifyReply> {
  const encoding = encodingFor(reply.request);
  reply.headers({ 'content-type': 'text/html; charset=utf-8', vary: 'Accept, Accept-Encoding' });
  if (encoding === undefined) return reply.send(text);
  return reply.header('content-encoding', encoding).send(await compress(text, encoding));
}
