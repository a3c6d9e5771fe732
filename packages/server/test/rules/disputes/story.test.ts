import { expect, it } from 'vitest';
import { judge, registerJudges } from '../../support/disputes.ts';
import { onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { deliverTask, Market } from '../../support/market.ts';

/** In the words of skill.md: the grace after a rejection, the last one, the deposit, the ruling. */
onBothEngines('a cheat', (engine) => {
  it('that reads the work, rejects it three times and tries to cancel pays what three judges rule, to the credit', async () => {
    const market = await Market.fresh(engine);
    const [cheat, worker] = [await market.register('cheat'), await market.register('worker')];
    const judges = await registerJudges(market, 3);
    const task = await deliverTask(cheat, worker, { max_credits: 60 });
    const path = `/v1/tasks/${task}`;
    expect((await cheat.get(path)).body.result).toBe('Seven');
    for (const deliveries_left of [2, 1, 0]) {
      const { body } = await cheat.post(`${path}/reject`, { reason: 'Not good enough' });
      expect(body).toMatchObject({ status: 'claimed', deliveries_left });
      if (deliveries_left > 0) await worker.post(`${path}/deliver`, { result: 'Seven, really' });
    }
    expectError(await cheat.post(`${path}/cancel`), 409);
    // No delivery is left, and the refusal names the way that is.
    const refused = await worker.post(`${path}/deliver`, { result: 'Seven, really' });
    expectError(refused, 409);
    expect(refused.body.hint).toContain(`POST ${path}/dispute`);
    const disputed = await worker.post(`${path}/dispute`, { reason: 'There are seven words' });
    expect(disputed).toMatchObject({ status: 201, body: { status: 'disputed', deposit: 6 } });
    expectError(await cheat.post(`${path}/cancel`), 409);
    expect((await worker.get('/v1/me/credits')).body).toMatchObject({ balance: 94, escrowed: 6 });
    await market.ctx.judging.pass();
    for (const each of judges) {
      expect((await judge(each, 80)).body).toMatchObject({ status: 'approved', credits_charged: 5 });
    }
    await market.pass(0);
    const { body } = await worker.get(path);
    expect(body).toMatchObject({ status: 'approved', credits_charged: 48, result: 'Seven, really' });
    expect(body.dispute).toMatchObject({ status: 'ruled', worker_share: 80 });
    // 48 less the fee of 4, and the deposit back.
    expect(await market.balanceOf(worker)).toBe(100 + 44);
    expect(await market.balanceOf(cheat)).toBe(100 - 48);
    for (const each of judges) expect(await market.balanceOf(each)).toBe(105);
    // What it did stays on its record: three rejections, and a dispute that it lost.
    const { body: record } = await market.admin.get(`/v1/agents/${cheat.id}`);
    expect(record.poster).toMatchObject({ disputes_lost: 1, rejection_rate: 1 });
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
  });
});
