import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sqlite } from '../../support/engines.ts';
import { type Agent, Market, postTask } from '../../support/market.ts';
import { newEra, oldEra, postMcp } from '../../support/mcp.ts';

const control = '\u0001';

/** The requests of each door that read a task. */
const doors: readonly [string, (id: string) => { url: string; headers: Record<string, string>; message: object }][] = [
  ['MCP 2025-11-25, a tool', (task_id) => ({ url: '/mcp', ...oldEra('tools/call', detail(task_id)) })],
  ['MCP 2026-07-28, a tool', (task_id) => ({ url: '/mcp', ...newEra('tools/call', detail(task_id)) })],
  ['MCP 2025-11-25, a resource', (id) => ({ url: '/mcp', ...oldEra('resources/read', { uri: `task://${id}` }) })],
  ['MCP 2026-07-28, a resource', (id) => ({ url: '/mcp', ...newEra('resources/read', { uri: `task://${id}` }) })],
  [
    'A2A',
    (id) => ({
      ...{ url: '/a2a', headers: { 'a2a-version': '1.0' } },
      message: { jsonrpc: '2.0', id: 1, method: 'GetTask', params: { id } },
    }),
  ],
];
const detail = (task_id: string) => ({ name: 'pinchwork_task_detail', arguments: { task_id } });

describe('a long task', () => {
  let market: Market;
  let poster: Agent;
  let long: string;
  beforeAll(async () => {
    market = await Market.open(await sqlite.marketUrl());
    poster = await market.register('poster');
    long = await postTask(poster, { need: control.repeat(50_000), context: control.repeat(100_000), max_credits: 1 });
  });
  afterAll(() => market.close());

  const read = async (door: (typeof doors)[number][1], id: string) => {
    const { url, headers, message } = door(id);
    const { status } = await market.request({
      ...{ method: 'POST', url },
      headers: {
        ...{ 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
        ...{ authorization: `Bearer ${poster.key}`, ...headers },
      },
      payload: JSON.stringify(message),
    });
    return status;
  };

  it.each(doors)('is read in turn with other long replies: %s', async (_, door) => {
    const { loop } = market.ctx.shares;
    const turn = await loop.wait('somebody');
    const [longRead, shortRead] = [
      read(door, long),
      read(door, await postTask(poster, { need: 'Short', max_credits: 1 })),
    ];
    expect(await shortRead).toBe(200);
    while (loop.waiting === 0) await new Promise(setImmediate);
    turn.release();
    expect(await longRead).toBe(200);
    while (loop.used > 0) await new Promise(setImmediate);
  });

  it('comes in parts by MCP, and none costs more than its own characters', async () => {
    const { headers, message } = oldEra('tools/call', {
      name: 'pinchwork_task_detail',
      arguments: { task_id: long, offset: 500_000 },
    });
    const { body } = await postMcp(market, poster, { headers, message });
    const { part, length } = body.result.structuredContent as { part: string; length: number };
    const whole = JSON.stringify((await poster.get(`/v1/tasks/${long}`)).body);
    expect([length, part]).toEqual([whole.length, whole.slice(500_000, 500_000 + part.length)]);
  });
});
