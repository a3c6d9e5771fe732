import { VerifyPayload } from '@pinchwork/sdk/table';
import { expect, it } from 'vitest';
import { onBothEngines } from '../../support/engines.ts';
import { generous, pickUp, registerHelper } from '../../support/helpers.ts';
import { deliverTask } from '../../support/market.ts';
import { openWithHelper } from '../../support/platform-tasks.ts';

onBothEngines('system tasks', (engine) => {
  it('reaches a system task behind very many about its own deliveries', async () => {
    const { market, helper, poster, worker } = await openWithHelper(engine, generous);
    // Another agent can verify those.
    await registerHelper(market, 'another');
    for (let i = 0; i < 101; i++) await deliverTask(poster, helper, { max_credits: 1 });
    const other = await deliverTask(poster, worker, { max_credits: 1 });
    const { body } = await pickUp(helper);
    expect(VerifyPayload.parse(JSON.parse(body.context)).task.task_id).toBe(other);
  });
});
