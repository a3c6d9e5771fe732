import { expect, it } from 'vitest';
import { hourMs, minuteMs } from '../../../src/ground/clock.ts';
import { browse } from '../../support/board.ts';
import { describeOnPostgres, type Engine, onBothEngines, postgres } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { registerHelper } from '../../support/helpers.ts';
import { type Agent, deliverTask, Market, postTask } from '../../support/market.ts';
import { queueForTask } from '../../support/queued.ts';

const rich = { PINCHWORK_INITIAL_CREDITS: '10000' };

async function open(engine: Engine) {
  const market = await Market.fresh(engine, rich);
  const [poster, one, two, other] = [
    await market.register('poster'),
    await market.register('one', { tags: ['colours'] }),
    await market.register('two'),
    await market.register('other', { tags: ['colours'], good_at: 'naming the primary colours' }),
  ];
  return { market, poster, one, two, other };
}

const offer = (poster: Agent, agents: readonly Agent[], fields: object = {}) =>
  postTask(poster, { for_agents: agents.map(({ id }) => id), max_credits: 10, ...fields });

const statusOf = async (poster: Agent, id: string): Promise<string> =>
  (await poster.get(`/v1/tasks/${id}`)).body.status;
const decline = (agent: Agent, id: string, body: object = {}) => agent.post(`/v1/tasks/${id}/decline`, body);

/** The types of an agent's events about a task. */
async function told(agent: Agent, id: string): Promise<string[]> {
  const { events } = (await agent.get('/v1/events/history?limit=100')).body as {
    events: { type: string; task_id: string }[];
  };
  return events.filter(({ task_id }) => task_id === id).map(({ type }) => type);
}

async function expectClean({ admin }: Market): Promise<void> {
  expect((await admin.get('/v1/admin/audit')).body.broken).toEqual([]);
}

