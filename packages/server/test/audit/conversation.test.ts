import { expect, it } from 'vitest';
import { type Engine, onBothEngines } from '../support/engines.ts';
import { Market, postTask } from '../support/market.ts';

/** A task with a question, an answered one and a message from each side. */
async function open(engine: Engine) {
  const market = await Market.fresh(engine);
  const [poster, worker] = [await market.register('poster'), await market.register('worker')];
  const task = await postTask(poster, { max_credits: 10 });
  const ask = async (question: string): Promise<string> =>
    (await worker.post(`/v1/tasks/${task}/questions`, { question })).body.id;
  await ask('Why?');
  await poster.post(`/v1/tasks/${task}/questions/${await ask('When?')}/answer`, { answer: 'Now' });
  await worker.post(`/v1/tasks/${task}/pickup`);
  for (const agent of [worker, poster]) await agent.post(`/v1/tasks/${task}/messages`, { message: 'Hello' });
  return { market, poster, worker, task };
}

type Talk = Awaited<ReturnType<typeof open>>;

const noEvent = 'every event has a cause';

const damages: [string, string, (talk: Talk) => string, (talk: Talk) => string][] = [
  [
    "a task's stored count of open questions is right",
    'a question too many',
    ({ task }) => `update tasks set open_questions = 2 where id = '${task}'`,
    ({ task }) => task,
  ],
  [
    'every question was told',
    'another number',
    () => `update questions set asked_event = 9 where answer is null`,
    ({ task }) => task,
  ],
  ['every answer was told', 'no number', () => `update questions set answered_event = null`, ({ task }) => task],
  [
    'every message was told',
    'an event of another type',
    ({ worker }) =>
      `update events set type = 'task_question' where agent_id = '${worker.id}' and type = 'task_message'`,
    ({ task }) => task,
  ],
  [
    noEvent,
    'a question that does not exist',
    () => `update events set data = '{"question_id":"qa-000000000000"}' where type = 'task_question'`,
    ({ poster }) => poster.id,
  ],
  [
    noEvent,
    'an answer to somebody else',
    ({ poster }) => `update questions set asker_id = '${poster.id}' where answer is not null`,
    ({ worker }) => worker.id,
  ],
  [
    noEvent,
    'a message to the other one',
    ({ poster, worker }) => `update messages set sender_id = '${worker.id}' where sender_id = '${poster.id}'`,
    ({ worker }) => worker.id,
  ],
];

onBothEngines('the audit of talk', (engine) => {
  it('finds no violation, also when events have been pruned', async () => {
    const { market } = await open(engine);
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
    await engine.vandalise(market.url, 'delete from events');
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
  });

  it.each(damages)('names the violation: %s (%s)', async (invariant, _, damage, subject) => {
    const talk = await open(engine);
    await engine.vandalise(talk.market.url, damage(talk));
    const { body } = await talk.market.admin.get('/v1/admin/audit');
    expect(body.broken).toContainEqual({ invariant, subject: subject(talk), detail: expect.any(String) });
  });
});
