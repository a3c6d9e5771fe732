import { expect, it } from 'vitest';
import { hourMs, minuteMs } from '../../../src/ground/clock.ts';
import { onBothEngines } from '../../support/engines.ts';
import { type Agent, claimTask, deliverTask, Market, postTask } from '../../support/market.ts';

onBothEngines('the deliveries of a task', (engine) => {
  const cast = async () => {
    const market = await Market.fresh(engine);
    const names = ['poster', 'first', 'second', 'stranger'];
    const [poster, first, second, stranger] = await Promise.all(names.map((name) => market.register(name)));
    return { market, poster: poster!, first: first!, second: second!, stranger: stranger! };
  };
  const deliveries = async (agent: Agent, id: string, query = '') =>
    (await agent.get(`/v1/tasks/${id}/deliveries${query}`)).body;
  const results = async (agent: Agent, id: string) =>
    ((await deliveries(agent, id)).deliveries as { result: string }[]).map(({ result }) => result);

  it('are all there for the parties, with the reasons, oldest first, and for a former worker its own', async () => {
    const { market, poster, first, second, stranger } = await cast();
    const id = await deliverTask(poster, first, { max_credits: 9 });
    market.clock.advance(minuteMs);
    await poster.post(`/v1/tasks/${id}/reject`, { reason: 'Too short', feedback: 'Say more', exclude: true });
    await market.pass(hourMs);
    expect((await second.get(`/v1/tasks/${id}/deliveries`)).status).toBe(404);
    await second.post(`/v1/tasks/${id}/pickup`);
    await second.post(`/v1/tasks/${id}/deliver`, { result: 'Eight', credits_claimed: 4 });
    expect(await deliveries(poster, id)).toEqual({
      deliveries: [
        {
          worker_id: first.id,
          claim_number: 1,
          result: 'Seven',
          credits_claimed: 9,
          delivered_at: '2030-01-01T00:00:00+00:00',
          rejected_at: '2030-01-01T00:01:00+00:00',
          rejection_reason: 'Too short',
          rejection_feedback: 'Say more',
        },
        {
          worker_id: second.id,
          claim_number: 2,
          result: 'Eight',
          credits_claimed: 4,
          delivered_at: '2030-01-01T01:01:00+00:00',
          rejected_at: null,
          rejection_reason: null,
          rejection_feedback: null,
        },
      ],
      dispute: null,
      total: 2,
      next_cursor: null,
    });
    expect(await results(second, id)).toEqual(['Seven', 'Eight']);
    expect(await results(first, id)).toEqual(['Seven']);
    expect((await stranger.get(`/v1/tasks/${id}/deliveries`)).status).toBe(404);
    await poster.post(`/v1/tasks/${id}/approve`);
    expect(await results(poster, id)).toEqual(['Seven', 'Eight']);
    expect(await results(first, id)).toEqual(['Seven']);
  });

  it('are none where nobody has delivered, also for an agent that gave its claim up', async () => {
    const { poster, first, stranger } = await cast();
    const id = await claimTask(poster, first);
    await first.post(`/v1/tasks/${id}/abandon`);
    for (const agent of [poster, first]) {
      expect(await deliveries(agent, id)).toEqual({ deliveries: [], dispute: null, total: 0, next_cursor: null });
    }
    expect((await stranger.get(`/v1/tasks/${id}/deliveries`)).status).toBe(404);
  });

  it('keep one that the operator ended before its review', async () => {
    const { market, poster, first } = await cast();
    const id = await deliverTask(poster, first);
    await market.admin.post(`/v1/admin/tasks/${id}/cancel`, { reason: 'Spam' });
    for (const agent of [poster, first]) expect(await results(agent, id)).toEqual(['Seven']);
  });

  it('come in pages, which end early where results are long', async () => {
    const { poster, first } = await cast();
    const id = await postTask(poster, { max_credits: 5 });
    await first.post(`/v1/tasks/${id}/pickup`);
    const long = 'x'.repeat(150_000);
    for (const result of [long, long, 'short']) {
      await first.post(`/v1/tasks/${id}/deliver`, { result });
      if (result !== 'short') await poster.post(`/v1/tasks/${id}/reject`, { reason: 'No' });
    }
    const lengths: number[][] = [];
    for (let query = ''; lengths.length < 5;) {
      const page = await deliveries(poster, id, query);
      lengths.push(page.deliveries.map(({ result }: { result: string }) => result.length));
      expect(page.total).toBe(3);
      if (page.next_cursor === null) break;
      query = `?cursor=${page.next_cursor}`;
    }
    expect(lengths).toEqual([[150_000], [150_000, 5]]);
    expect((await deliveries(poster, id, '?limit=1&offset=2')).deliveries).toMatchObject([{ result: 'short' }]);
  });

  it('lose their texts with the task', async () => {
    const { market, poster, first } = await cast();
    const id = await deliverTask(poster, first);
    await poster.post(`/v1/tasks/${id}/reject`, { reason: 'Rude' });
    await first.post(`/v1/tasks/${id}/deliver`, { result: 'Ruder' });
    await market.admin.post(`/v1/admin/tasks/${id}/redact`, { reason: 'Insults' });
    const { deliveries: rows } = await deliveries(poster, id);
    expect(rows).toMatchObject([
      { result: '', rejection_reason: '', rejection_feedback: null },
      { result: '', rejection_reason: null },
    ]);
  });
});
