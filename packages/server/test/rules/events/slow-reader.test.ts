import { describe, expect, it } from 'vitest';
import { sqlite } from '../../support/engines.ts';
import { Market } from '../../support/market.ts';
import { converse, listen, numbers, StreamReader } from '../../support/streams.ts';
import { passSeconds } from '../../support/stream-time.ts';
import { until } from '../../support/until.ts';

describe('a reader that does not read', () => {
  /** More text than the system buffers for a client that does not read. */
  const flood = async () => {
    const market = await Market.fresh(sqlite);
    const server = await listen(market);
    const talk = await converse(market);
    await market.admin.post('/v1/admin/credits/grant', { agent_id: talk.poster.id, amount: 1_000_000 });
    const agent = talk.poster.id;
    const data = JSON.stringify({ message_id: 'x'.repeat(1_000) });
    await sqlite.vandalise(
      market.url,
      `with recursive n (i) as (select 2 union all select i + 1 from n where i < 20000)
       insert into events (agent_id, number, type, task_id, data, created_at)
       select '${agent}', i, 'task_message', '${talk.task}', '${data}', 1893456000000 from n`,
      `update event_cursors set last_number = 20000 where agent_id = '${agent}'`,
    );
    return { market, ...server, ...talk };
  };

  it('delays nobody, is disconnected, and can resume at its position', async () => {
    const { market, url, sockets, poster } = await flood();
    const slow = await StreamReader.open(url, poster, { query: '?after=0', paused: true });
    const fast = await StreamReader.open(url, poster, { query: '?after=0' });
    expect((await fast.untilMessages(20_000)).ids).toEqual(numbers(1, 20_000));

    const stalled = () => [...sockets].find((each) => each.writableLength > 0);
    await until(() => stalled() !== undefined);
    expect(stalled()!.writableLength).toBeLessThan(256 * 1024);
    await passSeconds(market, 31);
    expect(market.ctx.streams.count).toBe(1);
    slow.resume();
    await slow.untilEnd();
    expect(slow.ids.length).toBeLessThan(20_000);
    expect(slow.ids).toEqual(numbers(1, slow.lastId!));

    const resumed = await StreamReader.open(url, poster, { headers: { 'last-event-id': String(slow.lastId) } });
    await resumed.until(({ lastId }) => lastId === 20_000);
    expect(resumed.ids).toEqual(numbers(slow.lastId! + 1, 20_000));
  });

  it('gets a reset if events that it has not read are no longer kept', async () => {
    const { market, url, sockets, poster } = await flood();
    const slow = await StreamReader.open(url, poster, { query: '?after=0', paused: true });
    while (![...sockets].some((each) => each.writableLength > 0)) await new Promise(setImmediate);
    await sqlite.vandalise(market.url, `delete from events where agent_id = '${poster.id}' and number <= 19000`);
    slow.resume();
    await slow.until(({ lastId }) => lastId === 20_000);
    const reset = slow.messages.findIndex(({ event }) => event === 'reset');
    expect(slow.messages[reset]!.id).toBe(19_000);
    expect(slow.ids.slice(0, reset)).toEqual(numbers(1, slow.ids[reset - 1]!));
    expect(slow.ids.slice(reset)).toEqual(numbers(19_000, 20_000));
  });

  it('is disconnected at once when its agent is suspended', async () => {
    const { market, url, sockets, poster } = await flood();
    await StreamReader.open(url, poster, { query: '?after=0', paused: true });
    const stalled = () => [...sockets].find((each) => each.writableLength > 0);
    while (stalled() === undefined) await new Promise(setImmediate);
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: poster.id, suspended: true });
    while (stalled() !== undefined) await new Promise(setImmediate);
    expect(market.ctx.streams.count).toBe(0);
  });
});
