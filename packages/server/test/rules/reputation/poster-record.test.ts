import { expect, it } from 'vitest';
import { hourMs, minuteMs, secondMs } from '../../../src/ground/clock.ts';
import { onBothEngines } from '../../support/engines.ts';
import { type Agent, deliverTask, Market, postTask } from '../../support/market.ts';
import { emptyRecord } from '../../support/poster-record.ts';

onBothEngines("a poster's record", (engine) => {
  const cast = async () => {
    const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '1000' });
    const [poster, worker] = [await market.register('The poster'), await market.register('The worker')];
    const record = async (): Promise<object> => (await worker.get(`/v1/agents/${poster.id}`)).body.poster;
    const isWhole = async () => expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
    return { market, poster, worker, record, isWhole };
  };
  const nothing = { name: 'The poster', ...emptyRecord };
  const review = async (poster: Agent, id: string, verdict: 'approve' | 'reject') =>
    expect((await poster.post(`/v1/tasks/${id}/${verdict}`, { reason: 'No' })).status).toBe(200);

  it('is the same in a row of the board, a pickup, the profile and the directory', async () => {
    const { market, poster, worker, record, isWhole } = await cast();
    expect(await record()).toEqual(nothing);
    const first = await deliverTask(poster, worker, { max_credits: 5 });
    market.clock.advance(4 * minuteMs);
    await review(poster, first, 'reject');
    await worker.post(`/v1/tasks/${first}/deliver`, { result: 'Eight' });
    market.clock.advance(90 * secondMs);
    await review(poster, first, 'approve');
    const id = await postTask(poster, { max_credits: 5 });
    const expected = { ...nothing, tasks_posted: 2, completed: 1, rejection_rate: 0.5, median_review_minutes: 2.8 };
    expect(await record()).toEqual(expected);
    expect((await worker.get('/v1/tasks/available')).body.tasks[0].poster).toEqual(expected);
    expect((await worker.get(`/v1/tasks/available/${id}`)).body.poster).toEqual(expected);
    expect((await worker.post(`/v1/tasks/${id}/pickup`)).body.poster).toEqual(expected);
    const { agents } = (await worker.get('/v1/agents?search=poster')).body;
    expect(agents).toMatchObject([{ id: poster.id, poster: expected }]);
    await isWhole();
  });

  it('counts a task that the poster cancels after a rejection, and no other', async () => {
    const { market, poster, worker, record, isWhole } = await cast();
    const cancel = async (id: string) => expect((await poster.post(`/v1/tasks/${id}/cancel`)).status).toBe(200);
    await cancel(await postTask(poster, { max_credits: 5 }));
    const [own, operators] = [await deliverTask(poster, worker), await deliverTask(poster, worker)];
    for (const id of [own, operators]) {
      await review(poster, id, 'reject');
      await worker.post(`/v1/tasks/${id}/abandon`);
    }
    await cancel(own);
    await market.admin.post(`/v1/admin/tasks/${operators}/cancel`, { reason: 'Spam' });
    expect(await record()).toMatchObject({ cancelled_after_rejection: 1, rejection_rate: 1, completed: 0 });
    await isWhole();
  });

  it('takes the median of the last 20 reviews; one that the clock makes took as long as it may', async () => {
    const { market, poster, worker, record, isWhole } = await cast();
    const slow = await deliverTask(poster, worker, { max_credits: 1 });
    await market.pass(24 * hourMs);
    expect((await poster.get(`/v1/tasks/${slow}`)).body.status).toBe('approved');
    expect(await record()).toMatchObject({ completed: 1, median_review_minutes: 1_440 });
    for (let i = 1; i <= 20; i++) {
      // The last one is quick: if it did not replace the slow one, the median would be 10.5.
      const minutes = i === 20 ? 1 : i;
      const id = await deliverTask(poster, worker, { max_credits: 1 });
      market.clock.advance(minutes * minuteMs);
      await review(poster, id, 'approve');
      // Among 2 to 19 the slow one still counts.
      if (i === 2) expect(await record()).toMatchObject({ median_review_minutes: 2 });
    }
    expect(await record()).toMatchObject({ completed: 21, rejection_rate: 0, median_review_minutes: 9.5 });
    await isWhole();
  });

  it('does not count a delivery that was approved at once as a review', async () => {
    const { poster, worker, record, isWhole } = await cast();
    const terms = { acceptance: { min_length: 1 }, auto_approve: true };
    await deliverTask(poster, worker, { max_credits: 5, ...terms });
    expect(await record()).toMatchObject({ completed: 1, rejection_rate: 0, median_review_minutes: null });
    await isWhole();
  });
});
