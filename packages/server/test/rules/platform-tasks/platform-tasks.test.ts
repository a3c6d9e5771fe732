import { MatchPayload } from '@pinchwork/sdk/table';
import { expect, it } from 'vitest';
import { minuteMs, secondMs } from '../../../src/ground/clock.ts';
import { onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { answer, answers, nameHelper, pickUp, registerHelper } from '../../support/helpers.ts';
import { deliverTask, Market, postTask } from '../../support/market.ts';
import { openWithHelper, audited, statusOf } from '../../support/platform-tasks.ts';

onBothEngines('system tasks', (engine) => {
  it('an infra agent matches a posted task, and is paid in full at once', async () => {
    const { market, helper, poster, worker } = await openWithHelper(engine);
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
    const { market, helper, poster, worker } = await openWithHelper(engine);
    for (const need of ['first', 'second', 'third']) {
      await postTask(poster, { need, max_credits: 1 });
      const picked = await pickUp(helper);
      const { candidates } = MatchPayload.parse(JSON.parse(picked.body.context));
      expect(candidates.map(({ id }) => id).sort()).toEqual([helper.id, worker.id].sort());
      await helper.post(`/v1/tasks/${picked.task}/deliver`, { result: answers.match([worker]) });
    }
    await audited(market);
  });

  it('are handed out in the order match, verify, extract, oldest first', async () => {
    const { market, helper, poster, worker } = await openWithHelper(engine);
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
    const { market, helper, poster, worker } = await openWithHelper(engine);
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
    const { market, helper, poster, worker } = await openWithHelper(engine);
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
    const { market, helper, poster, worker } = await openWithHelper(engine);
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

  it('are never given to a party of their task, or to an agent that does not accept them', async () => {
    const { market, poster, worker } = await openWithHelper(engine);
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
    const { market, helper, poster } = await openWithHelper(engine);
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
    const { market, helper, poster } = await openWithHelper(engine);
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
    const { helper, poster } = await openWithHelper(engine);
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

  it('none is posted if the only infra agent is the poster or the worker', async () => {
    const { market, helper, poster } = await openWithHelper(engine);
    const asked = async (kind: string) =>
      (await engine.query(market.url, `select id from tasks where kind = '${kind}'`)).length;
    await postTask(helper, { max_credits: 1 });
    expect(await asked('match')).toBe(0);
    await deliverTask(poster, helper, { max_credits: 1 });
    expect([await asked('match'), await asked('verify')]).toEqual([1, 0]);
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
});
