import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/**
 * Connections that are watched, and simulated connection poolers, before PostgreSQL (protocol version 3), with the relevant behaviour of PgBouncer.
 * Both let the server itself check the password.
 */

/** Parameters of a connection's start that PgBouncer knows; it refuses all others. */
const known = new Set(['user', 'database', 'client_encoding', 'application_name', 'datestyle', 'timezone']);

function* messages(buffer: Buffer, hasType: boolean): Generator<Buffer, Buffer> {
  let at = 0;
  const head = hasType ? 1 : 0;
  while (buffer.length >= at + head + 4) {
    const length = head + buffer.readUInt32BE(at + head);
    if (buffer.length < at + length) break;
    yield buffer.subarray(at, at + length);
    at += length;
  }
  return buffer.subarray(at);
}

/** Calls back with each whole message that comes in. */
function onMessages(socket: Socket, hasType: (index: number) => boolean, listener: (message: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  let index = 0;
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (;;) {
      const next = messages(rest, hasType(index)).next();
      if (next.done === true) return;
      rest = rest.subarray(next.value.length);
      index++;
      listener(next.value);
    }
  });
}

/** @returns an address of the database at which `join` handles each client. Its sessions come from `dial`. */
async function before(databaseUrl: string, join: (client: Socket, dial: () => Socket) => void): Promise<string> {
  const target = new URL(databaseUrl);
  const open = new Set<Socket>();
  const track = (socket: Socket) => {
    open.add(socket);
    return socket.on('error', () => undefined).on('close', () => open.delete(socket));
  };
  const dial = () => track(connect(Number(target.port), target.hostname));
  const server = createServer((client) => join(track(client), dial)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  const url = new URL(databaseUrl);
  url.port = String((server.address() as AddressInfo).port);
  return url.href;
}

/** Gives each client a session of its own. Each message of a client after its start goes to `pass`, which may send it on. */
const apart = (databaseUrl: string, pass: (message: Buffer, client: Socket, server: Socket) => void): Promise<string> =>
  before(databaseUrl, (client, dial) => {
    const server = dial();
    server.on('close', () => client.destroy());
    client.on('close', () => server.destroy());
    server.on('data', (chunk) => client.write(chunk));
    onMessages(
      client,
      (index) => index > 0,
      (message) => pass(message, client, server),
    );
  });

/** A pooler in session mode: each client gets its own session. Unknown startup parameters are refused. */
export const sessionPooler = (databaseUrl: string): Promise<string> =>
  apart(databaseUrl, (message, client, server) => {
    const parameters = message[0] === 0 && message.length > 8 ? message.subarray(8).toString().split('\0') : [];
    const odd = parameters.find((name, i) => i % 2 === 0 && name !== '' && !known.has(name.toLowerCase()));
    if (odd === undefined) server.write(message);
    else client.end(errorMessage('08P01', `unsupported startup parameter: ${odd}`));
  });

/** A connection that is watched: calls back with the type of each message from a client after its start. */
export const watched = (databaseUrl: string, listener: (type: string) => void): Promise<string> =>
  apart(databaseUrl, (message, _client, server) => {
    listener(String.fromCharCode(message[0]!));
    server.write(message);
  });

function errorMessage(code: string, text: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0M${text}\0\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeUInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}

interface Session {
  readonly socket: Socket;
  client: Socket | undefined;
}

/** A pooler in transaction mode: a transaction gets the most recently freed session until it ends. */
export function transactionPooler(databaseUrl: string): Promise<string> {
  const free: Session[] = [];
  return before(databaseUrl, (client, dial) => {
    // The first session is the client's own, until it has logged in.
    const first: Session = { socket: dial(), client };
    let mine: Session | undefined = first;
    onMessages(
      first.socket,
      () => true,
      (message) => {
        first.client?.write(message);
        const isReady = message[0] === 'Z'.charCodeAt(0) && message[5] === 'I'.charCodeAt(0);
        if (!isReady || first.client === undefined) return;
        first.client.emit('released');
        first.client = undefined;
        free.push(first);
      },
    );
    client.on('released', () => (mine = undefined));
    client.on('data', (chunk: Buffer) => {
      mine ??= free.pop();
      if (mine === undefined) return;
      mine.client = client;
      mine.socket.write(chunk);
    });
  });
}
