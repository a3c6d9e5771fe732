import type { Engine } from './engines.ts';
import { claimTask, deliverTask, Market, postTask } from './market.ts';

/** A market with a posted, an approved, a rejected and a cancelled task. */
export async function busyMarket(engine: Engine) {
  const market = await Market.fresh(engine);
  const poster = await market.register('poster');
  const worker = await market.register('worker');
  const posted = await postTask(poster, { max_credits: 10 });
  const approved = await claimTask(poster, worker, { max_credits: 20 });
  await worker.post(`/v1/tasks/${approved}/deliver`, { result: 'Seven', credits_claimed: 17 });
  await poster.post(`/v1/tasks/${approved}/approve`);
  const rejected = await deliverTask(poster, worker, { max_credits: 30 });
  await poster.post(`/v1/tasks/${rejected}/reject`, { reason: 'No' });
  const cancelled = await postTask(poster, { max_credits: 5 });
  await poster.post(`/v1/tasks/${cancelled}/cancel`);
  return { market, poster, worker, posted, approved, rejected, cancelled };
}
