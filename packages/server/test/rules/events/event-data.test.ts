import { eventTypes } from '@pinchwork/sdk/table';
import { describe, expect, it } from 'vitest';
import { sqlite } from '../../support/engines.ts';
import { Market } from '../../support/market.ts';
import { converse, listen, StreamReader } from '../../support/streams.ts';

describe('the data of an event', () => {
  it.each([
    ['control characters', '\u0001'.repeat(5_000), '\u0002'.repeat(5_000)],
    ['wide characters', '😀'.repeat(5_000), '字'.repeat(5_000)],
    ['what some take for the end of a line', '\u2028\u2029\u0085\u000b\u000c\u001c'.repeat(800), '\r\n\n\r'],
  ])('is one line shorter than 60 KB for any texts: %s', async (_, reason, feedback) => {
    const market = await Market.fresh(sqlite);
    const { url } = await listen(market);
    const { poster, worker, task } = await converse(market);
    await worker.post(`/v1/tasks/${task}/deliver`, { result: 'Seven' });
    expect((await poster.post(`/v1/tasks/${task}/reject`, { reason, feedback })).status).toBe(200);
    const reader = await StreamReader.open(url, worker, { query: '?after=0' });
    await reader.untilMessages(1);
    const line = reader.text.split('\n').find((each) => each.startsWith('data: '))!;
    expect(Buffer.byteLength(line)).toBeLessThan(60_000);
    for (const end of '\r\u0085\u2028\u2029\u000b\u000c\u001c') expect(line).not.toContain(end);
    const { data } = reader.messages[0]!;
    expect(data).toMatchObject({ type: 'task_rejected', task_id: task, rejection_count: 1 });
    const whole = (told: string, text: string) =>
      told === text || (told.endsWith('…') && text.startsWith(told.slice(0, -1)));
    expect([whole(data.reason, reason), whole(data.feedback, feedback)]).toEqual([true, true]);
    expect(`${data.reason}${data.feedback}`.isWellFormed()).toBe(true);
    const { body } = await worker.get('/v1/events/history?after=0');
    expect(body.events).toEqual([{ id: 1, ...data }]);
  });

  it('can be filtered by each type', async () => {
    const market = await Market.fresh(sqlite);
    const { poster } = await converse(market);
    for (const type of eventTypes) expect((await poster.get(`/v1/events/history?types=${type}`)).status).toBe(200);
  });
});
