import { expect, it } from 'vitest';
import { judge, registerJudges } from '../../support/disputes.ts';
import { onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { deliverTask, Market } from '../../support/market.ts';

onBothEngines('a cheat', (engine) => {
  it('that reads the work, rejects it and tries to cancel pays what three judges rule, to the credit', async () => {
    const market = await Market.fresh(engine);
    const [cheat, worker] = [await market.register('cheat'), await market.register('worker')];
    const judges = await registerJudges(market, 3);
    const task = await deliverTask(cheat, worker, { max_credits: 60 });
    expect((await cheat.get(`/v1/tasks/${task}`)).body.result).toBe('Seven');
    for (let delivery = 1; delivery < 3; delivery++) {
      await cheat.post(`/v1/tasks/${task}/reject`, { reason: 'Not good enough' });
      if (delivery < 2) await worker.post(`/v1/tasks/${task}/deliver`, { result: 'Seven, really' });
    }
    const disputed = await worker.post(`/v1/tasks/${task}/dispute`, { reason: 'There are seven words' });
    expect(disputed).toMatchObject({ status: 201, body: { status: 'disputed', deposit: 6 } });
    expectError(await cheat.post(`/v1/tasks/${task}/cancel`), 409);
    expect((await worker.get('/v1/me/credits')).body).toMatchObject({ balance: 94, escrowed: 6 });
    await market.ctx.judging.pass();
    for (const each of judges)
      expect((await judge(each, 80)).body).toMatchObject({ status: 'approved', credits_charged: 5 });
    await market.pass(0);
    const { body } = await worker.get(`/v1/tasks/${task}`);
    expect(body).toMatchObject({ status: 'approved', credits_charged: 48, result: 'Seven, really' });
    expect(body.dispute).toMatchObject({ status: 'ruled', worker_share: 80 });
    // 48 less the fee of 4, and the deposit back.
    expect(await market.balanceOf(worker)).toBe(100 + 44);
    expect(await market.balanceOf(cheat)).toBe(100 - 48);
    for (const each of judges) expect(await market.balanceOf(each)).toBe(105);
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
  });
});
