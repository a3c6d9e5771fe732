import { expect } from 'vitest';
import { it } from 'vitest';
import { onBothEngines } from '../support/engines.ts';
import { claimTask, Market } from '../support/market.ts';
import { Receiver, until } from '../support/receiver.ts';
onBothEngines('smoke', (engine) => {
  it('delivers', async () => {
    const market = await Market.fresh(engine, { PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true' });
    const receiver = await Receiver.open();
    const poster = await market.register('p', { webhook_url: receiver.url, webhook_secret: 'x' });
    const worker = await market.register('w');
    market.ctx.webhooks.start();
    await claimTask(poster, worker);
    await until(() => receiver.received.length > 0);
    console.log(receiver.received, (await poster.get('/v1/me/webhook/deliveries')).text);
    console.log((await poster.post('/v1/me/webhook/test')).text);
    await until(async () => (await poster.get('/v1/me/webhook/deliveries?status=delivered')).body.total === 2);
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
  });
});
