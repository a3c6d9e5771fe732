import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';

export const sha256 = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');

interface Hashed {
  readonly bytes: string | Buffer;
  readonly type: string;
  /** Its SHA-256, where it is known already. */
  readonly hash?: string;
}

/** Sends a document with its hash as `ETag`, or 304 to a client that has it already (RFC 9110, 13.1.2). */
export function sendHashed(
  request: FastifyRequest,
  reply: FastifyReply,
  { bytes, type, hash = sha256(bytes) }: Hashed,
): FastifyReply {
  const tag = `"${hash}"`;
  reply.header('etag', tag);
  const known = request.headers['if-none-match']?.split(',').map((each) => each.trim().replace(/^W\//, ''));
  if (known?.some((each) => each === tag || each === '*') === true) return reply.code(304).send();
  return reply.header('content-type', type).send(bytes);
}
