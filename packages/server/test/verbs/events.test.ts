import { expect, it } from 'vitest';
import { onBothEngines } from '../support/engines.ts';
import { expectError } from '../support/errors.ts';
import { Market } from '../support/market.ts';
import { converse } from '../support/streams.ts';

const nothing = { events: [], next: 0, more: false, reset: false, oldest: null, newest: 0, next_cursor: null };

onBothEngines('the history of events', (engine) => {
  const cast = async () => {
    const market = await Market.fresh(engine);
    return { market, ...(await converse(market)) };
  };
  const idsOf = (events: { id: number }[]) => events.map(({ id }) => id);

  it('is the same as the stream, page by page', async () => {
    const { poster, worker, task, say } = await cast();
    await say(6);
    await worker.post(`/v1/tasks/${task}/deliver`, { result: 'Seven' });
    const { body } = await poster.get('/v1/events/history?limit=3');
    expect(body.events[0]).toEqual({
      id: 1,
      type: 'task_claimed',
      task_id: task,
      timestamp: '2030-01-01T00:00:00+00:00',
      worker_id: worker.id,
    });
    expect([idsOf(body.events), body.next, body.more, body.reset]).toEqual([[1, 2, 3], 3, true, false]);
    const { body: second } = await poster.get('/v1/events/history?after=3&limit=3');
    expect([idsOf(second.events), second.next, second.more]).toEqual([[4, 5, 6], 6, true]);
    const { body: third } = await poster.get('/v1/events/history?after=6&limit=3');
    expect([idsOf(third.events), third.next, third.more]).toEqual([[7, 8], 8, false]);
    const { body: end } = await poster.get('/v1/events/history?after=8');
    expect(end).toEqual({ ...nothing, next: 8, oldest: 1, newest: 8 });
  });

  it('is empty, with a position to continue from, for an agent without events', async () => {
    const { market } = await cast();
    const agent = await market.register();
    expect((await agent.get('/v1/events/history')).body).toEqual(nothing);
    expect((await agent.get('/v1/events/history?after=1')).body).toMatchObject({ events: [], next: 0, reset: true });
  });

  it('is filtered by types, and continues after the last examined event', async () => {
    const { poster, worker, task, say } = await cast();
    await say(700);
    await worker.post(`/v1/tasks/${task}/deliver`, { result: 'Seven' });
    const { body } = await poster.get('/v1/events/history?types=task_delivered,task_claimed');
    expect([idsOf(body.events), body.more]).toEqual([[1], true]);
    const { body: rest } = await poster.get(`/v1/events/history?types=task_delivered,task_claimed&after=${body.next}`);
    expect([idsOf(rest.events), rest.next, rest.more]).toEqual([[702], 702, false]);
    const { body: few } = await poster.get('/v1/events/history?types=task_message&limit=2&after=1');
    expect([idsOf(few.events), few.next, few.more]).toEqual([[2, 3], 3, true]);
    expect((await poster.get('/v1/events/history?types=')).body.events).toHaveLength(100);
  });

  it('is read on by cursor, from an offset, with and without a filter', async () => {
    const { poster, worker, task, say } = await cast();
    await say(620);
    await worker.post(`/v1/tasks/${task}/deliver`, { result: 'Seven' });
    const readAll = async (query: string) => {
      const ids: number[] = [];
      for (let cursor = ''; ;) {
        const { body } = await poster.get(`/v1/events/history?${query}${cursor}`);
        expect([body.oldest, body.newest]).toEqual([1, 622]);
        ids.push(...idsOf(body.events));
        if (body.next_cursor === null) return ids;
        cursor = `&cursor=${body.next_cursor}`;
        query = query.replace(/&?offset=\d+/, '');
      }
    };
    const all = Array.from({ length: 622 }, (_, i) => i + 1);
    expect(await readAll('limit=90')).toEqual(all);
    expect(await readAll('limit=100&offset=450')).toEqual(all.slice(450));
    expect(await readAll('offset=622')).toEqual([]);
    expect(await readAll('offset=9000')).toEqual([]);
    const messages = all.slice(1, -1);
    expect(await readAll('types=task_message&limit=70')).toEqual(messages);
    // An offset beyond the events that one request examines goes on in the cursor.
    expect(await readAll('types=task_message&offset=610')).toEqual(messages.slice(610));
  });

  it('refuses a cursor together with a position or an offset, and a cursor of another list', async () => {
    const { poster, say } = await cast();
    await say(3);
    const { next_cursor: own } = (await poster.get('/v1/events/history?limit=1')).body;
    const { next_cursor: other } = (await poster.get('/v1/me/credits?limit=1')).body;
    for (const query of [`cursor=${own}&after=1`, `cursor=${own}&offset=1`, `cursor=${other}`, 'offset=10001']) {
      expectError(await poster.get(`/v1/events/history?${query}`), 400);
    }
  });

  it('sets reset if the events after the position are no longer kept, or the position is invalid', async () => {
    const { market, poster, say } = await cast();
    await say(4);
    await engine.vandalise(market.url, `delete from events where agent_id = '${poster.id}' and number <= 3`);
    const read = async (query: string) => {
      const { body } = await poster.get(`/v1/events/history${query}`);
      return [body.reset, idsOf(body.events)];
    };
    expect(await read('')).toEqual([false, [4, 5]]);
    expect(await read('?after=2')).toEqual([true, [4, 5]]);
    expect(await read('?after=3')).toEqual([false, [4, 5]]);
    expect(await read('?after=6')).toEqual([true, [4, 5]]);
    await engine.vandalise(market.url, `delete from events where agent_id = '${poster.id}'`);
    expect(await read('')).toEqual([false, []]);
    expect(await read('?after=4')).toEqual([true, []]);
    expect(await read('?after=5')).toEqual([false, []]);
  });

  it('is visible only to its agent, and can be Markdown', async () => {
    const { worker, poster, say } = await cast();
    await say(1);
    expect((await worker.get('/v1/events/history')).body.events).toEqual([]);
    const { text, headers } = await poster.get('/v1/events/history', { accept: '*/*' });
    expect(headers['content-type']).toContain('text/markdown');
    expect(text).toContain('type: task_message');
  });

  it('refuses an invalid position, type or number of events', async () => {
    const { poster } = await cast();
    for (const query of ['after=-1', 'after=x', 'limit=0', 'limit=101', 'limit=x', 'types=odd', 'after=1&after=1']) {
      expectError(await poster.get(`/v1/events/history?${query}`), 400);
    }
  });
});
