import { createServer as createTlsServer } from 'node:https';
import { createServer, type AddressInfo, Socket } from 'node:net';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ForbiddenAddress, type Resolve } from '../../../src/rules/webhooks/address.ts';
import { GuardedConnections } from '../../../src/rules/webhooks/connector.ts';
import { type SendResult, Sender } from '../../../src/rules/webhooks/sender.ts';
import { cert, key } from '../../support/certificate.ts';
import { ManualClock } from '../../support/clock.ts';
import { forbiddenAddresses, forbiddenUrls, hostile } from '../../support/hostile-urls.ts';
import { Receiver } from '../../support/receiver.ts';
import { until } from '../../support/until.ts';

const strict = { allowPrivateNetworks: false, timeoutSeconds: 10 };
const open = { ...strict, allowPrivateNetworks: true };

const at =
  (...addresses: string[]): Resolve =>
  async () =>
    addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));

function sending(policy = open, resolve: Resolve = at('127.0.0.1')) {
  const clock = new ManualClock();
  const sender = new Sender(policy, clock, resolve);
  onTestFinished(() => sender.close());
  const send = (url: string) => sender.send({ url, headers: {}, body: '{}' }, new AbortController().signal);
  return { clock, send };
}

/** Records each address that a socket of this process connects to. */
function watchSockets(): string[] {
  const setOut: string[] = [];
  const { emit } = Socket.prototype;
  Socket.prototype.emit = function (this: Socket, event: string, ...args: unknown[]) {
    if (event === 'connectionAttempt') setOut.push(`${String(args[0])}:${String(args[1])}`);
    return (emit as (...all: unknown[]) => boolean).call(this, event, ...args);
  } as typeof emit;
  onTestFinished(() => void (Socket.prototype.emit = emit));
  return setOut;
}

