import { expect, it } from 'vitest';
import { backfill } from '../../src/db/migrations/0002_backfill.ts';
import { hourMs } from '../../src/clock.ts';
import { onBothEngines } from '../support/engines.ts';
import { claimTask, deliverTask, Market } from '../support/market.ts';

const counts = 'earned, fees_paid, spent, deliveries_approved, deliveries_rejected, folded';
const kept = [
  `select id, ${counts} from agents order by id`,
  'select * from agent_tags order by agent_id, tag',
  'select * from earnings order by agent_id, at, total',
  'select truster_id, trusted_id, round(cast(score * 1000000000 as numeric)) as score, interactions, updated_at from trust order by truster_id, trusted_id',
];

onBothEngines('a database from before reputation was kept', (engine) => {
  it('is brought to where it would be had it been kept all along', async () => {
    const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '1000' });
    const [ada, bob, cleo] = [
      await market.register('Ada', { good_at: 'Sums' }),
      await market.register('BOB'),
      await market.register('Cleo'),
    ];
    for (const [poster, worker, tags, rating] of [
      [ada, bob, ['Sums', 'easy'], 5],
      [bob, ada, ['sums'], undefined],
      [ada, bob, ['sums'], 2],
      [cleo, bob, [], 4],
    ] as const) {
      const id = await claimTask(poster, worker, { max_credits: 30, tags });
      market.clock.advance(hourMs);
      await worker.post(`/v1/tasks/${id}/deliver`, { result: 'No', credits_claimed: 20 });
      await poster.post(`/v1/tasks/${id}/reject`, { reason: 'No' });
      await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Yes', credits_claimed: 25 });
      await poster.post(`/v1/tasks/${id}/approve`, { rating });
    }
    await deliverTask(ada, cleo, { max_credits: 7, tags: ['late'] });
    await market.pass(25 * hourMs);

    const read = () => Promise.all(kept.map((query) => engine.query(market.url, query)));
    const before = await read();
    expect(before.every((table) => table.length > 0)).toBe(true);
    await engine.vandalise(
      market.url,
      `update agents set earned = 0, fees_paid = 0, spent = 0, deliveries_approved = 0, deliveries_rejected = 0, folded = ''`,
      ...['agent_tags', 'earnings', 'trust'].map((table) => `delete from ${table}`),
    );
    await market.ctx.db.migrate((db) => backfill(db));
    expect(await read()).toEqual(before);
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
  });
});
