import { describe, expect, it } from 'vitest';
import { feeOf } from '../../../src/rules/ledger/ledger.ts';
import { onBothEngines } from '../../support/engines.ts';
import { deliverTask, Market, postTask } from '../../support/market.ts';

/** Fees in millionths that are not round: 0.57 %, 1.13 %, 33.3333 %, and the smallest one. */
const fees = [5_700, 11_300, 333_333, 1];

describe('the fee of a payment', () => {
  it.each([
    [175, 5_700, 0],
    [176, 5_700, 1],
    [10_000, 5_700, 57],
    [8_849, 11_300, 99],
    [8_850, 11_300, 100],
    [10_000, 11_300, 113],
    [999_999, 1, 0],
    [1_000_000, 1, 1],
  ])('for %i credits at %i millionths is %i', (credits, ppm, fee) => {
    expect(feeOf(credits, ppm)).toBe(fee);
  });

  it('is exact, rounded down, for every price up to 20,000 credits', () => {
    const exact = (credits: number, ppm: number) => Number((BigInt(credits) * BigInt(ppm)) / 1_000_000n);
    const prices = Array.from({ length: 20_001 }, (_, credits) => credits);
    for (const ppm of fees) expect(prices.filter((credits) => feeOf(credits, ppm) !== exact(credits, ppm))).toEqual([]);
  });
});

onBothEngines('a settlement', (engine) => {
  it('returns the whole price when the task is cancelled', async () => {
    const market = await Market.fresh(engine);
    const poster = await market.register('poster');
    const task = await postTask(poster, { max_credits: 30 });
    expect((await poster.get('/v1/me/credits')).body).toMatchObject({ balance: 70, escrowed: 30 });
    expect((await poster.post(`/v1/tasks/${task}/cancel`)).status).toBe(200);
    expect((await poster.get('/v1/me/credits')).body).toMatchObject({
      balance: 100,
      escrowed: 0,
      ledger: [{ amount: 30, reason: 'refund' }, { amount: -30, reason: 'escrow' }, { reason: 'signup_bonus' }],
    });
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
  });

  it.each([
    { percent: '0.57', charged: 175, fee: 0 },
    { percent: '0.57', charged: 176, fee: 1 },
    { percent: '1.13', charged: 8_849, fee: 99 },
    { percent: '1.13', charged: 8_850, fee: 100 },
  ])('of $charged credits at $percent percent keeps $fee for the platform', async ({ percent, charged, fee }) => {
    const market = await Market.fresh(engine, {
      PINCHWORK_INITIAL_CREDITS: '20000',
      PINCHWORK_PLATFORM_FEE_PERCENT: percent,
    });
    const [poster, worker] = [await market.register('poster'), await market.register('worker')];
    const task = await deliverTask(poster, worker, { max_credits: charged });
    expect((await poster.post(`/v1/tasks/${task}/approve`)).status).toBe(200);
    expect(await market.balanceOf(poster)).toBe(20_000 - charged);
    expect(await market.balanceOf(worker)).toBe(20_000 + charged - fee);
    const kept = await engine.query(
      market.url,
      `select coalesce(sum(amount), 0) as sum from ledger_entries where account_id = 'fees'`,
    );
    expect(Number(kept[0]!.sum)).toBe(fee);
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
  });
});
