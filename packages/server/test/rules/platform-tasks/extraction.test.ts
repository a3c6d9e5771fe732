import { ExtractPayload } from '@pinchwork/sdk/table';
import { expect, it } from 'vitest';
import { minuteMs } from '../../../src/ground/clock.ts';
import { onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { answer, answers, pickUp, registerHelper } from '../../support/helpers.ts';
import { type Agent, Market } from '../../support/market.ts';
import { openWithHelper, audited } from '../../support/platform-tasks.ts';

onBothEngines('system tasks', (engine) => {
  it('an agent’s good_at becomes tags of that agent only', async () => {
    const { market, helper, poster } = await openWithHelper(engine);
    const coder = await market.register('coder', { good_at: 'I write Python' });
    const picked = await pickUp(helper);
    expect(picked.body.need).toContain('Extract capability tags');
    expect(picked.body.need).toContain(`\nAgent ID: ${coder.id}\n`);
    expect(ExtractPayload.parse(JSON.parse(picked.body.context)).agent.good_at).toBe('I write Python');
    const tags = [
      'Python',
      'python',
      ' data-analysis ',
      'no spaces',
      '',
      ...Array.from({ length: 5000 }, (_, i) => `t${i}`),
    ];
    await helper.post(`/v1/tasks/${picked.task}/deliver`, { result: JSON.stringify({ agent_id: poster.id, tags }) });
    const shown = (await coder.get(`/v1/agents/${coder.id}`)).body.tags;
    expect(shown).toHaveLength(20);
    expect(shown).toEqual(expect.arrayContaining(['python', 'data-analysis']));
    expect((await coder.get(`/v1/agents/${poster.id}`)).body.tags).toEqual([]);
    expect((await coder.get('/v1/agents?tags=python')).body.agents.map(({ id }: { id: string }) => id)).toEqual([
      coder.id,
    ]);
    expect(await market.balanceOf(helper)).toBe(102);
    await coder.patch('/v1/me', { good_at: null });
    expect((await coder.get(`/v1/agents/${coder.id}`)).body.tags).toEqual([]);
    await audited(market);
  });

  it('an extract task waits like any task, and its claim times out after two minutes', async () => {
    const { market, helper } = await openWithHelper(engine);
    await market.register('coder', { good_at: 'Python' });
    await market.pass(60 * minuteMs);
    const { task } = await pickUp(helper);
    await market.pass(2 * minuteMs);
    expectError(await helper.post(`/v1/tasks/${task}/deliver`, { result: answers.extract(['python']) }), 409);
    expect((await helper.post('/v1/tasks/pickup')).status).toBe(204);
    await market.pass(10 * minuteMs);
    expect((await pickUp(helper)).task).toBe(task);
    await market.pass(80 * 60 * minuteMs);
    expect((await helper.post('/v1/tasks/pickup')).status).toBe(204);
    await audited(market);
  });

  it('a change of good_at within the hour leads to one extract task when the hour is over', async () => {
    const { market, helper } = await openWithHelper(engine);
    const coder = await market.register('coder', { good_at: 'Python' });
    await answer(helper, answers.extract(['python']));
    for (const good_at of ['Rust', 'Rust and Go']) await coder.patch('/v1/me', { good_at });
    const wait = async (minutes: number) => {
      market.clock.advance(minutes * minuteMs);
      while (await market.ctx.housekeeping.run());
      return (await helper.post('/v1/tasks/pickup')).body;
    };
    expect(await wait(59)).toEqual({});
    const asked = await wait(1);
    expect(asked.need).toContain('Rust and Go');
    await helper.post(`/v1/tasks/${asked.task_id}/deliver`, { result: answers.extract(['rust', 'go']) });
    expect((await helper.get(`/v1/agents/${coder.id}`)).body.tags.toSorted()).toEqual(['go', 'rust']);
    expect(await wait(120)).toEqual({});
  });

  it('extract tasks wait for the first infra agent, and are then posted at a few a minute', async () => {
    const market = await Market.fresh(engine);
    const round = async () => {
      market.clock.advance(minuteMs);
      let steps = 1;
      while (await market.ctx.housekeeping.run()) steps++;
      return steps;
    };
    const coders: Agent[] = [];
    for (let i = 0; i < 5; i++) coders.push(await market.register('coder', { good_at: 'Python' }));
    // However many agents wait, one query finds that there is no infra agent.
    expect([await round(), await round()]).toEqual([1, 1]);
    const helper = await registerHelper(market);
    const asked = new Set<string>();
    const answerAll = async () => {
      for (let reply = await helper.post('/v1/tasks/pickup'); reply.status === 200;) {
        asked.add(ExtractPayload.parse(JSON.parse(reply.body.context)).agent.id);
        await helper.post(`/v1/tasks/${reply.body.task_id}/deliver`, { result: answers.extract(['python']) });
        reply = await helper.post('/v1/tasks/pickup');
      }
      return asked.size;
    };
    expect(await answerAll()).toBe(0);
    await round();
    expect(await answerAll()).toBe(3);
    await round();
    expect(await answerAll()).toBe(5);
    for (let i = 0; i < 3; i++) await round();
    expect((await helper.post('/v1/tasks/pickup')).status).toBe(204);
    expect([...asked].sort()).toEqual(coders.map(({ id }) => id).sort());
    expect((await helper.get(`/v1/agents/${coders[0]!.id}`)).body.tags).toEqual(['python']);
    await audited(market);
  });

  it('an extract task that is due while there is no infra agent is posted when there is one', async () => {
    const { market, helper } = await openWithHelper(engine);
    const coder = await market.register('coder', { good_at: 'Python' });
    await answer(helper, answers.extract(['python']));
    await coder.patch('/v1/me', { good_at: 'Rust' });
    await helper.patch('/v1/me', { accepts_system_tasks: false });
    const pass = async (minutes: number) => {
      market.clock.advance(minutes * minuteMs);
      while (await market.ctx.housekeeping.run());
    };
    for (let i = 0; i < 3; i++) await pass(30);
    await helper.patch('/v1/me', { accepts_system_tasks: true });
    expect((await helper.post('/v1/tasks/pickup')).status).toBe(204);
    await pass(1);
    expect((await pickUp(helper)).body.need).toContain('Rust');
  });

  it('an agent that clears its good_at gets no later extract task', async () => {
    const { market, helper } = await openWithHelper(engine);
    const coder = await market.register('coder', { good_at: 'Python' });
    await answer(helper, answers.extract(['python']));
    for (const good_at of ['Rust', null]) await coder.patch('/v1/me', { good_at });
    market.clock.advance(61 * minuteMs);
    while (await market.ctx.housekeeping.run());
    expect((await helper.post('/v1/tasks/pickup')).status).toBe(204);
  });
});