/** A listener on every address of this machine that counts connections. */
async function trap() {
  let caught = 0;
  const server = createServer((socket) => {
    caught++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, caught: () => caught };
}

const refused = 'The address does not lead to a public host';

describe('no connection is made', () => {
  it('to a forbidden address, in any spelling of the URL and with any answer of DNS', async () => {
    const { port, caught } = await trap();
    const setOut = watchSockets();
    const urls = [...hostile.map(({ url }) => url), ...forbiddenUrls];
    expect(urls.length).toBeGreaterThan(500);
    for (const resolve of [at('127.0.0.1'), at('::1'), at('1.1.1.1', '127.0.0.1')]) {
      const { send } = sending(strict, resolve);
      for (const url of urls) {
        const aimed = URL.canParse(url) ? new URL(url) : undefined;
        // The port of the trap, if the URL can have a port.
        if (aimed?.port === '') aimed.port = String(port);
        expect((await send(aimed?.href ?? url)).error, url).toBe(refused);
      }
    }
    expect(setOut).toEqual([]);
    expect(caught()).toBe(0);
  });

  it('to a forbidden address that a good name resolves to, alone or among good ones', async () => {
    const { port, caught } = await trap();
    const setOut = watchSockets();
    for (const address of forbiddenAddresses) {
      for (const resolve of [at(address), at('1.1.1.1', address), at(address, '1.1.1.1')]) {
        const { send } = sending(strict, resolve);
        expect((await send(`https://hooks.example:${port}/`)).error, address).toBe(refused);
      }
    }
    expect(setOut).toEqual([]);
    expect(caught()).toBe(0);
  });

  it('to a forbidden address by the connections themselves, without a check of the URL', async () => {
    const { port, caught } = await trap();
    const setOut = watchSockets();
    for (const address of forbiddenAddresses) {
      const connections = new GuardedConnections(strict, at(address));
      onTestFinished(() => connections.close());
      for (const host of [address.includes(':') ? `[${address}]` : address, 'hooks.example', 'localhost']) {
        const post = { url: `http://${host}:${port}/`, headers: {}, body: '' };
        const asked = connections.post(post, new AbortController().signal);
        await expect(asked, host).rejects.toThrow(ForbiddenAddress);
      }
    }
    expect(setOut).toEqual([]);
    expect(caught()).toBe(0);
  });

  it('by http or to a private host once the operator no longer allows it', async () => {
    const receiver = await Receiver.open();
    expect((await sending(open).send(receiver.url)).error).toBeNull();
    expect((await sending(strict).send(receiver.url)).error).toBe(refused);
    expect(receiver.received).toHaveLength(1);
  });

  it('to the target of a redirect', async () => {
    const inner = await Receiver.open();
    for (const status of [300, 301, 302, 303, 307, 308]) {
      const outer = await Receiver.open((response) => void response.writeHead(status, { location: inner.url }).end());
      const { error, statusCode } = await sending(open).send(outer.url);
      expect({ error, statusCode }).toEqual({
        error: `The receiver answered ${status}: redirects are not followed`,
        statusCode: status,
      });
    }
    expect(inner.connections).toBe(0);
  });
});

describe('a connection goes to the address that was checked', () => {
  it('even if the name resolves differently the next time', async () => {
    const receiver = await Receiver.open((response) => void response.writeHead(200, { connection: 'close' }).end());
    const elsewhere = ['127.0.0.1', '127.9.9.9'];
    let asked = 0;
    const setOut = watchSockets();
    const { send } = sending(open, async () => [{ address: elsewhere[asked++]!, family: 4 }]);
    expect((await send(`http://hooks.example:${receiver.port}/`)).error).toBeNull();
    expect(asked).toBe(1);
    expect(setOut).toEqual([`127.0.0.1:${receiver.port}`]);
  });

  it('while TLS checks the name: a certificate for another name, or an untrusted one, fails', async () => {
    let names: (string | false | null | undefined)[] = [];
    const server = createTlsServer({ cert, key }, (_request, response) => void response.end());
    server.on('secureConnection', ({ servername }) => names.push(servername));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const { send } = sending(open);
    expect((await send(`https://hooks.example:${port}/`)).error).toMatch(
      /^The certificate.*\(DEPTH_ZERO_SELF_SIGNED_CERT\)$/,
    );
    const trusted = getCACertificates('default');
    setDefaultCACertificates([...trusted, cert]);
    onTestFinished(() => setDefaultCACertificates(trusted));
    names = [];
    expect((await sending(open).send(`https://hooks.example:${port}/`)).error).toBeNull();
    expect((await sending(open).send(`https://other.example:${port}/`)).error).toMatch(/ERR_TLS_CERT_ALTNAME_INVALID/);
    expect((await sending(open).send(`https://127.0.0.1:${port}/`)).error).toMatch(/ERR_TLS_CERT_ALTNAME_INVALID/);
    expect(names[0]).toBe('hooks.example');
  });
});

/** Answers each connection with these bytes, repeatedly if asked to. */
async function raw(head: string, drip?: string, pauseMs = 0) {
  const closed = Promise.withResolvers<undefined>();
  let drips = 0;
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('close', () => closed.resolve(undefined));
    socket.once('data', () => {
      socket.write(head);
      const more = () => {
        if (socket.destroyed || drip === undefined) return;
        drips++;
        socket.write(drip, () => {
          if (pauseMs === 0) setImmediate(more);
          else setTimeout(more, pauseMs);
        });
      };
      more();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, closed: closed.promise, drips: () => drips };
}

const chunked = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';

describe('an answer', () => {
  it.each<[string, string, string | null]>([
    ['is fine when it is empty', 'HTTP/1.1 204 No Content\r\n\r\n', null],
    ['is fine with a body', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nOK', null],
    ['is fine with any 2xx', 'HTTP/1.1 299 Odd\r\ncontent-length: 0\r\n\r\n', null],
    [
      'is the one behind a provisional one',
      'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n',
      null,
    ],
    ['that says no is one', 'HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n', 'The receiver answered 404'],
    ['that is none is a failure', 'SSH-2.0-OpenSSH_9.9\r\n', 'The answer is not HTTP (HPE_INVALID_CONSTANT)'],
  ])('%s', async (_, head, error) => {
    const { url } = await raw(head);
    expect((await sending().send(url)).error).toBe(error);
  });

  it('without an end is cut off, and its status counts', async () => {
    const { url, closed } = await raw(chunked, `400\r\n${'x'.repeat(1024)}\r\n`);
    const { statusCode, error } = await sending().send(url);
    expect({ statusCode, error }).toEqual({ statusCode: 200, error: null });
    await closed;
  });

  it('with endless headers is cut off', async () => {
    const { url, closed } = await raw('HTTP/1.1 200 OK\r\n', `x-more: ${'x'.repeat(1000)}\r\n`);
    expect((await sending().send(url)).error).toBe('The headers of the answer are too long (HPE_HEADER_OVERFLOW)');
    await closed;
  });

  it.each([
    ['its headers', 'HTTP/1.1 200 OK\r\n', 'x: y\r\n', 10],
    ['its body', chunked, '1\r\nx\r\n', 3],
    ['provisional answers', '', 'HTTP/1.1 102 Processing\r\n\r\n', 10],
    ['nothing', '', '', 45],
  ])('that arrives slowly has the time limit of the whole exchange: %s', async (_, head, drip, timeoutSeconds) => {
    const { url, closed, drips } = await raw(head, drip, 10);
    const { clock, send } = sending({ ...open, timeoutSeconds });
    let answered: SendResult | undefined;
    void send(url).then((answer) => (answered = answer));
    await until(() => clock.alarms > 0);
    await until(() => drips() > 3);
    clock.advance(timeoutSeconds * 1_000 - 1);
    await new Promise(setImmediate);
    expect(answered).toBeUndefined();
    clock.advance(1);
    await until(() => answered !== undefined);
    expect(answered!.error).toBe(`The receiver did not answer in full within ${timeoutSeconds} seconds`);
    await closed;
  });

  it('that never comes has a readable reason', async () => {
    const { url } = await raw('');
    const { port } = new URL(url);
    const closed = await trap();
    expect((await sending().send(`http://127.0.0.1:${closed.port}/`)).error).toBe(
      'The connection broke before the answer was whole (ECONNRESET)',
    );
    const notFound = Object.assign(new Error('no'), { code: 'ENOTFOUND' });
    const unknown = sending(open, () => Promise.reject(notFound));
    expect((await unknown.send(`http://hooks.example:${port}/`)).error).toBe(
      'The name of the host leads nowhere (ENOTFOUND)',
    );
    const refusedByDns = Object.assign(new Error('no'), { code: 'ECONNREFUSED' });
    expect((await sending(open, () => Promise.reject(refusedByDns)).send(`http://hooks.example:${port}/`)).error).toBe(
      'The name of the host could not be looked up: no name server answered (ECONNREFUSED)',
    );
  });
});
