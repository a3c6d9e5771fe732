import { expect, it } from 'vitest';
import { minuteMs } from '../../../src/ground/clock.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { answer, answers, generous, registerHelper } from '../../support/helpers.ts';
import { type Agent, claimTask, deliverTask, Market, postTask } from '../../support/market.ts';

async function open(engine: Engine) {
  const market = await Market.fresh(engine, generous);
  return {
    market,
    poster: await market.register('poster', { good_at: 'Grüße' }),
    worker: await market.register('worker'),
    other: await market.register('other'),
  };
}

interface Listing {
  readonly body: any; // eslint-disable-line @typescript-eslint/no-explicit-any -- a reply of any shape
}

/** Reads a list to its end, in pages. @returns the ids of its rows. */
async function readAll(admin: Agent, path: string, list: 'tasks' | 'agents', limit = 2): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const { body }: Listing = await admin.get(`${path}&limit=${limit}${cursor && `&cursor=${cursor}`}`);
    ids.push(...body[list].map((row: Record<string, string>) => row.task_id ?? row.id));
    cursor = body.next_cursor;
  }
  return ids;
}

onBothEngines("the operator's list of tasks", (engine) => {
  it('has all tasks of agents, filtered by state, text, id or agent, in each order, in pages', async () => {
    const { market, poster, worker, other } = await open(engine);
    const { admin } = market;
    const helper = await registerHelper(market);
    const posted = await postTask(poster, { need: 'Paint the Straße', tags: ['colours'] });
    await answer(helper, answers.match());
    const late = await postTask(other, { need: 'Sing', context: 'In the STRASSE', deadline_minutes: 2_000 });
    const soon = await postTask(other, { need: 'Dance', deadline_minutes: 10 });
    market.clock.advance(1);
    const claimed = await claimTask(poster, worker);
    const approved = await deliverTask(poster, worker);
    await poster.post(`/v1/tasks/${approved}/approve`);
    const all = [posted, late, soon, claimed, approved];
    const list = (query: string) => readAll(admin, `/v1/admin/tasks?${query}`, 'tasks');
    expect(await list('')).toEqual(all.toReversed());
    expect(await list('sort_by=oldest')).toEqual(all);
    expect((await list('sort_by=due')).slice(0, 1)).toEqual([soon]);
    expect((await list('sort_by=due')).toSorted()).toEqual([posted, late, soon, claimed].toSorted());
    expect(await list('status=claimed')).toEqual([claimed]);
    expect(await list('status=expired')).toEqual([]);
    expect(await list('search=straSSE')).toEqual([late]);
    expect(await list(`search=${encodeURIComponent('straße')}`)).toEqual([posted]);
    expect(await list('search=nothing')).toEqual([]);
    expect(await list(`search=${claimed}`)).toEqual([claimed]);
    expect(await list('search=tk-000000000000')).toEqual([]);
    expect(await list(`search=${worker.id}`)).toEqual([approved, claimed]);
    expect(await list(`search=${worker.id}&status=approved`)).toEqual([approved]);
    const first = (await admin.get('/v1/admin/tasks?limit=2')).body;
    expect(first).toMatchObject({ total: 5, next_cursor: expect.any(String) });
    expect(
      (await admin.get('/v1/admin/tasks?limit=2&offset=2')).body.tasks.map((row: { task_id: string }) => row.task_id),
    ).toEqual([soon, late]);
    expect(first.tasks[0]).toMatchObject({
      kind: 'work',
      status: 'approved',
      poster_id: poster.id,
      worker_id: worker.id,
      due_at: null,
    });
    for (const bad of ['status=odd', 'sort_by=odd', 'cursor=odd', `cursor=${first.next_cursor}&sort_by=due`]) {
      expectError(await admin.get(`/v1/admin/tasks?${bad}`), 400);
    }
    expectError(await poster.get('/v1/admin/tasks'), 403);
  });

  it('shows the beginnings of long texts, and pages that are not too long', async () => {
    const { market, poster } = await open(engine);
    for (let i = 0; i < 12; i++) await postTask(poster, { need: '\u0001'.repeat(50_000) });
    const { body, text } = await market.admin.get('/v1/admin/tasks?limit=100');
    expect(body.tasks).toHaveLength(12);
    expect(body.tasks[0].truncated).toBe(true);
    expect(text.length).toBeLessThan(256 * 1024);
  });
});