onBothEngines('a task for chosen agents', (engine) => {
  it('is on the boards of these agents, before all others, and of nobody else', async () => {
    const { market, poster, one, two, other } = await open(engine);
    const plain = await postTask(poster, { max_credits: 1 });
    const fields = { need: 'Name the primary colours', tags: ['Colours'] };
    const id = await offer(poster, [one, two], fields);
    await market.pass(minuteMs);
    for (const agent of [one, two]) {
      expect(await browse(agent)).toEqual([id, plain]);
      expect(await browse(agent, 'tags=colours')).toEqual([id]);
      expect(await browse(agent, 'search=primary')).toEqual([id]);
      const { tasks, total } = (await agent.get('/v1/tasks/available')).body;
      expect(tasks[0]).toMatchObject({ is_matched: false, match_rank: null });
      expect(total).toBe(2);
      expect((await agent.get(`/v1/tasks/available/${id}`)).body).toMatchObject({ task_id: id, is_matched: false });
      expect(await told(agent, id)).toEqual(['task_offered']);
    }
    await market.ctx.search.run();
    for (const query of ['limit=100', 'tags=colours', 'search=primary', 'search=colours&tags=colours']) {
      expect(await browse(other, query)).not.toContain(id);
    }
    expectError(await other.get(`/v1/tasks/available/${id}`), 404);
    expectError(await other.post(`/v1/tasks/${id}/pickup`), 409);
    expect((await other.post('/v1/tasks/pickup', { tags: ['colours'] })).status).toBe(204);
    expect((await other.post('/v1/tasks/pickup/batch', { count: 10, search: 'primary' })).body.tasks).toEqual([]);
    expectError(await other.get(`/v1/tasks/${id}/questions`), 404);
    expectError(await other.post(`/v1/tasks/${id}/questions`, { question: 'Which?' }), 404);
    expectError(await other.post(`/v1/tasks/${id}/report`, { reason: 'Spam' }), 403);
    expect(await told(other, id)).toEqual([]);
    expect((await one.post(`/v1/tasks/${id}/questions`, { question: 'Which?' })).status).toBe(201);
    expect((await two.get(`/v1/tasks/${id}/questions`)).body.total).toBe(1);
    expect((await two.post('/v1/tasks/pickup', { tags: ['colours'] })).body.task_id).toBe(id);
    expectError(await one.post(`/v1/tasks/${id}/pickup`), 409);
    await expectClean(market);
  });

  it('comes back to them alone, and last to the one that gave it up', async () => {
    const { market, poster, one, two, other } = await open(engine);
    const id = await offer(poster, [one, two]);
    const plain = await postTask(poster, { max_credits: 1 });
    await one.post(`/v1/tasks/${id}/pickup`);
    await one.post(`/v1/tasks/${id}/abandon`);
    expect(await browse(one)).toEqual([plain, id]);
    expect(await browse(two)).toEqual([id, plain]);
    expect(await browse(other)).toEqual([plain]);
    // What it gave up and then declined does not come back either.
    expect((await decline(one, id)).status).toBe(200);
    expect(await browse(one)).toEqual([plain]);
    await expectClean(market);
  });

  it('is not matched, not checked, and previewed on no public page', async () => {
    const { market, poster, one } = await open(engine);
    const helper = await registerHelper(market);
    await helper.post('/v1/tasks/pickup/batch', { count: 10 });
    const page = (path: string) => market.request({ method: 'GET', url: path, headers: { accept: 'text/html' } });
    const id = await offer(poster, [one], { need: 'Paint the fence', tags: ['secretive'] });
    expect((await helper.post('/v1/tasks/pickup')).status).toBe(204);
    expect((await page('/human')).text).not.toContain('Paint the fence');
    expect((await page(`/human/tasks/${id}`)).text).not.toMatch(/Paint the fence|secretive/);
    await one.post(`/v1/tasks/${id}/pickup`);
    await one.post(`/v1/tasks/${id}/deliver`, { result: 'Painted' });
    expect((await helper.post('/v1/tasks/pickup')).status).toBe(204);
    await poster.post(`/v1/tasks/${id}/approve`);
    expect((await page(`/human/tasks/${id}`)).text).not.toMatch(/Paint the fence|secretive/);
    await expectClean(market);
  });

  it('is shown to its parties with those who are left', async () => {
    const { poster, one, two } = await open(engine);
    const id = await offer(poster, [two, one, two]);
    const shown = async (agent: Agent) => (await agent.get(`/v1/tasks/${id}`)).body.for_agents;
    expect(await shown(poster)).toEqual([two.id, one.id]);
    await decline(two, id);
    expect(await shown(poster)).toEqual([one.id]);
    await one.post(`/v1/tasks/${id}/pickup`);
    expect(await shown(one)).toEqual([one.id]);
    const { tasks } = (await poster.get('/v1/tasks/mine')).body;
    expect(tasks[0].for_agents).toEqual([one.id]);
    const plain = await postTask(poster, { max_credits: 1 });
    expect((await poster.get(`/v1/tasks/${plain}`)).body).not.toHaveProperty('for_agents');
  });

  it('names existing agents, none of them suspended, and not its own poster', async () => {
    const { market, poster, one, two } = await open(engine);
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: two.id, suspended: true });
    const before = await market.balanceOf(poster);
    const many = Array.from({ length: 21 }, (_, i) => `ag-${i}`);
    for (const ids of [
      [],
      [poster.id],
      [one.id, 'ag-000000000000'],
      [two.id],
      ['ag-platform'],
      ['?'],
      [''],
      many,
      [1],
      3,
    ]) {
      expectError(await poster.post('/v1/tasks', { need: 'Add', for_agents: ids }), 400);
    }
    expect(await market.balanceOf(poster)).toBe(before);
    const { body } = await poster.post('/v1/tasks', { need: 'Add', for_agents: `${one.id}, ${one.id}` });
    expect(await browse(one)).toEqual([body.task_id]);
  });

  it('tells them of its end, but not those who have declined', async () => {
    const { market, poster, one, two } = await open(engine);
    const id = await offer(poster, [one, two]);
    await market.pass(0);
    await decline(two, id, { reason: 'No time' });
    await poster.post(`/v1/tasks/${id}/cancel`);
    await market.pass(0);
    expect(await told(one, id)).toEqual(['task_offered', 'task_cancelled']);
    expect(await told(two, id)).toEqual(['task_offered']);
    const late = await offer(poster, [one]);
    await market.pass(73 * hourMs);
    expect(await told(one, late)).toEqual(['task_offered', 'task_expired']);
    await expectClean(market);
  });
});

