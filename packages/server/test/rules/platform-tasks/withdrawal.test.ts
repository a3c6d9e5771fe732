import { expect, it } from 'vitest';
import { minuteMs } from '../../../src/ground/clock.ts';
import { onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { answers, pickUp, registerHelper } from '../../support/helpers.ts';
import { deliverTask, postTask } from '../../support/market.ts';
import { openWithHelper, audited, statusOf } from '../../support/platform-tasks.ts';

onBothEngines('system tasks', (engine) => {
  it('the answer to a match task whose task has moved on is paid but has no effect', async () => {
    const { market, helper, poster, worker } = await openWithHelper(engine);
    const task = await postTask(poster, { max_credits: 1 });
    const { task: matching } = await pickUp(helper);
    await worker.post(`/v1/tasks/${task}/pickup`);
    await worker.post(`/v1/tasks/${task}/abandon`);
    const { status } = await helper.post(`/v1/tasks/${matching}/deliver`, { result: answers.match([worker]) });
    expect(status).toBe(200);
    expect(await market.balanceOf(helper)).toBe(103);
    expect((await worker.get('/v1/tasks/available')).body.tasks).toMatchObject([{ task_id: task, is_matched: false }]);
    await audited(market);
  });

  it('a system task about a task that has moved on is not handed out', async () => {
    const { market, helper, poster, worker } = await openWithHelper(engine);
    const cancelled = await postTask(poster, { max_credits: 1 });
    await poster.post(`/v1/tasks/${cancelled}/cancel`);
    const delivered = await deliverTask(poster, worker, { max_credits: 1 });
    await poster.post(`/v1/tasks/${delivered}/approve`);
    expect((await helper.post('/v1/tasks/pickup')).status).toBe(204);
    await audited(market);
  });

  it('an unclaimed system task is withdrawn when its task is claimed, and its price is released', async () => {
    const { market, poster, worker } = await openWithHelper(engine);
    const task = await postTask(poster, { max_credits: 1 });
    const spent = async () =>
      Number(
        (await engine.query(market.url, 'select coalesce(sum(credits), 0) as spent from system_spending'))[0]!.spent,
      );
    expect(await spent()).toBe(3);
    expect((await worker.post(`/v1/tasks/${task}/pickup`)).status).toBe(200);
    expect(await spent()).toBe(0);
    const asked = await engine.query(market.url, `select status from tasks where about_id = '${task}'`);
    expect(asked).toEqual([{ status: 'cancelled' }]);
    await audited(market);
  });

  it('a system task that is abandoned after its task has moved on is withdrawn, and its price is released', async () => {
    const { market, helper, poster, worker } = await openWithHelper(engine);
    const task = await postTask(poster, { max_credits: 1 });
    const { task: matching } = await pickUp(helper);
    await worker.post(`/v1/tasks/${task}/pickup`);
    expect((await helper.post(`/v1/tasks/${matching}/abandon`)).body.status).toBe('cancelled');
    expect(await engine.query(market.url, 'select sum(credits) as spent from system_spending')).toMatchObject([
      { spent: expect.toSatisfy((spent) => Number(spent) === 0) },
    ]);
    const other = await registerHelper(market, 'other helper');
    expect((await other.post('/v1/tasks/pickup')).status).toBe(204);
    expectError(await other.post(`/v1/tasks/${matching}/pickup`), 409);
    await market.pass(2 * minuteMs);
    expect(await statusOf(worker, task)).toBe('claimed');
    await audited(market);
  });
});