onBothEngines("the operator's list of agents", (engine) => {
  it('has all agents but the platform, filtered by state, text or id, in each order, in pages', async () => {
    const { market, poster, worker, other } = await open(engine);
    const { admin } = market;
    await registerHelper(market);
    await postTask(poster);
    const [helper] = await readAll(admin, '/v1/admin/agents?search=helper', 'agents');
    await admin.post('/v1/admin/agents/suspend', { agent_id: other.id, suspended: true, reason: 'Spam' });
    const list = (query: string) => readAll(admin, `/v1/admin/agents?${query}`, 'agents');
    const all = [poster.id, worker.id, other.id, helper!];
    expect(await list('sort_by=oldest')).toEqual(all);
    expect(await list('')).toEqual(all.toReversed());
    expect(await list('status=suspended')).toEqual([other.id]);
    expect(await list('status=active&sort_by=oldest')).toEqual([poster.id, worker.id, helper]);
    expect(await list(`search=${encodeURIComponent('GRÜSSE')}`)).toEqual([]);
    expect(await list(`search=${encodeURIComponent('GRÜß')}`)).toEqual([poster.id]);
    expect(await list(`search=${worker.id}`)).toEqual([worker.id]);
    expect((await admin.get(`/v1/admin/agents?search=${other.id}`)).body).toMatchObject({
      agents: [{ id: other.id, credits: 100_000, suspended: true, suspension_reason: 'Spam', tasks_posted: 0 }],
      total: 1,
    });
    expectError(await admin.get('/v1/admin/agents?status=odd'), 400);
    expectError(await admin.get('/v1/admin/agents?sort_by=due'), 400);
  });
});

onBothEngines('all about a task', (engine) => {
  it('has its texts, history, deliveries, talk, reviews, credits, reports, system tasks and actions', async () => {
    const { market, poster, worker, other } = await open(engine);
    const { admin } = market;
    const helper = await registerHelper(market);
    const id = await postTask(poster, { need: 'Add', context: 'Two and two', max_credits: 20 });
    await answer(helper, answers.match([worker]));
    const asked = await other.post(`/v1/tasks/${id}/questions`, { question: 'In base ten?' });
    await poster.post(`/v1/tasks/${id}/questions/${asked.body.id}/answer`, { answer: 'Yes' });
    await other.post(`/v1/tasks/${id}/report`, { reason: 'Homework' });
    market.clock.advance(3 * minuteMs);
    await worker.post(`/v1/tasks/${id}/pickup`);
    await worker.post(`/v1/tasks/${id}/messages`, { message: 'Soon' });
    await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Five', credits_claimed: 3 });
    await poster.post(`/v1/tasks/${id}/reject`, { reason: 'Wrong', feedback: 'Try again' });
    const see = async () => (await admin.get(`/v1/admin/tasks/${id}`)).body;
    expect((await see()).deliveries).toMatchObject([
      { result: 'Five', rejection_reason: 'Wrong', worker_id: worker.id },
    ]);
    await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Four' });
    await poster.post(`/v1/tasks/${id}/approve`, { rating: 5, feedback: 'Thanks' });
    const seen = await see();
    expect(seen.task).toMatchObject({ task_id: id, kind: 'work', need: 'Add', context: 'Two and two', result: 'Four' });
    expect(seen.history.map((row: { transition: string }) => row.transition)).toEqual([
      ...['post', 'claim', 'deliver', 'reject', 'deliver', 'approve'],
    ]);
    expect(seen.deliveries).toMatchObject([
      { result: 'Five', credits_claimed: 3, rejection_reason: 'Wrong', rejection_feedback: 'Try again' },
      { result: 'Four', credits_claimed: 20, rejected_at: null, worker_id: worker.id, claim_number: 1 },
    ]);
    expect(seen.questions).toMatchObject([{ question: 'In base ten?', answer: 'Yes' }]);
    expect(seen.messages).toMatchObject([{ message: 'Soon', sender_id: worker.id }]);
    expect(seen.reviews).toMatchObject([{ reviewer_id: poster.id, rating: 5, feedback: 'Thanks' }]);
    expect(
      seen.ledger.map(({ account_id, amount }: Record<string, unknown>) => [account_id, amount]).toSorted(),
    ).toEqual(
      [
        [poster.id, -20],
        [id, 20],
        [id, -20],
        [worker.id, 18],
        ['fees', 2],
      ].toSorted(),
    );
    expect(seen.reports).toMatchObject([{ reporter_id: other.id, reason: 'Homework', status: 'open' }]);
    expect(seen.system_tasks.map(({ kind }: { kind: string }) => kind).toSorted()).toEqual([
      'match',
      'verify',
      'verify',
    ]);
    expect(seen).toMatchObject({ actions: [], capped: [] });
  });

  it('shows a delivery that the operator cancelled, and the action', async () => {
    const { market, poster, worker } = await open(engine);
    const id = await deliverTask(poster, worker);
    await market.admin.post(`/v1/admin/tasks/${id}/cancel`, { reason: 'Stolen' });
    const { body } = await market.admin.get(`/v1/admin/tasks/${id}`);
    expect(body.task).toMatchObject({ status: 'cancelled', result: null });
    expect(body.deliveries).toMatchObject([{ worker_id: worker.id, result: 'Seven', rejected_at: null }]);
    expect(body.actions).toMatchObject([{ action: 'cancel_task', after: { reason: 'Stolen' } }]);
    expectError(await market.admin.get('/v1/admin/tasks/tk-000000000000'), 404);
  });

  it('names the lists that have more rows than it shows', async () => {
    const { market, poster, worker } = await open(engine);
    const id = await claimTask(poster, worker);
    for (let i = 0; i <= 100; i++) await worker.post(`/v1/tasks/${id}/messages`, { message: `Line ${i}` });
    const { messages, capped } = (await market.admin.get(`/v1/admin/tasks/${id}`)).body;
    expect(capped).toEqual(['messages']);
    expect([messages.length, messages[0].message, messages[99].message]).toEqual([100, 'Line 1', 'Line 100']);
  });
});

