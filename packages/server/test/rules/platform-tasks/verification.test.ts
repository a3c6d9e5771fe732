import { VerifyPayload } from '@pinchwork/sdk/table';
import { expect, it } from 'vitest';
import { secondMs } from '../../../src/ground/clock.ts';
import { onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { answer, answers, pickUp, registerHelper } from '../../support/helpers.ts';
import { type Agent, deliverTask } from '../../support/market.ts';
import { openWithHelper, audited } from '../../support/platform-tasks.ts';

onBothEngines('system tasks', (engine) => {
  it('a delivery is verified, and both parties see the verification and get an event', async () => {
    const { market, helper, poster, worker } = await openWithHelper(engine);
    const task = await deliverTask(poster, worker, { max_credits: 10 });
    const picked = await pickUp(helper);
    expect(picked.body.need).toContain('Verify completion');
    const payload = VerifyPayload.parse(JSON.parse(picked.body.context));
    expect(payload).toMatchObject({ task: { task_id: task, need: 'Count the words' }, result: 'Seven' });
    expect((await helper.get(`/v1/tasks/${task}`)).body).toMatchObject({ result: 'Seven' });
    await helper.post(`/v1/tasks/${picked.task}/deliver`, { result: answers.verify(false) });
    const found = { meets_requirements: false, explanation: 'It says so', verifier_id: helper.id };
    for (const party of [poster, worker]) {
      const { body } = await party.get(`/v1/tasks/${task}`);
      expect(body.verification).toMatchObject(found);
      expect(body.verification.verified_at).toMatch(/\+00:00$/);
    }
    expect((await helper.get(`/v1/tasks/${task}`)).body.verification).toBeUndefined();
    const { status, body } = await poster.post(`/v1/tasks/${task}/approve`);
    expect(status).toBe(200);
    expect(body.verification).toMatchObject(found);
    expect(await market.balanceOf(helper)).toBe(105);
    await audited(market);
  });

  it('a task with verification "off" is shown to no infra agent: neither matched nor verified by one', async () => {
    const { market, helper, poster, worker } = await openWithHelper(engine);
    const capable = await market.register('capable', { good_at: 'Counting the words' });
    // The words of the profile are read by a system task.
    await answer(helper, answers.extract([]));
    const fields = { need: 'Count the words', max_credits: 10, verification: 'off' };
    const { body } = await poster.post('/v1/tasks', fields);
    const task = body.task_id as string;
    // The built-in matcher ranks it.
    expect((await capable.get('/v1/tasks/available')).body.tasks).toMatchObject([{ task_id: task, is_matched: true }]);
    await deliverTask(poster, worker, { ...fields, need: 'Sort the words' });
    expect((await helper.post('/v1/tasks/pickup', { tags: ['nothing-else'] })).status).toBe(204);
    expect((await poster.get('/v1/tasks/mine')).body.tasks).toMatchObject([
      { verification_mode: 'off', status: 'delivered' },
      { verification_mode: 'off', status: 'posted' },
    ]);
    await audited(market);
  });

  it('a rejection removes the verification, and the next delivery is verified again', async () => {
    const { market, helper, poster, worker } = await openWithHelper(engine);
    const task = await deliverTask(poster, worker, { max_credits: 1 });
    await answer(helper, answers.verify());
    const { body } = await poster.post(`/v1/tasks/${task}/reject`, { reason: 'No' });
    expect(body.verification).toBeUndefined();
    await worker.post(`/v1/tasks/${task}/deliver`, { result: 'Eight' });
    expect((await poster.get(`/v1/tasks/${task}`)).body.verification).toBeUndefined();
    await answer(helper, answers.verify(false));
    expect((await poster.get(`/v1/tasks/${task}`)).body.verification.meets_requirements).toBe(false);
    await audited(market);
  });

  it('a late verification is paid but does not apply to the next delivery', async () => {
    const { market, helper, poster, worker } = await openWithHelper(engine);
    const task = await deliverTask(poster, worker, { max_credits: 1 });
    const { task: checking } = await pickUp(helper);
    await poster.post(`/v1/tasks/${task}/reject`, { reason: 'No' });
    await worker.post(`/v1/tasks/${task}/deliver`, { result: 'Eight' });
    expect((await helper.post(`/v1/tasks/${checking}/deliver`, { result: answers.verify() })).status).toBe(200);
    expect((await poster.get(`/v1/tasks/${task}`)).body.verification).toBeUndefined();
    expect(await market.balanceOf(helper)).toBe(105);
    await audited(market);
  });

  it('the verifier of a delivery reads no later one, and system tasks take no ratings or messages', async () => {
    const { market, helper, poster, worker } = await openWithHelper(engine);
    const task = await deliverTask(poster, worker, { max_credits: 1 });
    const { task: checking } = await pickUp(helper);
    expect((await helper.get(`/v1/tasks/${checking}`)).body.need).toContain('Seven');
    expectError(await helper.post(`/v1/tasks/${checking}/messages`, { message: 'Hello' }), 409);
    await helper.post(`/v1/tasks/${checking}/deliver`, { result: answers.verify() });
    expectError(await helper.post(`/v1/tasks/${checking}/rate`, { rating: 5 }), 409);
    await poster.post(`/v1/tasks/${task}/reject`, { reason: 'No' });
    market.clock.advance(secondMs);
    await worker.post(`/v1/tasks/${task}/deliver`, { result: 'A secret' });
    const { body } = await helper.get(`/v1/tasks/${checking}`);
    expect(body.need).not.toContain('A secret');
    expect(body.context).toBeNull();
    expectError(await helper.get(`/v1/tasks/${task}`), 404);
    await audited(market);
  });

  it('show the texts that they are about only to the agent that holds them, while it holds them', async () => {
    const { market, helper, poster, worker } = await openWithHelper(engine);
    const second = await registerHelper(market);
    const task = await deliverTask(poster, worker, { max_credits: 1, context: 'The inner minutes' });
    const { task: checking } = await pickUp(helper);
    const read = async (agent: Agent, id: string) => (await agent.get(`/v1/tasks/${id}`)).text;
    const expectNothing = async (agent: Agent) => {
      expectError(await agent.get(`/v1/tasks/${task}`), 404);
      for (const text of [await read(agent, checking), (await agent.get('/v1/tasks/mine')).text]) {
        expect(text).not.toMatch(/The inner minutes|Seven|Count the words/);
      }
    };
    expect(await read(helper, task)).toContain('Seven');
    expect(await read(helper, checking)).toContain('The inner minutes');
    const given = await helper.post(`/v1/tasks/${checking}/abandon`);
    expect(given.status).toBe(200);
    expect(given.text).not.toMatch(/The inner minutes|Seven|Count the words/);
    await expectNothing(helper);

    expect((await second.post(`/v1/tasks/${checking}/pickup`)).body.need).toContain('Seven');
    await expectNothing(helper);
    const answered = await second.post(`/v1/tasks/${checking}/deliver`, { result: answers.verify() });
    expect(answered.body).toMatchObject({ status: 'approved', context: null, result: answers.verify() });
    await expectNothing(second);
    await audited(market);
  });
});
