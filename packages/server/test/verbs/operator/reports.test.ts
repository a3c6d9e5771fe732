import { expect, it } from 'vitest';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { adminKey, claimTask, Market, postTask } from '../../support/market.ts';

async function open(engine: Engine) {
  const market = await Market.fresh(engine);
  return {
    market,
    poster: await market.register('poster'),
    worker: await market.register('worker'),
    other: await market.register('other'),
  };
}

onBothEngines('a report', (engine) => {
  it('is accepted from any agent while the task is on the board, later from its parties, from each agent once', async () => {
    const { market, poster, worker, other } = await open(engine);
    const task = await postTask(poster, { max_credits: 5 });
    const reported = await other.post(`/v1/tasks/${task}/report`, { reason: 'Spam' });
    expect(reported.status).toBe(201);
    expect(reported.body).toEqual({
      report_id: expect.stringMatching(/^rp-[0-9A-Za-z]{12}$/),
      task_id: task,
      reason: 'Spam',
      status: 'open',
    });
    await worker.post(`/v1/tasks/${task}/pickup`);
    expectError(await other.post(`/v1/tasks/${task}/report`, { reason: 'Spam' }), 403);
    for (const agent of [poster, worker]) {
      expect((await agent.post(`/v1/tasks/${task}/report`, 'Rude')).status).toBe(201);
      expect(expectError(await agent.post(`/v1/tasks/${task}/report`, 'Rude'), 409)).toBe(
        'You have reported this task already',
      );
    }
    expectError(await other.post('/v1/tasks/tk-000000000000/report', { reason: 'Spam' }), 404);
    expectError(await worker.post(`/v1/tasks/${task}/report`, {}), 400);
    expect((await market.admin.get('/v1/admin/reports')).body.total).toBe(3);
  });

  it('is accepted from a worker that has lost its claim, whatever became of the task', async () => {
    const { market, poster, worker, other } = await open(engine);
    const task = await claimTask(poster, worker, { max_credits: 5 });
    await worker.post(`/v1/tasks/${task}/deliver`, { result: 'Four' });
    for (let i = 0; i < 3; i++) {
      await poster.post(`/v1/tasks/${task}/reject`, { reason: 'Wrong' });
      await worker.post(`/v1/tasks/${task}/deliver`, { result: 'Four' });
    }
    await worker.post(`/v1/tasks/${task}/abandon`);
    expect((await poster.post(`/v1/tasks/${task}/cancel`)).status).toBe(200);
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: poster.id, suspended: true });
    expect((await worker.post(`/v1/tasks/${task}/report`, { reason: 'Took my work' })).status).toBe(201);
    expectError(await worker.post(`/v1/tasks/${task}/report`, { reason: 'Took my work' }), 409);
    expectError(await other.post(`/v1/tasks/${task}/report`, { reason: 'Me too' }), 403);
  });

  it('that is sent twice at once is kept once', async () => {
    const { market, poster, other } = await open(engine);
    const task = await postTask(poster, { max_credits: 5 });
    const report = () => other.post(`/v1/tasks/${task}/report`, { reason: 'Spam' });
    const statuses = (await Promise.all([report(), report(), report()])).map(({ status }) => status);
    expect(statuses.sort()).toEqual([201, 409, 409]);
    expect((await market.admin.get('/v1/admin/reports?status=open')).body.total).toBe(1);
  });

  it('is listed to the operator, newest first, by status, in pages', async () => {
    const { market, poster, other } = await open(engine);
    const ids: string[] = [];
    let task = '';
    for (let i = 0; i < 5; i++) {
      task = await postTask(poster, { max_credits: 5 });
      ids.unshift((await other.post(`/v1/tasks/${task}/report`, { reason: `Reason ${i}` })).body.report_id);
    }
    await market.admin.post(`/v1/admin/reports/${ids[1]}`, { status: 'dismissed', note: 'Fine' });
    const list = async (query: string) => (await market.admin.get(`/v1/admin/reports${query}`)).body;
    const idsOf = (body: { reports: { report_id: string }[] }) => body.reports.map(({ report_id }) => report_id);
    expect(idsOf(await list(''))).toEqual(ids);
    expect((await list('')).reports[0]).toMatchObject({
      task_id: task,
      reporter_id: other.id,
      reason: 'Reason 4',
      status: 'open',
      note: null,
      decided_at: null,
    });
    expect(idsOf(await list('?status=open'))).toEqual(ids.filter((id) => id !== ids[1]));
    expect(idsOf(await list('?status=dismissed'))).toEqual([ids[1]]);
    expect(await list('?status=resolved')).toMatchObject({ reports: [], total: 0 });
    const first = await list('?limit=3');
    expect(idsOf(await list(`?limit=3&cursor=${first.next_cursor}`))).toEqual(ids.slice(3));
    expectError(await market.admin.get('/v1/admin/reports?status=odd'), 400);
    expectError(await poster.get('/v1/admin/reports'), 403);
  });

  it('is decided by the operator, and can be decided again', async () => {
    const { market, poster, other } = await open(engine);
    const { report_id } = (await other.post(`/v1/tasks/${await postTask(poster)}/report`, { reason: 'Spam' })).body;
    const decide = (body: object) => market.admin.post(`/v1/admin/reports/${report_id}`, body);
    expect((await decide({ status: 'resolved', note: 'Suspended' })).body).toMatchObject({
      report_id,
      status: 'resolved',
      note: 'Suspended',
      decided_at: expect.stringMatching(/\+00:00$/),
    });
    expect((await decide({ status: 'dismissed' })).body).toMatchObject({ status: 'dismissed', note: null });
    for (const body of [{}, { status: 'open' }, { status: 'odd' }]) expectError(await decide(body), 400);
    for (const id of ['rp-000000000000', 'odd']) {
      const reply = await market.admin.post(`/v1/admin/reports/${id}`, { status: 'resolved' });
      expect(expectError(reply, 404)).toBe('Report not found');
    }
  });
});

