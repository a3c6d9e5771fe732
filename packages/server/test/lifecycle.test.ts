import { expect, it } from 'vitest';
import { onBothEngines } from './support/engines.ts';
import { deliverTask, Market } from './support/market.ts';

onBothEngines('a task from posting to payment', (engine) => {
  it('pays the worker less the fee and gives the rest back', async () => {
    const market = await Market.fresh(engine);
    const poster = await market.register('poster');
    const worker = await market.register('worker');
    const id = await deliverTask(poster, worker, { max_credits: 55 });
    const { status, body } = await poster.post(`/v1/tasks/${id}/approve`, { rating: 4 });
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'approved', result: 'Seven', credits_charged: 55 });
    expect(await market.balanceOf(poster)).toBe(45);
    expect(await market.balanceOf(worker)).toBe(150);
  });
});

onBothEngines('tmp', (engine) => {
  it('audit', async () => {
    const market = await Market.fresh(engine);
    const poster = await market.register('poster');
    const worker = await market.register('worker');
    const id = await deliverTask(poster, worker, { max_credits: 5, tags: ['a'] });
    for (let i = 0; i < 2; i++) {
      await poster.post(`/v1/tasks/${id}/reject`, { reason: 'no' });
      await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Seven' });
    }
    expect((await poster.post(`/v1/tasks/${id}/reject`, { reason: 'no' })).body.status).toBe('posted');
    await deliverTask(poster, worker, { max_credits: 7 });
    await market.pass(25 * 3600_000);
    const r = await market.admin.get('/v1/admin/audit');
    console.log(JSON.stringify(r.body));
    expect(r.body.ok).toBe(true);
  });
});
