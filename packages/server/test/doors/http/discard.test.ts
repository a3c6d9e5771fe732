import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { Discards } from '../../../src/doors/http/discard.ts';

const body = (pieces: number) => {
  const payload = new PassThrough({ highWaterMark: 100 });
  for (let i = 0; i < pieces; i++) payload.write('piece');
  payload.end();
  return payload;
};

it('a body that nobody needs is read to its end, with a pause after each piece', async () => {
  const payload = body(5);
  const pauses: boolean[] = [];
  const read = new Promise((resolve) => payload.once('close', resolve));
  new Discards().discard(payload);
  payload.on('data', () => pauses.push(payload.isPaused()));
  await read;
  expect(pauses).toEqual([true, true, true, true, true]);
});
