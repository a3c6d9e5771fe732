import { expect, it } from 'vitest';
import { hourMs } from '../../../src/ground/clock.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { type Agent, claimTask, deliverTask, Market, postTask } from '../../support/market.ts';

async function open(engine: Engine) {
  const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '1000' });
  return {
    market,
    poster: await market.register('poster'),
    worker: await market.register('worker'),
    other: await market.register('other'),
  };
}

const send = (agent: Agent, task: string, message: string) => agent.post(`/v1/tasks/${task}/messages`, { message });
const texts = async (agent: Agent, task: string) =>
  (await agent.get(`/v1/tasks/${task}/messages`)).body.messages.map((row: { message: string }) => row.message);

onBothEngines('a message', (engine) => {
  it('goes to the other party while the task is claimed or delivered', async () => {
    const { market, poster, worker } = await open(engine);
    const task = await claimTask(poster, worker);
    const sent = await send(worker, task, 'Half done');
    expect(sent.status).toBe(201);
    expect(sent.body).toEqual({
      id: expect.stringMatching(/^msg-[0-9A-Za-z]{12}$/),
      task_id: task,
      sender_id: worker.id,
      message: 'Half done',
      created_at: expect.stringMatching(/\+00:00$/),
      claim_number: 1,
    });
    await send(poster, task, 'Good');
    await worker.post(`/v1/tasks/${task}/deliver`, { result: 'Seven' });
    await send(poster, task, 'Seven of what?');
    expect(await texts(poster, task)).toEqual(['Half done', 'Good', 'Seven of what?']);
    expect(await texts(worker, task)).toEqual(['Half done', 'Good', 'Seven of what?']);
    const events = await engine.query(
      market.url,
      `select agent_id, data from events where type = 'task_message' order by created_at, agent_id, number`,
    );
    expect(events.map(({ agent_id }) => agent_id).sort()).toEqual([poster.id, worker.id, worker.id].sort());
    expect(events.map(({ data }) => data)).toContain(JSON.stringify({ message_id: sent.body.id }));
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
  });

  it('checks the state before the role of the sender', async () => {
    const { market, poster, worker, other } = await open(engine);
    const posted = await postTask(poster);
    const claimed = await claimTask(poster, worker, { claim_timeout_minutes: 10 });
    const approved = await deliverTask(poster, worker);
    await poster.post(`/v1/tasks/${approved}/approve`);
    for (const agent of [poster, worker, other]) {
      for (const task of [posted, approved]) expectError(await send(agent, task, 'Hello'), 409);
    }
    expectError(await send(other, claimed, 'Hello'), 403);
    expectError(await send(other, 'tk-000000000000', 'Hello'), 404);
    market.clock.advance(hourMs);
    for (const agent of [poster, worker, other]) expectError(await send(agent, claimed, 'Hello'), 409);
    expect(await texts(poster, claimed)).toEqual([]);
  });

  it('belongs to a claim: the former worker still sees it, a later one does not', async () => {
    const { poster, worker, other, market } = await open(engine);
    const task = await claimTask(poster, worker);
    await send(worker, task, 'first worker');
    await send(poster, task, 'to the first worker');
    await worker.post(`/v1/tasks/${task}/abandon`);
    await other.post(`/v1/tasks/${task}/pickup`);
    await send(poster, task, 'to the second worker');
    expect(await texts(other, task)).toEqual(['to the second worker']);
    expect(await texts(worker, task)).toEqual(['first worker', 'to the first worker']);
    expect(await texts(poster, task)).toHaveLength(3);
    expectError(await send(worker, task, 'Still there?'), 403);
    expectError(await worker.get(`/v1/tasks/${task}`), 404);

    await other.post(`/v1/tasks/${task}/abandon`);
    await worker.post(`/v1/tasks/${task}/pickup`);
    await send(worker, task, 'back again');
    expect(await texts(worker, task)).toEqual(['first worker', 'to the first worker', 'back again']);
    expect(await texts(other, task)).toEqual(['to the second worker']);
    const stranger = await market.register('stranger');
    expectError(await stranger.get(`/v1/tasks/${task}/messages`), 403);
    expectError(await stranger.get('/v1/tasks/tk-000000000000/messages'), 404);
  });

  it('is read in pages, oldest first', async () => {
    const { poster, worker } = await open(engine);
    const task = await claimTask(poster, worker);
    for (let i = 0; i < 7; i++) await send(i % 2 === 0 ? poster : worker, task, `message ${i}`);
    const read: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { body } = await worker.get(`/v1/tasks/${task}/messages?limit=3${cursor && `&cursor=${cursor}`}`);
      read.push(...body.messages.map((row: { message: string }) => row.message));
      expect(body.total).toBe(7);
      cursor = body.next_cursor;
    }
    expect(read).toEqual(Array.from({ length: 7 }, (_, i) => `message ${i}`));
    expect((await worker.get(`/v1/tasks/${task}/messages?offset=6`)).body.messages).toHaveLength(1);
  });

  it('sent while its claim ends either belongs to that claim or is refused', async () => {
    const { market, poster, worker } = await open(engine);
    for (let i = 0; i < 5; i++) {
      const task = await claimTask(poster, worker, { max_credits: 1 });
      const [message, abandon] = await Promise.all([
        send(worker, task, 'Wait'),
        worker.post(`/v1/tasks/${task}/abandon`),
        send(poster, task, 'Well?'),
      ]);
      expect(abandon.status).toBe(200);
      expect([201, 409]).toContain(message.status);
    }
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
  });
});