onBothEngines("the operator's log", (engine) => {
  it('has one row per action with actor, time, before and after', async () => {
    const { market, poster, worker, other } = await open(engine);
    const task = await claimTask(poster, worker);
    const { report_id } = (await poster.post(`/v1/tasks/${task}/report`, { reason: 'Spam' })).body;
    const { admin } = market;
    const once = { 'idempotency-key': 'only once' };
    for (let i = 0; i < 2; i++) {
      await admin.post('/v1/admin/credits/grant', { agent_id: other.id, amount: 7, reason: 'a gift' }, once);
    }
    await admin.post('/v1/admin/agents/suspend', { agent_id: worker.id, suspended: true, reason: 'spam' });
    await admin.post('/v1/admin/agents/suspend', { agent_id: worker.id, suspended: false });
    await admin.post(`/v1/admin/reports/${report_id}`, { status: 'resolved', note: 'Warned' });
    // Refused actions are not in the log.
    await admin.post('/v1/admin/credits/grant', { agent_id: 'ag-000000000000', amount: 7 });
    await admin.post('/v1/admin/credits/grant', { agent_id: other.id, amount: 0 });

    const { body, text } = await admin.get('/v1/admin/log');
    expect(body.total).toBe(4);
    const stamp = { actor: 'admin', address: '127.0.0.1', created_at: expect.stringMatching(/\+00:00$/) };
    const id = expect.stringMatching(/^aa-[0-9A-Za-z]{12}$/);
    expect(body.actions).toEqual([
      {
        ...{ id, ...stamp, action: 'decide_report', subject: report_id },
        before: { status: 'open', note: null },
        after: { status: 'resolved', note: 'Warned' },
      },
      {
        ...{ id, ...stamp, action: 'unsuspend_agent', subject: worker.id },
        before: { suspended: true, reason: 'spam' },
        after: { suspended: false, reason: null },
      },
      {
        ...{ id, ...stamp, action: 'suspend_agent', subject: worker.id },
        before: { suspended: false, reason: null },
        after: { suspended: true, reason: 'spam' },
      },
      {
        ...{ id, ...stamp, action: 'grant_credits', subject: other.id },
        before: { credits: 100 },
        after: { credits: 107, reason: 'a gift' },
      },
    ]);
    expect(text).not.toContain(adminKey);
    const first = (await admin.get('/v1/admin/log?limit=3')).body;
    const rest = (await admin.get(`/v1/admin/log?limit=3&cursor=${first.next_cursor}`)).body;
    expect([...first.actions, ...rest.actions]).toEqual(body.actions);
    expectError(await poster.get('/v1/admin/log'), 403);
  });
});
