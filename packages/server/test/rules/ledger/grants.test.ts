import { expect, it } from 'vitest';
import { mostGranted } from '../../../src/rules/ledger/ledger.ts';
import { onBothEngines } from '../../support/engines.ts';
import { Market } from '../../support/market.ts';

onBothEngines('grants', (engine) => {
  it('are refused before a balance or sum exceeds the exact integers', async () => {
    const market = await Market.fresh(engine);
    const [one, other] = [await market.register(), await market.register()];
    const grant = async (agent_id: string, amount: number) => {
      const { status, body } = await market.admin.post('/v1/admin/credits/grant', { agent_id, amount });
      return status === 200 ? body.granted : `${status}: ${body.error}`;
    };
    const most = 1_000_000_000_000;
    expect(await grant(one.id, most)).toBe(most);
    expect(await grant(other.id, most)).toBe(most);
    const [row] = await engine.query(market.url, `select value from meta where key = 'granted'`);
    expect(row).toEqual({ value: String(2 * most) });

    // As if there had been thousands of grants.
    await engine.vandalise(market.url, `update meta set value = '${mostGranted - 10}' where key = 'granted'`);
    expect(await grant(one.id, 11)).toBe('400: amount: at most 10 more credits can be granted on this market');
    expect(await market.balanceOf(one)).toBe(most + 100);
    expect(await grant(one.id, 10)).toBe(10);
    expect(await grant(other.id, 1)).toBe('400: amount: at most 0 more credits can be granted on this market');
    expect(await market.balanceOf(one)).toBe(most + 110);
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
  });
});
