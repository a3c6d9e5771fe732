import { ExtractPayload, MatchPayload, VerifyPayload } from '@pinchwork/sdk/table';
import { expect, it } from 'vitest';
import { minuteMs, secondMs } from '../../../src/ground/clock.ts';
import { onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { answer, answers, generous, nameHelper, pickUp, registerHelper } from '../../support/helpers.ts';
import { type Agent, deliverTask, Market, postTask } from '../../support/market.ts';

async function open(...[engine, env]: Parameters<typeof Market.fresh>) {
  const market = await Market.fresh(engine, env);
  const helper = await registerHelper(market);
  const [poster, worker] = [await market.register('poster'), await market.register('worker')];
  return { market, helper, poster, worker };
}

async function audited(market: Market): Promise<void> {
  await market.ctx.outbox.run();
  expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
}

const statusOf = async (agent: Agent, task: string) => (await agent.get(`/v1/tasks/${task}`)).body.status;

onBothEngines('system tasks', (engine) => {
  it('an infra agent matches a posted task, and is paid in full at once', async () => {
    const { market, helper, poster, worker } = await open(engine);
    const task = await postTask(poster, {
      need: 'Sing a song',
      context: 'In Finnish',
      tags: ['Song'],
      max_credits: 10,
    });
    const picked = await pickUp(helper);
    expect(picked.body).toMatchObject({ poster_id: 'ag-platform', max_credits: 3, tags: [], poster_reputation: 0 });
    expect(picked.body.need).toContain('Match agents for:');
    for (const part of ['Sing a song', 'In Finnish', 'Song', worker.id]) expect(picked.body.need).toContain(part);
    const payload = MatchPayload.parse(JSON.parse(picked.body.context));
    expect(payload.task).toEqual({ task_id: task, need: 'Sing a song', context: 'In Finnish', tags: ['Song'] });
    expect(payload.candidates.map(({ id }) => id).sort()).toEqual([helper.id, worker.id].sort());

    const answered = await helper.post(`/v1/tasks/${picked.task}/deliver`, {
      result: answers.match([worker], ['Music']),
    });
    expect(answered.status).toBe(200);
    expect(answered.body).toMatchObject({ status: 'approved', credits_charged: 3, worker_id: helper.id });
    expect(answered.headers['x-credits-charged']).toBe('3');
    expect((await helper.get('/v1/me/credits')).body).toMatchObject({
      balance: 103,
      ledger: [{ amount: 3, reason: 'payment', task_id: picked.task }, { reason: 'signup_bonus' }],
    });
    expect((await helper.get('/v1/me')).body.tasks_completed).toBe(1);
    expect((await helper.get('/v1/me/stats')).body).toMatchObject({ total_earned: 3, approval_rate: null });
    expect((await helper.get('/v1/tasks/mine?role=worker')).body.tasks).toHaveLength(1);
    expect((await worker.get('/v1/tasks/available')).body.tasks).toMatchObject([
      { task_id: task, is_matched: true, match_rank: 0 },
    ]);
    await audited(market);
  });

  it('candidates are never the poster or the platform, whose account exists from its first task on', async () => {
    const { market, helper, poster, worker } = await open(engine);
    for (const need of ['first', 'second', 'third']) {
      await postTask(poster, { need, max_credits: 1 });
      const picked = await pickUp(helper);
      const { candidates } = MatchPayload.parse(JSON.parse(picked.body.context));
      expect(candidates.map(({ id }) => id).sort()).toEqual([helper.id, worker.id].sort());
      await helper.post(`/v1/tasks/${picked.task}/deliver`, { result: answers.match([worker]) });
    }
    await audited(market);
  });

  it('a delivery is verified, and both parties see the verification and get an event', async () => {
    const { market, helper, poster, worker } = await open(engine);
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

  it('an agent’s good_at becomes tags of that agent only', async () => {
    const { market, helper, poster } = await open(engine);
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

  it('are handed out in the order match, verify, extract, oldest first', async () => {
    const { market, helper, poster, worker } = await open(engine);
    await market.register('coder', { good_at: 'Python' });
    const delivered = await deliverTask(poster, worker, { max_credits: 1 });
    await postTask(poster, { need: 'first', max_credits: 1 });
    market.clock.advance(secondMs);
    await postTask(poster, { need: 'second', max_credits: 1 });
    const needs: string[] = [];
    for (let i = 0; i < 4; i++) needs.push((await pickUp(helper)).body.need);
    expect(needs[0]).toContain('first');
    expect(needs[1]).toContain('second');
    expect(needs[2]).toContain('Verify completion');
    expect(needs[3]).toContain('Extract capability tags');
    expect((await helper.get(`/v1/tasks/${delivered}`)).status).toBe(200);
    expect(
      (await helper.get('/v1/tasks/available')).body.tasks.every(
        (t: { poster_id: string }) => t.poster_id !== 'ag-platform',
      ),
    ).toBe(true);
  });

  it.each([
    ['no JSON', 'match', 'I would say Bob', 'must be JSON'],
    ['a list', 'match', '[]', 'object'],
    ['no ranking', 'match', '{}', 'ranked_agents'],
    ['a ranking that is no list', 'match', '{"ranked_agents": "all"}', 'ranked_agents'],
    ['odd ids', 'match', '{"ranked_agents": [1]}', 'ranked_agents'],
    ['a word for a flag', 'verify', '{"meets_requirements": "yes", "explanation": ""}', 'meets_requirements'],
    ['no explanation', 'verify', '{"meets_requirements": true}', 'explanation'],
    ['tags that are no list', 'extract', '{"agent_id": "x", "tags": {}}', 'tags'],
  ])('%s is refused with a reason, is not paid, and can be corrected', async (_, kind, result, reason) => {
    const { market, helper, poster, worker } = await open(engine);
    if (kind === 'match') await postTask(poster, { max_credits: 1 });
    if (kind === 'verify') await deliverTask(poster, worker, { max_credits: 1 });
    if (kind === 'extract') await market.register('coder', { good_at: 'Python' });
    const { task } = await pickUp(helper);
    const refused = await helper.post(`/v1/tasks/${task}/deliver`, { result });
    expectError(refused, 400);
    expect(refused.body.error).toContain(reason);
    expect(await market.balanceOf(helper)).toBe(100);
    expect(await statusOf(helper, task)).toBe('claimed');
    const good = { match: answers.match(), verify: answers.verify(), extract: answers.extract([]) }[kind]!;
    expect((await helper.post(`/v1/tasks/${task}/deliver`, { result: `\`\`\`json\n${good}\n\`\`\`` })).status).toBe(
      200,
    );
    expectError(await helper.post(`/v1/tasks/${task}/deliver`, { result: good }), 409);
    await audited(market);
  });

  it('only the eligible agents of a ranking count', async () => {
    const { market, helper, poster, worker } = await open(engine);
    const suspended = await market.register('suspended');
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: suspended.id, suspended: true });
    const task = await postTask(poster, { max_credits: 1 });
    const other = await market.register('other');
    const ranked_agents = [
      'x',
      'ag-000000000000',
      poster.id,
      suspended.id,
      'ag-platform',
      helper.id,
      worker.id,
      worker.id,
      other.id,
    ];
    await answer(helper, JSON.stringify({ ranked_agents, extracted_tags: ['<b>', 'ok'], more: {} }));
    for (const [agent, rank] of [
      [worker, 0],
      [other, 1],
    ] as const) {
      const { tasks } = (await agent.get('/v1/tasks/available')).body;
      expect(tasks).toMatchObject([{ task_id: task, is_matched: true, match_rank: rank }]);
    }
    await audited(market);
  });

  it('a match task that takes too long is dropped unpaid; meanwhile all agents see the task', async () => {
    const { market, helper, poster, worker } = await open(engine);
    const task = await postTask(poster, { max_credits: 1 });
    expect((await worker.get('/v1/tasks/available')).body.tasks).toMatchObject([{ task_id: task, is_matched: false }]);
    const other = await postTask(poster, { max_credits: 1 });
    const { task: claimed, body } = await pickUp(helper);
    expect(Date.parse(body.claim_deadline) - market.clock.now()).toBeLessThanOrEqual(120 * secondMs);
    await market.pass(2 * minuteMs);
    expectError(await helper.post(`/v1/tasks/${claimed}/deliver`, { result: answers.match([worker]) }), 409);
    expect(await market.balanceOf(helper)).toBe(100);
    expect((await helper.post('/v1/tasks/pickup')).body.poster_id).toBe(poster.id);
    // It may not claim the task that it was asked about.
    expect([await statusOf(poster, task), await statusOf(poster, other)]).toEqual(['posted', 'claimed']);
    await audited(market);
  });

  it('the answer to a match task whose task has moved on is paid but has no effect', async () => {
    const { market, helper, poster, worker } = await open(engine);
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
    const { market, helper, poster, worker } = await open(engine);
    const cancelled = await postTask(poster, { max_credits: 1 });
    await poster.post(`/v1/tasks/${cancelled}/cancel`);
    const delivered = await deliverTask(poster, worker, { max_credits: 1 });
    await poster.post(`/v1/tasks/${delivered}/approve`);
    expect((await helper.post('/v1/tasks/pickup')).status).toBe(204);
    await audited(market);
  });

  it('a rejection removes the verification, and the next delivery is verified again', async () => {
    const { market, helper, poster, worker } = await open(engine);
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
    const { market, helper, poster, worker } = await open(engine);
    const task = await deliverTask(poster, worker, { max_credits: 1 });
    const { task: checking } = await pickUp(helper);
    await poster.post(`/v1/tasks/${task}/reject`, { reason: 'No' });
    await worker.post(`/v1/tasks/${task}/deliver`, { result: 'Eight' });
    expect((await helper.post(`/v1/tasks/${checking}/deliver`, { result: answers.verify() })).status).toBe(200);
    expect((await poster.get(`/v1/tasks/${task}`)).body.verification).toBeUndefined();
    expect(await market.balanceOf(helper)).toBe(105);
    await audited(market);
  });

  it('are never given to a party of their task, or to an agent that does not accept them', async () => {
    const { market, poster, worker } = await open(engine);
    const both = await registerHelper(market, 'poster and helper');
    await postTask(both, { max_credits: 1 });
    const { tasks } = (await both.post('/v1/tasks/pickup/batch', { count: 10 })).body;
    expect(tasks).toEqual([]);
    const task = await postTask(poster, { max_credits: 1 });
    await both.post(`/v1/tasks/${task}/pickup`);
    await both.post(`/v1/tasks/${task}/deliver`, { result: 'Seven' });
    expect((await both.post('/v1/tasks/pickup')).status).toBe(204);
    expect((await worker.post('/v1/tasks/pickup')).body?.poster_id).not.toBe('ag-platform');
    await audited(market);
  });

  it('are refused by id to the agent whose delivery or profile they are about, and given to another one', async () => {
    const { market, helper, poster } = await open(engine);
    // Its profile is to be read out, since it became a helper only later.
    const both = await market.register('worker and helper', { good_at: 'Python' });
    await both.patch('/v1/me', { accepts_system_tasks: true });
    await nameHelper(market, both);
    await deliverTask(poster, both, { max_credits: 1 });
    for (const kind of ['verify', 'extract']) {
      const [row] = await engine.query(market.url, `select id from tasks where kind = '${kind}' and status = 'posted'`);
      const pickup = `/v1/tasks/${String(row!.id)}/pickup`;
      expect([kind, (await both.post(pickup)).status]).not.toEqual([kind, 200]);
      expect([kind, (await helper.post(pickup)).status]).toEqual([kind, 200]);
    }
  });

  it('an agent that claimed a system task about a task may not work on it, even after abandoning it', async () => {
    const { market, helper, poster } = await open(engine);
    const task = await postTask(poster, { max_credits: 1 });
    const { task: matching } = await pickUp(helper);
    await helper.post(`/v1/tasks/${matching}/abandon`);
    const refused = await helper.post(`/v1/tasks/${task}/pickup`);
    expectError(refused, 409);
    expect(refused.body.error).toContain('asked');
    expect((await helper.get('/v1/tasks/available')).body.tasks).toEqual([]);
    expect((await helper.post('/v1/tasks/pickup')).status).toBe(204);
    expect((await helper.post(`/v1/tasks/${matching}/pickup`)).status).toBe(200);
    await audited(market);
  });

  it('agents cannot approve, reject or cancel them', async () => {
    const { helper, poster } = await open(engine);
    await postTask(poster, { max_credits: 1 });
    const { task } = await pickUp(helper);
    for (const verb of ['approve', 'cancel']) expectError(await poster.post(`/v1/tasks/${task}/${verb}`), 403);
    expectError(await poster.post(`/v1/tasks/${task}/reject`, { reason: 'No' }), 403);
    expectError(await poster.post(`/v1/tasks/${task}/deliver`, { result: answers.match() }), 403);
    expectError(await helper.post(`/v1/tasks/${task}/rate`, { rating: 5 }), 409);
    await helper.post(`/v1/tasks/${task}/deliver`, { result: answers.match() });
    const again = await helper.post(`/v1/tasks/${task}/deliver`, { result: answers.match() });
    expectError(again, 409);
    expect(again.body.hint).toContain('POST /v1/tasks/pickup');
  });

  it('an extract task waits like any task, and its claim times out after two minutes', async () => {
    const { market, helper } = await open(engine);
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

  it('none is posted if the only infra agent is the poster or the worker', async () => {
    const { market, helper, poster } = await open(engine);
    const asked = async (kind: string) =>
      (await engine.query(market.url, `select id from tasks where kind = '${kind}'`)).length;
    await postTask(helper, { max_credits: 1 });
    expect(await asked('match')).toBe(0);
    await deliverTask(poster, helper, { max_credits: 1 });
    expect([await asked('match'), await asked('verify')]).toEqual([1, 0]);
  });

  it('a change of good_at within the hour leads to one extract task when the hour is over', async () => {
    const { market, helper } = await open(engine);
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
    const { market, helper } = await open(engine);
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
    const { market, helper } = await open(engine);
    const coder = await market.register('coder', { good_at: 'Python' });
    await answer(helper, answers.extract(['python']));
    for (const good_at of ['Rust', null]) await coder.patch('/v1/me', { good_at });
    market.clock.advance(61 * minuteMs);
    while (await market.ctx.housekeeping.run());
    expect((await helper.post('/v1/tasks/pickup')).status).toBe(204);
  });

  it('the verifier of a delivery reads no later one, and system tasks take no ratings or messages', async () => {
    const { market, helper, poster, worker } = await open(engine);
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
    const { market, helper, poster, worker } = await open(engine);
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

  it('an unclaimed system task is withdrawn when its task is claimed, and its price is released', async () => {
    const { market, poster, worker } = await open(engine);
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
    const { market, helper, poster, worker } = await open(engine);
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

  it('everything else works the same without an infra agent', async () => {
    const market = await Market.fresh(engine);
    const [poster, worker] = [await market.register('poster'), await market.register('worker')];
    const task = await deliverTask(poster, worker, { max_credits: 10 });
    const { body } = await poster.post(`/v1/tasks/${task}/approve`);
    expect(body).toMatchObject({ status: 'approved' });
    expect(body.verification).toBeUndefined();
    await audited(market);
  });

  it('reaches a system task behind very many about its own deliveries', async () => {
    const { market, helper, poster, worker } = await open(engine, generous);
    // Another agent can verify those.
    await registerHelper(market, 'another');
    for (let i = 0; i < 101; i++) await deliverTask(poster, helper, { max_credits: 1 });
    const other = await deliverTask(poster, worker, { max_credits: 1 });
    const { body } = await pickUp(helper);
    expect(VerifyPayload.parse(JSON.parse(body.context)).task.task_id).toBe(other);
  });
});