onBothEngines('an agent declines', (engine) => {
  it('while nobody has the task or another one has it, and is then one of the others', async () => {
    const { market, poster, one, two, other } = await open(engine);
    const id = await offer(poster, [one, two]);
    expectError(await decline(other, id), 403);
    expectError(await decline(poster, id), 403);
    expectError(await decline(one, 'tk-000000000000'), 404);
    expectError(await decline(one, await postTask(poster, { max_credits: 1 })), 403);
    await one.post(`/v1/tasks/${id}/pickup`);
    expectError(await decline(one, id), 409);
    expect((await decline(two, id, { reason: 'x'.repeat(500) })).body).toEqual({ task_id: id, declined: true });
    expectError(await decline(two, id), 403);
    await one.post(`/v1/tasks/${id}/deliver`, { result: 'Four' });
    expectError(await decline(one, id), 409);
    await poster.post(`/v1/tasks/${id}/reject`, { reason: 'Five' });
    await one.post(`/v1/tasks/${id}/abandon`);
    expectError(await two.post(`/v1/tasks/${id}/pickup`), 409);
    expect(await browse(two)).not.toContain(id);
    expectError(await two.get(`/v1/tasks/${id}/questions`), 404);
    expectError(await decline(one, id, { reason: 'x'.repeat(501) }), 400);
    await expectClean(market);
  });

  it('in vain once the task has ended or its time has run out', async () => {
    const { market, poster, one, two } = await open(engine);
    const id = await offer(poster, [one, two], { deadline_minutes: 1 });
    market.clock.advance(minuteMs);
    expectError(await decline(one, id), 409);
    await market.pass(0);
    expect(await statusOf(poster, id)).toBe('expired');
    expectError(await decline(one, id), 409);
    await expectClean(market);
  });

  it('and the task that nobody is left for expires at once, with its credits back', async () => {
    const { market, poster, one, two } = await open(engine);
    const before = await market.balanceOf(poster);
    const id = await offer(poster, [one, two]);
    await decline(one, id);
    // A suspended agent may come back, so it counts.
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: two.id, suspended: true });
    expect(await statusOf(poster, id)).toBe('posted');
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: two.id, suspended: false });
    await decline(two, id);
    expect(await statusOf(poster, id)).toBe('expired');
    expect(await market.balanceOf(poster)).toBe(before);
    expect(await told(poster, id)).toEqual(['task_expired']);
    await market.pass(0);
    expect(await told(two, id)).toEqual([]);
    await expectClean(market);
  });

  it('when the last of them is excluded, even while it is suspended', async () => {
    const { market, poster, one } = await open(engine);
    const before = await market.balanceOf(poster);
    const id = await offer(poster, [one]);
    await one.post(`/v1/tasks/${id}/pickup`);
    await one.post(`/v1/tasks/${id}/deliver`, { result: 'Red, yellow, blue' });
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: one.id, suspended: true });
    const { status, body } = await poster.post(`/v1/tasks/${id}/reject`, { reason: 'Copied', exclude: true });
    expect([status, body.status, body.for_agents]).toEqual([200, 'posted', []]);
    // The clock ends it, without waiting for anything.
    await market.pass(0);
    expect(await statusOf(poster, id)).toBe('expired');
    expect(await market.balanceOf(poster)).toBe(before);
    await expectClean(market);
  });

  it('by checking a delivery of it', async () => {
    const { market, poster, one: worker } = await open(engine);
    const helper = await registerHelper(market);
    const id = await deliverTask(poster, worker, { for_agents: [worker.id, helper.id], verification: 'auto' });
    expect((await helper.post('/v1/tasks/pickup')).body.need).toContain('Verify completion');
    expect((await poster.get(`/v1/tasks/${id}`)).body.for_agents).toEqual([worker.id]);
    await poster.post(`/v1/tasks/${id}/reject`, { reason: 'No', exclude: true });
    await worker.post(`/v1/tasks/${id}/abandon`);
    await market.pass(0);
    expect(await statusOf(poster, id)).toBe('expired');
    await expectClean(market);
  });

  it('by deleting its account', async () => {
    const { market, poster, one, two } = await open(engine);
    const alone = await offer(poster, [one]);
    const held = await offer(poster, [one, two]);
    await two.post(`/v1/tasks/${held}/pickup`);
    expect((await one.delete(`/v1/me?confirm=${one.id}`)).status).toBe(200);
    await market.ctx.erasure.run();
    expect(await statusOf(poster, alone)).toBe('expired');
    await two.post(`/v1/tasks/${held}/abandon`);
    expect(await statusOf(poster, held)).toBe('posted');
    await decline(two, held);
    expect(await statusOf(poster, held)).toBe('expired');
    await expectClean(market);
  });

  it('at the moment at which another picks up, cancels or declines too, and one of both wins', async () => {
    const { market, poster, one, two } = await open(engine);
    for (let i = 0; i < 5; i++) {
      const id = await offer(poster, [one, two]);
      const replies = await Promise.all([
        decline(one, id),
        one.post(`/v1/tasks/${id}/pickup`),
        decline(two, id),
        poster.post(`/v1/tasks/${id}/cancel`),
      ]);
      const status = await statusOf(poster, id);
      const [declined, claimed] = replies.map((reply) => reply.status);
      expect([declined, claimed].filter((code) => code === 200).length).toBeLessThanOrEqual(1);
      expect(status).toBe(claimed === 200 ? 'claimed' : replies[3].status === 200 ? 'cancelled' : 'expired');
      if (status === 'claimed') await one.post(`/v1/tasks/${id}/abandon`);
    }
    await market.pass(0);
    await expectClean(market);
  });
});

describeOnPostgres('an agent that declines while its own pickup waits for the task', () => {
  it('does not get the task', async () => {
    const { market, poster, one, two } = await open(postgres);
    const id = await offer(poster, [one, two]);
    const [declined, claimed] = await queueForTask(market, id, [
      () => decline(one, id),
      () => one.post(`/v1/tasks/${id}/pickup`),
    ]);
    expect([declined.status, claimed.status]).toEqual([200, 409]);
    expect((await poster.get(`/v1/tasks/${id}`)).body).toMatchObject({ status: 'posted', for_agents: [two.id] });
    await expectClean(market);
  });
});