onBothEngines('all about an agent', (engine) => {
  it('has its profile, keys without secrets, ledger, tasks, reports on both sides and actions', async () => {
    const { market, poster, worker, other } = await open(engine);
    const { admin } = market;
    const id = await claimTask(poster, worker, { max_credits: 30 });
    await worker.post(`/v1/tasks/${id}/report`, { reason: 'Rude' });
    await poster.post(`/v1/tasks/${await postTask(other)}/report`, { reason: 'Spam' });
    await poster.post('/v1/me/keys', { name: 'second', scopes: ['read'] });
    await admin.post('/v1/admin/credits/debit', { agent_id: poster.id, amount: 10, reason: 'Fraud' });
    const { body, text } = await admin.get(`/v1/admin/agents/${poster.id}`);
    expect(body.agent).toMatchObject({
      id: poster.id,
      credits: 99_960,
      escrowed: 30,
      tasks_posted: 1,
      good_at: 'Grüße',
    });
    expect(body.keys.map(({ name }: { name: string }) => name).toSorted()).toEqual(['default', 'second']);
    expect(text).not.toContain('pwk-');
    expect(body.ledger.map(({ reason }: { reason: string }) => reason)).toEqual([
      'admin_debit',
      'escrow',
      'signup_bonus',
    ]);
    expect(body.tasks).toMatchObject([{ task_id: id, status: 'claimed' }]);
    expect(body.reports_against).toMatchObject([{ reason: 'Rude', reporter_id: worker.id }]);
    expect(body.reports_made).toMatchObject([{ reason: 'Spam', reporter_id: poster.id }]);
    expect(body.actions).toMatchObject([{ action: 'debit_credits', after: { reason: 'Fraud' } }]);
    expectError(await admin.get('/v1/admin/agents/ag-000000000000'), 404);
  });
});

onBothEngines("the operator's list of disputes", (engine) => {
  it('is read to its end by offset or by cursor, with the number of answers, and counts what it lists', async () => {
    const market = await Market.fresh(engine);
    const [poster, judge] = [await market.register('poster'), await market.register('judge')];
    const id = await postTask(poster);
    const many = 5_210;
    await engine.vandalise(
      market.url,
      `with recursive n (i) as (select 1 union all select i + 1 from n where i < ${many})
       insert into disputes (id, task_id, claim_number, poster_id, worker_id, reason, deposit, charged, judges,
         default_share, opened_at, half_at, deadline_at, status, resolved_at)
       select 'dp-' || (1000000 + i), '${id}', i, '${poster.id}', '${judge.id}', case when i <= 5 then 'Rare' else 'x' end,
         1, 1, 1, 0, 1, 1, ${many} - i, case when i % 10 = 0 then 'open' else 'ruled' end, case when i % 10 = 0 then null else 1 end from n`,
      `insert into dispute_seats (task_id, dispute_id, disputed_id, judge_id, drawn_at, status, answered_at)
       values ('${id}', 'dp-1000002', '${id}', '${judge.id}', 1, 'answered', 1)`,
    );
    const list = async (query: string) => (await market.admin.get(`/v1/admin/disputes?${query}`)).body;
    const idsOf = ({ disputes }: { disputes: { dispute_id: string }[] }) =>
      disputes.map(({ dispute_id }) => dispute_id);
    const last = await list(`offset=${many - 3}&limit=5`);
    expect(idsOf(last)).toEqual(['dp-1000003', 'dp-1000002', 'dp-1000001']);
    expect(last.disputes.map(({ answers }: { answers: number }) => answers)).toEqual([0, 1, 0]);
    expect(last).toMatchObject({ total: 1_000, total_capped: true, next_cursor: null });
    expect(last).not.toHaveProperty('search_partial');
    const first = await list('status=open&sort_by=due&limit=2');
    expect([idsOf(first), first.total]).toEqual([['dp-1005210', 'dp-1005200'], 521]);
    expect(idsOf(await list(`status=open&sort_by=due&limit=1&cursor=${first.next_cursor}`))).toEqual(['dp-1005190']);
    expect(await list('status=ruled&sort_by=due')).toMatchObject({ disputes: [], total: 0 });
    // A search gives up after five thousand rows, and its cursor goes on.
    const partial = await list('search=rare&limit=2&offset=1');
    expect([idsOf(partial), partial.search_partial]).toEqual([[], true]);
    const rest = await list(`search=rare&limit=2&cursor=${partial.next_cursor}`);
    expect(idsOf(rest)).toEqual(['dp-1000004', 'dp-1000003']);
  });
});
