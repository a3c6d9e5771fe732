import { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { network } from '../../rules/limits/network.ts';
import { nobody, type Part } from '../../rules/limits/share.ts';
import { holderOf } from '../../rules/limits/shares.ts';
import type { Context } from '../../verbs/context.ts';
import { trusts } from './client-address.ts';

/** A connection and its part of the share. */
interface Connection {
  readonly part: Part;
  /** Whether a trusted proxy opened it. Then it belongs to the client only while a request is under way. */
  readonly isProxied: boolean;
}

/**
 * Bounds the number of connections. A new one is always accepted. When there are too many, the agent or address that
 * has the most loses one: an idle one if there is one.
 *
 * A connection belongs to the address that opened it, and from its first request with a valid key to that agent.
 */
export function boundSockets(app: FastifyInstance, { shares: { sockets }, config }: Context): void {
  const connections = new WeakMap<Socket, Connection>();
  const isProxy = trusts(config.trustProxy);
  const open = (socket: Socket): Connection | undefined => {
    const { remoteAddress } = socket;
    // It has been closed already.
    if (remoteAddress === undefined) return undefined;
    const isProxied = isProxy(remoteAddress);
    const terms = { cut: () => socket.destroy(), isIdle: () => isIdle(socket) };
    const part = sockets.take(isProxied ? nobody : network(remoteAddress), 1, terms);
    if (part === undefined) {
      socket.destroy();
      return undefined;
    }
    const connection = { part, isProxied };
    connections.set(socket, connection);
    socket.once('close', () => part.release());
    return connection;
  };
  // On `localhost` Fastify listens with a second server too, whose connections are found by their first request.
  const find = (socket: unknown) => (socket instanceof Socket ? (connections.get(socket) ?? open(socket)) : undefined);

  app.server.on('connection', open);
  app.addHook('preParsing', ({ raw, caller, ip }, _reply, _payload, done) => {
    find(raw.socket)?.part.passTo(holderOf(caller?.agentId, ip));
    done();
  });
  if (config.trustProxy.length === 0) return;
  app.addHook('onResponse', ({ raw }, _reply, done) => {
    const connection = find(raw.socket);
    if (connection?.isProxied === true) connection.part.passTo(nobody);
    done();
  });
}

/** Whether no request is under way. Node has no public property for it, and to count requests costs more. */
function isIdle(socket: Socket): boolean {
  return !(socket as Socket & { readonly _httpMessage?: object | null })._httpMessage;
}
