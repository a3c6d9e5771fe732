import { expect, it } from 'vitest';
import { hourMs } from '../../../src/ground/clock.ts';
import { onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { Market } from '../../support/market.ts';
import { converse, listen, numbers, StreamReader } from '../../support/streams.ts';
import { passSeconds } from '../../support/stream-time.ts';

onBothEngines('an event stream', (engine) => {
  const cast = async (env: Record<string, string> = {}) => {
    const market = await Market.fresh(engine, env);
    return { market, ...(await listen(market)), ...(await converse(market)) };
  };

  it('sends an event at once, in the format of server-sent events', async () => {
    const { url, poster, worker, task } = await cast();
    const reader = await StreamReader.open(url, poster);
    expect(reader.status).toBe(200);
    expect(reader.response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    await worker.post(`/v1/tasks/${task}/deliver`, { result: 'Seven' });
    await reader.untilMessages(1);
    expect(reader.text).toBe(
      `: at 1\nretry: 2000\nid: 2\nevent: task_delivered\ndata: {"type":"task_delivered","task_id":"${task}",` +
        `"timestamp":"2030-01-01T00:00:00+00:00","worker_id":"${worker.id}"}\n\n`,
    );
  });

  it('begins with the next event, and can be resumed before the first one', async () => {
    const { url, poster, say } = await cast();
    const reader = await StreamReader.open(url, poster);
    await reader.until(({ lastId }) => lastId !== undefined);
    expect(reader).toMatchObject({ lastId: 1, messages: [] });
    reader.cut();
    await say(1);
    const resumed = await StreamReader.open(url, poster, { headers: { 'last-event-id': '1' } });
    expect((await resumed.untilMessages(1)).ids).toEqual([2]);
  });

  it('begins after a position; the header takes precedence over the query', async () => {
    const { url, poster, say } = await cast();
    await say(4);
    const all = await StreamReader.open(url, poster, { query: '?after=0' });
    expect((await all.untilMessages(5)).ids).toEqual([1, 2, 3, 4, 5]);
    expect(all.text.startsWith(': still here\nretry: 2000\nid: 1\n')).toBe(true);
    const some = await StreamReader.open(url, poster, { query: '?after=0', headers: { 'last-event-id': '3' } });
    expect((await some.untilMessages(2)).ids).toEqual([4, 5]);
    const odd = await StreamReader.open(url, poster, { query: '?after=4', headers: { 'last-event-id': '' } });
    expect((await odd.untilMessages(1)).ids).toEqual([5]);
  });

  it('continues from stored to live events without gap or repeat, whenever it is opened', async () => {
    const { url, poster, say } = await cast();
    const saying = say(300);
    const readers: StreamReader[] = [];
    for (let i = 0; i < 10; i++) readers.push(await StreamReader.open(url, poster, { query: '?after=0' }));
    await saying;
    for (const reader of readers) expect((await reader.untilMessages(301)).ids).toEqual(numbers(1, 301));
  });

  it('sends only the requested types, with their numbers in the whole stream', async () => {
    const { market, url, poster, worker, task, say } = await cast();
    await say(2);
    await worker.post(`/v1/tasks/${task}/deliver`, { result: 'Seven' });
    const reader = await StreamReader.open(url, poster, { query: '?after=0&types=task_claimed,%20task_delivered' });
    expect((await reader.untilMessages(2)).messages.map(({ id, event }) => [id, event])).toEqual([
      [1, 'task_claimed'],
      [4, 'task_delivered'],
    ]);
    // Filtered events move its position too: else the position would become too old.
    await say(3);
    while (reader.lastId !== 7) await passSeconds(market, 1);
    expect(reader.messages).toHaveLength(2);
    const everything = await StreamReader.open(url, poster, { query: '?after=0&types=' });
    expect((await everything.untilMessages(7)).ids).toEqual(numbers(1, 7));
  });

  it('sends a comment every 15 seconds when nothing happens', async () => {
    const { market, url, poster, say } = await cast();
    const reader = await StreamReader.open(url, poster);
    await passSeconds(market, 14);
    await say(1);
    await reader.untilMessages(1);
    await passSeconds(market, 14);
    expect(reader.text).not.toContain('still');
    await passSeconds(market, 1);
    await reader.until(({ text }) => text.endsWith(': still here\n'));
    expect(reader.messages).toHaveLength(1);
  });

  it('that takes long to begin does not delay the comments of others', async () => {
    const { market, url, poster, worker } = await cast();
    const { stream } = await market.ctx.streams.open(poster.id, { after: undefined, types: undefined });
    const reader = await StreamReader.open(url, worker);
    await passSeconds(market, 16);
    await reader.until(({ text }) => text.endsWith(': still here\n'));
    stream.end();
  });

  it('begins with a reset if its position is not in the stream', async () => {
    const { url, poster, say } = await cast();
    await say(2);
    const beyond = await StreamReader.open(url, poster, { query: '?after=4' });
    await beyond.untilMessages(4);
    expect(beyond.messages.map(({ id, event }) => [id, event])).toEqual([
      [0, 'reset'],
      [1, 'task_claimed'],
      [2, 'task_message'],
      [3, 'task_message'],
    ]);
    expect(beyond.messages[0]!.data).toEqual({
      type: 'reset',
      task_id: null,
      timestamp: '2030-01-01T00:00:00+00:00',
    });
    const newest = await StreamReader.open(url, poster, { query: '?after=3' });
    await say(1);
    expect((await newest.untilMessages(1)).messages).toMatchObject([{ id: 4, event: 'task_message' }]);
  });

  it('begins with a reset if the events after its position are no longer kept', async () => {
    const { market, url, poster, say } = await cast({ PINCHWORK_DEFAULT_CLAIM_TIMEOUT_MINUTES: '500000' });
    await say(2);
    market.clock.advance(6 * 24 * hourMs);
    await say(2);
    market.clock.advance(2 * 24 * hourMs);
    while (await market.ctx.housekeeping.run());
    const read = async (after: number) => {
      const reader = await StreamReader.open(url, poster, { query: `?after=${after}&types=task_message` });
      await reader.until(({ lastId }) => lastId === 5);
      return reader.messages.map(({ id, event }) => `${id} ${event}`);
    };
    expect(await read(0)).toEqual(['3 reset', '4 task_message', '5 task_message']);
    expect(await read(2)).toEqual(['3 reset', '4 task_message', '5 task_message']);
    expect(await read(3)).toEqual(['4 task_message', '5 task_message']);
    expect(await read(6)).toEqual(['3 reset', '4 task_message', '5 task_message']);

    market.clock.advance(8 * 24 * hourMs);
    while (await market.ctx.housekeeping.run());
    expect(await read(4)).toEqual(['5 reset']);
    const upToDate = await StreamReader.open(url, poster, { query: '?after=5' });
    await say(1);
    expect((await upToDate.untilMessages(1)).messages).toMatchObject([{ id: 6, event: 'task_message' }]);
  });

  it('refuses invalid positions and types', async () => {
    const { poster } = await cast();
    for (const query of [
      '?after=-1',
      '?after=x',
      '?after=1.5',
      '?after=',
      '?after=9999999999999999',
      '?after=1&after=2',
    ]) {
      expect(expectError(await poster.get(`/v1/events${query}`), 400)).toContain('after: ');
    }
    for (const types of ['odd', 'task_claimed,odd', 'TASK_CLAIMED', 'reset']) {
      expect(expectError(await poster.get(`/v1/events?types=${types}`), 400)).toMatch(/^types: must be .*task_claimed/);
    }
    for (const id of ['x', '-1', '1 2', '1e3', '9999999999999999']) {
      expect(expectError(await poster.get('/v1/events', { 'last-event-id': id }), 400)).toContain('Last-Event-ID: ');
    }
  });

  it('is limited per agent, and each stream that ends makes room for another', async () => {
    const { market, url, poster, worker } = await cast({ PINCHWORK_MAX_STREAMS_PER_AGENT: '2' });
    const readers = [await StreamReader.open(url, poster), await StreamReader.open(url, poster)];
    const refused = await poster.get('/v1/events');
    expectError(refused, 429);
    expect(refused.body.code).toBe('too_many_streams');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect((await StreamReader.open(url, worker)).status).toBe(200);
    readers[0]!.cut();
    while (market.ctx.streams.count > 2) await new Promise(setImmediate);
    expect((await StreamReader.open(url, poster)).status).toBe(200);
    expectError(await poster.get('/v1/events'), 429);
  });

  it('answers HEAD with its headers, and does not count as open', async () => {
    const { market, poster } = await cast();
    const { status, headers, text } = await market.request({
      method: 'HEAD',
      url: '/v1/events',
      headers: { authorization: `Bearer ${poster.key}` },
    });
    expect({ status, text }).toEqual({ status: 200, text: '' });
    expect(headers['content-type']).toBe('text/event-stream; charset=utf-8');
    expect(market.ctx.streams.count).toBe(0);
  });

  it('ends when its agent is suspended; streams of other agents do not', async () => {
    const { market, url, poster, worker } = await cast();
    const [mine, others] = [await StreamReader.open(url, poster), await StreamReader.open(url, worker)];
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: poster.id, suspended: true });
    await mine.untilEnd();
    expect(others.ended).toBe(false);
    expectError(await poster.get('/v1/events'), 403);
  });

  it('ends if its agent is suspended while it is opened', async () => {
    const { market, poster } = await cast();
    const opening = market.ctx.streams.open(poster.id, { after: undefined, types: undefined });
    market.ctx.streams.bar(poster.id);
    const { stream } = await opening;
    expect(stream.ended).toBe(true);
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: poster.id, suspended: true });
    await expect(market.ctx.streams.open(poster.id, { after: 0, types: [] })).rejects.toThrow('Agent suspended');
    expect(market.ctx.streams.count).toBe(0);
  });

  it('ends when the server stops; a stream that is opened later ends at once', async () => {
    const { market, url, poster } = await cast();
    const reader = await StreamReader.open(url, poster);
    market.ctx.streams.close();
    await reader.untilEnd();
    expect(reader.text).toBe(': at 1\n');
    const late = await StreamReader.open(url, poster, { query: '?after=0' });
    await late.untilEnd();
    expect(late).toMatchObject({ status: 200, messages: [] });
    expect(market.ctx.streams.count).toBe(0);
  });

  it('continues after a failed read', async () => {
    const { market, url, poster, say } = await cast();
    const reader = await StreamReader.open(url, poster);
    await reader.until(({ lastId }) => lastId === 1);
    const { all } = market.ctx.db;
    let failures = 0;
    market.ctx.db.all = async () => {
      failures++;
      throw new Error('The storage is away');
    };
    await say(3);
    while (failures === 0) await new Promise(setImmediate);
    market.ctx.db.all = all;
    await passSeconds(market, 1);
    expect((await reader.untilMessages(3)).ids).toEqual([2, 3, 4]);
  });
});
