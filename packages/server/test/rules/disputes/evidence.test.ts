import { expect, it } from 'vitest';
import { disputeTask, registerJudge, rejectTask } from '../../support/disputes.ts';
import { onBothEngines } from '../../support/engines.ts';
import { Market } from '../../support/market.ts';

onBothEngines('the evidence of a dispute', (engine) => {
  it('is to a judge the newest twenty deliveries of its claim, the disputed one last', async () => {
    const market = await Market.fresh(engine, { PINCHWORK_MAX_REJECTIONS: '30', PINCHWORK_DISPUTE_JUDGES: '1' });
    const [poster, worker] = [await market.register('poster'), await market.register('worker')];
    const judge = await registerJudge(market);
    const task = `/v1/tasks/${await rejectTask(poster, worker)}`;
    const later = Array.from({ length: 20 }, (_, i) => `try ${i}`);
    for (const result of later) {
      await worker.post(`${task}/deliver`, { result });
      await poster.post(`${task}/reject`, { reason: `Not ${result}` });
    }
    await worker.post(`${task}/dispute`, { reason: 'The last one was right' });
    await market.ctx.judging.pass();
    const { deliveries } = JSON.parse((await judge.post('/v1/tasks/pickup')).body.context);
    expect(deliveries.map((each: { result: string }) => each.result)).toEqual(later);
    expect(deliveries.at(-1)).toMatchObject({ rejection_reason: 'Not try 19' });
  });

  it('is to the operator that of its claim, however much a later claim has', async () => {
    const market = await Market.fresh(engine);
    const [poster, worker] = [await market.register('poster'), await market.register('worker')];
    const { task, dispute } = await disputeTask(market, { poster, worker });
    await worker.post(`/v1/tasks/${task}/messages`, { message: 'All seven are there' });
    await worker.post(`/v1/tasks/${task}/abandon`);
    const other = await market.register('other');
    await other.post(`/v1/tasks/${task}/pickup`);
    for (let i = 0; i < 101; i++) {
      expect((await other.post(`/v1/tasks/${task}/messages`, { message: 'Still at it' })).status).toBe(201);
    }
    await other.post(`/v1/tasks/${task}/deliver`, { result: 'Eight' });
    await poster.post(`/v1/tasks/${task}/reject`, { reason: 'No' });
    const { body } = await market.admin.get(`/v1/admin/disputes/${dispute}`);
    expect(body).toMatchObject({
      messages: [{ message: 'All seven are there' }],
      deliveries: [{ worker_id: worker.id, result: 'Seven' }],
      capped: [],
    });
  });
});
