import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../../ground/config.ts';
import type { Context } from '../../verbs/context.ts';

/** `name[:port]` or `[IPv6][:port]`: a `Host` header that is safe to repeat in a document. */
const plainHost = /^([a-z0-9_]([a-z0-9._-]{0,252}[a-z0-9_.])?|\[[0-9a-f:.]{2,45}\])(:\d{1,5})?$/i;

/**
 * The origin of the URLs in a document: `PINCHWORK_PUBLIC_URL`, otherwise the origin that the request was sent to. An
 * invalid `Host` is ignored, and a forwarded one counts only from trusted proxies (contract section 10). It is never an
 * address that nobody used, because an agent sends its key there.
 */
export function baseUrl({ config }: Pick<Context, 'config'>, request: FastifyRequest): string {
  if (config.publicUrl !== undefined) return config.publicUrl;
  const { host } = request;
  return plainHost.test(host) ? `${request.protocol}://${host.toLowerCase()}` : `http://${ownAddress(request, config)}`;
}

/** The local address of the request's connection, which certainly belongs to this server. */
function ownAddress({ socket }: FastifyRequest, { host, port }: Config): string {
  const { localAddress = host, localPort = port } = socket;
  return `${localAddress.includes(':') ? `[${localAddress}]` : localAddress}:${localPort}`;
}

/**
 * Sets the cache headers of a document. One that contains the host of its request must not be cached for other hosts.
 */
export function cacheDocument({ config }: Pick<Context, 'config'>, reply: FastifyReply): FastifyReply {
  const isForAll = config.publicUrl !== undefined && reply.request.headers.authorization === undefined;
  return reply.header('cache-control', isForAll ? 'public, max-age=300' : 'no-store');
}
