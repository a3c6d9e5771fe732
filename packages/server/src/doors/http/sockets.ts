import { BlockList, isIPv4, Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { secondMs } from '../../ground/clock.ts';
import { network } from '../../rules/limits/network.ts';
import type { Part } from '../../rules/limits/part.ts';
import { nobody } from '../../rules/limits/share.ts';
import { holderOf } from '../../rules/limits/shares.ts';
import type { Context } from '../../verbs/context.ts';
import { trusts } from './client-address.ts';

/**
 * How many connections an address that has too many may open in a second. Further ones are closed before anything is
 * made for them: to accept one and cut another takes 0.2 ms.
 */
const mostReplacedPerSecond = 100;

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
  const floods = new Floods(app);
  const open = (socket: Socket): Connection | undefined => {
    const { remoteAddress } = socket;
    // It has been closed already.
    if (remoteAddress === undefined) return undefined;
    const isProxied = isProxy(remoteAddress);
    const terms = { cut: () => socket.destroy(), isIdle: () => isIdle(socket) };
    const holder = isProxied ? nobody : network(remoteAddress);
    const before = sockets.heldBy(holder);
    const part = sockets.take(holder, 1, terms);
    if (part === undefined) {
      socket.destroy();
      return undefined;
    }
    if (!isProxied && sockets.heldBy(holder) <= before) floods.note(remoteAddress, holder);
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

/** Keeps out, for the rest of a second, addresses that open connections only to replace their own. */
class Floods {
  readonly #server: FastifyInstance['server'] & { blockList?: BlockList };
  #replaced = new Map<string, number>();

  constructor(app: FastifyInstance) {
    this.#server = app.server;
  }

  /** A new connection of this address has replaced one of its holder. */
  note(address: string, holder: string): void {
    if (this.#replaced.size === 0) setTimeout(() => this.#forget(), secondMs).unref();
    const count = (this.#replaced.get(holder) ?? 0) + 1;
    this.#replaced.set(holder, count);
    if (count !== mostReplacedPerSecond) return;
    const list = (this.#server.blockList ??= new BlockList());
    // An IPv4 address covers its spelling as IPv6 too.
    if (isIPv4(holder)) list.addAddress(holder);
    else list.addSubnet(address, 64, 'ipv6');
  }

  #forget(): void {
    this.#replaced = new Map();
    delete this.#server.blockList;
  }
}
