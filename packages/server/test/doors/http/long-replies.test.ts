import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { limits } from '@pinchwork/sdk/table';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sqlite } from '../../support/engines.ts';
import { type Agent, claimTask, Market } from '../../support/market.ts';
import { exchange, parseReplies } from '../../support/sockets.ts';

let market: Market;
let poster: Agent;
let worker: Agent;
/** The path of a task with a result of 3 MB. */
let path: string;
let port: number;
beforeAll(async () => {
  market = await Market.open(await sqlite.marketUrl());
  poster = await market.register('poster');
  worker = await market.register('worker');
  path = `/v1/tasks/${await claimTask(poster, worker)}`;
  await worker.post(`${path}/deliver`, { result: '\u0001'.repeat(limits.resultLength) });
  await market.app.listen({ host: '127.0.0.1', port: 0 });
  ({ port } = market.app.server.address() as AddressInfo);
});
afterAll(() => market.close());

/** Counts the turns of the event loop until a promise is settled. */
async function turnsOf(work: Promise<unknown>): Promise<number> {
  let turns = 0;
  const state = { isDone: false };
  void work.finally(() => (state.isDone = true));
  while (!state.isDone) {
    await new Promise(setImmediate);
    turns++;
  }
  return turns;
}

const get = (agent: Agent, path: string) =>
  `GET ${path} HTTP/1.1\r\nHost: pinchwork\r\nAccept: application/json\r\nAuthorization: Bearer ${agent.key}\r\n` +
  'Connection: close\r\n\r\n';
const statusOf = async (agent: Agent, path: string) => parseReplies(await exchange(port, get(agent, path)))[0]!.status;

describe('long replies', () => {
  const many = 12;

  it('are made one in each turn of the event loop', async () => {
    const reading = Promise.all(Array.from({ length: many }, () => poster.get(path)));
    expect(await turnsOf(reading)).toBeGreaterThanOrEqual(many);
    for (const { status, body } of await reading) expect([status, body.result.length]).toEqual([200, 500_000]);
  });

  it('are written in pieces, with turns of the event loop in between', async () => {
    const short = await turnsOf(poster.get('/v1/me'));
    const pieces = limits.resultLength / 16_384;
    expect(await turnsOf(poster.get(path))).toBeGreaterThan(short + pieces);
    expect(await turnsOf(poster.get(path, { accept: 'text/markdown' }))).toBeGreaterThan(short + pieces);
  });

  it('let short ones pass', async () => {
    const order: string[] = [];
    const long = Array.from({ length: many }, () => poster.get(path).then(() => order.push('long')));
    const short = worker.get('/v1/me').then(() => order.push('short'));
    await Promise.all([...long, short]);
    expect(order.indexOf('short')).toBeLessThan(many / 2);
  });

  it('are made for everybody in turn', async () => {
    const order: string[] = [];
    const many = Array.from({ length: 10 }, () => poster.get(path).then(() => order.push('poster')));
    const one = worker.get(path).then(() => order.push('worker'));
    await Promise.all([...many, one]);
    expect(order.indexOf('worker')).toBeLessThan(5);
  });

  it('of one agent, a hundred at once and none of them read, make no request of another one fail', async () => {
    const sockets = Array.from({ length: 100 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    for (const socket of sockets) socket.write(get(poster, path));
    const asked = ['/v1/me', path, '/v1/tasks/available', '/v1/tasks/mine'];
    const seen: number[] = [];
    for (let i = 0; i < 12; i++) seen.push(await statusOf(worker, asked[i % asked.length]!));
    expect(seen.filter((status) => status !== 200)).toEqual([]);
    for (const socket of sockets) socket.destroy();
    while (market.ctx.shares.reply_bytes.used > 0) await new Promise(setImmediate);
    expect(await statusOf(poster, path)).toBe(200);
  });
});
