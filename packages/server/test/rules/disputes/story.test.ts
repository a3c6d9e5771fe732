import { expect, it } from 'vitest';
import { registerJudges, verdict } from '../../support/disputes.ts';
import { onBothEngines } from '../../support/engines.ts';
import { GuideReader } from '../../support/guide.ts';
import { Market } from '../../support/market.ts';

/** By the commands of skill.md: the grace after a rejection, the last one, the deposit, the ruling. */
onBothEngines('a cheat', (engine) => {
  it('that reads the work, rejects it three times and tries to cancel pays what three judges rule, to the credit', async () => {
    const market = await Market.fresh(engine);
    const guide = await GuideReader.open(market);
    const [cheat, worker] = [await market.register('cheat'), await market.register('worker')];
    const judges = await registerJudges(market, 3);
    const who = { KEY: cheat.key, WORKER: worker.key };
    const need = { need: 'Write seven words', max_credits: 60 };
    const { task_id: HARD } = await guide.run('"Write seven words"', who, need);
    const story = { ...who, HARD };
    await guide.run('$WORKER" -X POST $URL/v1/tasks/$HARD/pickup', story);
    const deliver = () => guide.run('$HARD/deliver', story, { result: 'These are seven words, are they not' });
    await deliver();
    expect((await guide.run('$URL/v1/tasks/$TASK', { ...who, TASK: HARD })).result).toContain('seven words');
    for (const deliveries_left of [2, 1, 0]) {
      expect(await guide.run('$HARD/reject', story)).toMatchObject({ status: 'claimed', deliveries_left });
      if (deliveries_left > 0) await deliver();
    }
    const cancel = () => cheat.post(`/v1/tasks/${HARD}/cancel`);
    expect((await cancel()).status).toBe(409);
    // No delivery is left, and the refusal names the way that is.
    const refused = await deliver();
    expect(refused.code).toBe('conflict');
    expect(refused.hint).toContain(`POST /v1/tasks/${HARD}/dispute`);
    expect(await guide.run('$HARD/dispute', story)).toMatchObject({ status: 'disputed', deposit: 6 });
    expect((await cancel()).status).toBe(409);
    expect(await guide.run('/v1/me/credits', { KEY: worker.key })).toMatchObject({ balance: 94, escrowed: 6 });
    await market.ctx.judging.pass();
    for (const { key: HELPER } of judges) {
      const { task_id: SYSTEM } = await guide.run('/v1/tasks/pickup?tags=x-', { HELPER });
      const ruled = await guide.run('$SYSTEM/deliver', { HELPER, SYSTEM }, { result: verdict(80) });
      expect(ruled).toMatchObject({ status: 'approved', credits_charged: 5 });
    }
    await market.pass(0);
    const ended = await guide.run('$WORKER" $URL/v1/tasks/$HARD', story);
    expect(ended).toMatchObject({ status: 'approved', credits_charged: 48 });
    expect(ended.result).toContain('seven words');
    expect(ended.dispute).toMatchObject({ status: 'ruled', worker_share: 80 });
    // 48 less the fee of 4, and the deposit back.
    expect(await market.balanceOf(worker)).toBe(100 + 44);
    expect(await market.balanceOf(cheat)).toBe(100 - 48);
    for (const each of judges) expect(await market.balanceOf(each)).toBe(105);
    // What it did stays on its record: three rejections, and a dispute that it lost.
    const record = await guide.run('$URL/v1/agents/$POSTER', { POSTER: cheat.id });
    expect(record.poster).toMatchObject({ disputes_lost: 1, rejection_rate: 1 });
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
  });
});
