import { createSocket } from 'node:dgram';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { expect, it, onTestFinished } from 'vitest';
import { systemResolve } from '../../../src/rules/webhooks/address.ts';

const typeA = 1;

/** A name server with one IPv4 address for every name, except names that begin with "silent", which get no answer. */
async function nameServer(): Promise<string> {
  const socket = createSocket('udp4', (question, { port, address }) => {
    // After the header: the name, which an empty label ends, then two bytes each of type and class.
    const end = question.indexOf(0, 12) + 5;
    if (question.subarray(13).toString('latin1').startsWith('silent')) return;
    const isA = question.readUInt16BE(end - 4) === typeA;
    const header = Buffer.from(question.subarray(0, 12));
    header.set([0x81, 0x80, 0, 1, 0, Number(isA), 0, 0, 0, 0], 2);
    const answer = isA ? Buffer.from([0xc0, 12, 0, typeA, 0, 1, 0, 0, 0, 60, 0, 4, 1, 1, 1, 1]) : Buffer.alloc(0);
    socket.send(Buffer.concat([header, question.subarray(12, end), answer]), port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  return `127.0.0.1:${socket.address().port}`;
}

it('look-ups of names without an answer delay no other look-up, and end', async () => {
  const server = await nameServer();
  const resolve = systemResolve({ allowPrivateNetworks: false }, () => [server]);
  let ended = 0;
  const silent = Array.from({ length: 20 }, (_, i) =>
    resolve(`silent${i}.example.com`).catch((error: unknown) => {
      ended++;
      return (error as NodeJS.ErrnoException).code;
    }),
  );
  expect(await resolve('hooks.example.com')).toEqual([{ address: '1.1.1.1', family: 4 }]);
  // The system's own look-up, which connections to the database use.
  await lookup('localhost');
  expect(ended).toBe(0);
  for (const code of await Promise.all(silent)) expect(code).toBe('ETIMEOUT');
});

it('the list of name servers is read again after one did not answer', async () => {
  const gone = createSocket('udp4').bind(0, '127.0.0.1');
  await once(gone, 'listening');
  const dead = `127.0.0.1:${gone.address().port}`;
  gone.close();
  let servers = [dead];
  const resolve = systemResolve({ allowPrivateNetworks: false }, () => servers);
  await expect(resolve('hooks.example.com')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  servers = [await nameServer()];
  expect(await resolve('hooks.example.com')).toEqual([{ address: '1.1.1.1', family: 4 }]);
});
