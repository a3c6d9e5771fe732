import { expect, it } from 'vitest';
import { hourMs } from '../../../src/ground/clock.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { type Agent, claimTask, Market, postTask } from '../../support/market.ts';

async function open(engine: Engine) {
  const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '1000' });
  const [poster, asker, other] = [
    await market.register('poster'),
    await market.register('asker'),
    await market.register('other'),
  ];
  const events = (agentId: string) =>
    engine.query(
      market.url,
      `select number, type, task_id, data from events where agent_id = '${agentId}' order by number`,
    );
  return { market, poster, asker, other, events };
}

onBothEngines('a question', (engine) => {
  it('is asked about a posted task, shown to all agents, and answered once by the poster', async () => {
    const { market, poster, asker, other, events } = await open(engine);
    const task = await postTask(poster);
    const asked = await asker.post(`/v1/tasks/${task}/questions`, { question: 'In base ten?' });
    expect(asked.status).toBe(201);
    const { id } = asked.body;
    const expected = {
      id: expect.stringMatching(/^qa-[0-9A-Za-z]{12}$/),
      task_id: task,
      asker_id: asker.id,
      question: 'In base ten?',
      answer: null,
      created_at: expect.stringMatching(/\+00:00$/),
      answered_at: null,
    };
    expect(asked.body).toEqual(expected);
    expect(await events(poster.id)).toMatchObject([
      { type: 'task_question', task_id: task, data: JSON.stringify({ question_id: id }) },
    ]);
    for (const agent of [poster, asker, other]) {
      expect((await agent.get(`/v1/tasks/${task}/questions`)).body).toEqual({
        questions: [expected],
        total: 1,
        next_cursor: null,
      });
    }

    const answered = await poster.post(`/v1/tasks/${task}/questions/${id}/answer`, { answer: 'Yes' });
    expect(answered.status).toBe(200);
    expect(answered.body).toMatchObject({ id, answer: 'Yes', answered_at: asked.body.created_at });
    expect(await events(asker.id)).toMatchObject([
      { type: 'question_answered', task_id: task, data: JSON.stringify({ question_id: id }) },
    ]);
    expectError(await poster.post(`/v1/tasks/${task}/questions/${id}/answer`, { answer: 'No' }), 409);
    expect((await other.get(`/v1/tasks/${task}/questions`)).body.questions).toEqual([answered.body]);
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
  });

  it('and its answer may be sent as plain text', async () => {
    const { poster, asker } = await open(engine);
    const task = await postTask(poster);
    const { id } = (await asker.post(`/v1/tasks/${task}/questions`, 'In base ten?')).body;
    const { body } = await poster.post(`/v1/tasks/${task}/questions/${id}/answer`, 'Yes');
    expect(body).toMatchObject({ question: 'In base ten?', answer: 'Yes' });
  });

  it('is refused from the poster, off the board, and after the deadline', async () => {
    const { market, poster, asker, other } = await open(engine);
    const claimed = await claimTask(poster, other);
    const due = await postTask(poster, { deadline_minutes: 1 });
    expectError(await poster.post(`/v1/tasks/${due}/questions`, { question: 'Why?' }), 409);
    expectError(await asker.post(`/v1/tasks/${claimed}/questions`, { question: 'Why?' }), 409);
    expectError(await other.post(`/v1/tasks/${claimed}/questions`, { question: 'Why?' }), 409);
    market.clock.advance(hourMs);
    expectError(await asker.post(`/v1/tasks/${due}/questions`, { question: 'Why?' }), 409);
    expectError(await asker.post('/v1/tasks/tk-000000000000/questions', { question: 'Why?' }), 404);
  });

  it('waits with at most four others, however many agents ask at once', async () => {
    const { market, poster, asker, other } = await open(engine);
    const askers = [asker, other, await market.register('third'), await market.register('fourth')];
    const task = await postTask(poster);
    const ask = (i = 0) => askers[i % askers.length]!.post(`/v1/tasks/${task}/questions`, { question: 'Why?' });
    const replies = await Promise.all(Array.from({ length: 12 }, (_, i) => ask(i)));
    expect(replies.map(({ status }) => status).sort()).toEqual([
      ...Array<number>(5).fill(201),
      ...Array<number>(7).fill(429),
    ]);
    const refused = await ask();
    expectError(refused, 429);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    const { id } = replies.find(({ status }) => status === 201)!.body;
    expect((await poster.post(`/v1/tasks/${task}/questions/${id}/answer`, { answer: 'So' })).status).toBe(200);
    const newcomer = await market.register('newcomer');
    expect((await newcomer.post(`/v1/tasks/${task}/questions`, { question: 'Why?' })).status).toBe(201);
    expectError(await ask(), 429);
    expect((await poster.get(`/v1/tasks/${task}/questions`)).body.total).toBe(6);
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
  });

  it('waits with at most one other of the same asker, however many it asks at once', async () => {
    const { poster, asker, other } = await open(engine);
    const task = await postTask(poster);
    const ask = (agent: Agent) => agent.post(`/v1/tasks/${task}/questions`, { question: 'Why?' });
    const replies = await Promise.all(Array.from({ length: 6 }, () => ask(asker)));
    expect(replies.map(({ status }) => status).sort()).toEqual([201, 201, 429, 429, 429, 429]);
    expectError(await ask(asker), 429);
    expect((await ask(other)).status).toBe(201);
    const { id } = replies.find(({ status }) => status === 201)!.body;
    await poster.post(`/v1/tasks/${task}/questions/${id}/answer`, { answer: 'So' });
    expect((await ask(asker)).status).toBe(201);
    expectError(await ask(asker), 429);
  });

  it('gets one answer, however many are sent at once', async () => {
    const { market, poster, asker } = await open(engine);
    const task = await postTask(poster);
    const { id } = (await asker.post(`/v1/tasks/${task}/questions`, { question: 'Why?' })).body;
    const replies = await Promise.all(
      ['a', 'b', 'c'].map((answer) => poster.post(`/v1/tasks/${task}/questions/${id}/answer`, { answer })),
    );
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
  });

  it('is answered only by the poster, and only under its own task', async () => {
    const { poster, asker, other } = await open(engine);
    const [task, elsewhere] = [await postTask(poster), await postTask(poster)];
    const { id } = (await asker.post(`/v1/tasks/${task}/questions`, { question: 'Why?' })).body;
    for (const agent of [asker, other]) {
      expectError(await agent.post(`/v1/tasks/${task}/questions/${id}/answer`, { answer: 'So' }), 403);
    }
    for (const path of [`${elsewhere}/questions/${id}`, `${task}/questions/qa-000000000000`, `${task}/questions/odd`]) {
      expect(expectError(await poster.post(`/v1/tasks/${path}/answer`, { answer: 'So' }), 404)).toBe(
        'Question not found',
      );
    }
    expectError(await poster.post(`/v1/tasks/tk-000000000000/questions/${id}/answer`, { answer: 'So' }), 404);
  });

  it('can still be answered after the claim, and is then visible only to the parties and its asker', async () => {
    const { poster, asker, other, market } = await open(engine);
    const second = await market.register('second asker');
    const task = await postTask(poster);
    const { id } = (await asker.post(`/v1/tasks/${task}/questions`, { question: 'Why?' })).body;
    await second.post(`/v1/tasks/${task}/questions`, { question: 'When?' });
    await other.post(`/v1/tasks/${task}/pickup`);
    expect((await poster.post(`/v1/tasks/${task}/questions/${id}/answer`, { answer: 'So' })).status).toBe(200);
    const texts = async (agent: typeof asker) =>
      (await agent.get(`/v1/tasks/${task}/questions`)).body.questions.map((row: { question: string }) => row.question);
    expect(await texts(poster)).toEqual(['Why?', 'When?']);
    expect(await texts(other)).toEqual(['Why?', 'When?']);
    expect(await texts(asker)).toEqual(['Why?']);
    expect(await texts(second)).toEqual(['When?']);
    const stranger = await market.register('stranger');
    expect(expectError(await stranger.get(`/v1/tasks/${task}/questions`), 404)).toBe('Task not found');
  });

  it('about a task of a suspended poster gets not_found', async () => {
    const { market, poster, asker } = await open(engine);
    const task = await postTask(poster);
    await asker.post(`/v1/tasks/${task}/questions`, { question: 'Why?' });
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: poster.id, suspended: true });
    for (const reply of [
      await asker.get(`/v1/tasks/${task}/questions`),
      await asker.post(`/v1/tasks/${task}/questions`, { question: 'When?' }),
    ]) {
      expect(expectError(reply, 404)).toBe('Task not found');
    }
  });

  it('is listed in pages, oldest first', async () => {
    const { market, poster, asker, other } = await open(engine);
    const task = await postTask(poster);
    const askers = [asker, other, await market.register('third')];
    for (let i = 0; i < 5; i++) await askers[i % 3]!.post(`/v1/tasks/${task}/questions`, { question: `Why ${i}?` });
    const whole = (await asker.get(`/v1/tasks/${task}/questions`)).body;
    expect(whole.questions.map((row: { question: string }) => row.question)).toEqual(
      [0, 1, 2, 3, 4].map((i) => `Why ${i}?`),
    );
    const first = (await asker.get(`/v1/tasks/${task}/questions?limit=3`)).body;
    const rest = (await asker.get(`/v1/tasks/${task}/questions?limit=3&cursor=${first.next_cursor}`)).body;
    expect([...first.questions, ...rest.questions]).toEqual(whole.questions);
    expect(rest).toMatchObject({ total: 5, next_cursor: null });
    expectError(await poster.get(`/v1/tasks/${task}/messages?cursor=${first.next_cursor}`), 400);
  });
});
