import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Config } from '../../ground/config.ts';
import type { Context } from '../../verbs/context.ts';

/** `name[:port]` or `[IPv6][:port]`: what a document may repeat of a `Host` header without any harm. */
const plainHost = /^([a-z0-9_]([a-z0-9._-]{0,252}[a-z0-9_.])?|\[[0-9a-f:.]{2,45}\])(:\d{1,5})?$/i;

/**
 * What the addresses in a document begin with: `PINCHWORK_PUBLIC_URL`, else where the request was sent to. A `Host` that
 * is none counts for nothing, and a forwarded one counts from trusted proxies alone (contract section 10). Never an
 * address that nobody used: an agent sends its key there.
 */
export function baseUrl({ config }: Pick<Context, 'config'>, request: FastifyRequest): string {
  if (config.publicUrl !== undefined) return config.publicUrl;
  const { host } = request;
  return plainHost.test(host) ? `${request.protocol}://${host.toLowerCase()}` : `http://${ownAddress(request, config)}`;
}

/** Where the connection of a request ends, which is an address of this server's for certain. */
function ownAddress({ socket }: FastifyRequest, { host, port }: Config): string {
  const { localAddress = host, localPort = port } = socket;
  return `${localAddress.includes(':') ? `[${localAddress}]` : localAddress}:${localPort}`;
}

/** A document that names the host it was asked at must not be shown to somebody who asks at another one. */
export function cacheDocument({ config }: Pick<Context, 'config'>, reply: FastifyReply): FastifyReply {
  const isForAll = config.publicUrl !== undefined && reply.request.headers.authorization === undefined;
  return reply.header('cache-control', isForAll ? 'public, max-age=300' : 'no-store');
}
