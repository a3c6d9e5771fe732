import { expect, it } from 'vitest';
import { hourMs, minuteMs } from '../../../src/ground/clock.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { answers, pickUp, registerHelper } from '../../support/helpers.ts';
import { type Agent, claimTask, deliverTask, Market, postTask, type Reply } from '../../support/market.ts';

const rich = { PINCHWORK_INITIAL_CREDITS: '10000' };

async function open(engine: Engine, env: Record<string, string> = {}) {
  const market = await Market.fresh(engine, { ...rich, ...env });
  return { market, poster: await market.register('poster'), worker: await market.register('worker') };
}

const postMany = (poster: Agent, count: number) =>
  Promise.all(Array.from({ length: count }, () => postTask(poster, { max_credits: 1 })));

const pickup = (worker: Agent) => worker.post('/v1/tasks/pickup');
const statuses = (replies: readonly Reply[]) => replies.map(({ status }) => status).sort();

async function expectClean({ admin }: Market): Promise<void> {
  expect((await admin.get('/v1/admin/audit')).body.broken).toEqual([]);
}

onBothEngines('an agent holds', (engine) => {
  it('ten claims until its first approved work, then as many as the setting says, however it picks up', async () => {
    const { market, poster, worker } = await open(engine, { PINCHWORK_MAX_OPEN_CLAIMS: '12' });
    const tasks = await postMany(poster, 20);
    const waves = await Promise.all(Array.from({ length: 14 }, () => pickup(worker)));
    expect(statuses(waves)).toEqual([...Array<number>(10).fill(200), ...Array<number>(4).fill(429)]);
    const held = waves.flatMap(({ body }) => (body.task_id === undefined ? [] : [body.task_id as string]));
    const rest = tasks.filter((id) => !held.includes(id));
    const refused = [
      await pickup(worker),
      await worker.post('/v1/tasks/pickup/batch'),
      await worker.post(`/v1/tasks/${rest[0]}/pickup`),
      await worker.post('/v1/tasks/tk-000000000000/pickup'),
    ];
    for (const reply of refused) {
      expect(expectError(reply, 429)).toContain('10 until your first approved work, then 12');
      expect(reply.body.code).toBe('too_many_claims');
      expect(reply.headers['retry-after']).toBeUndefined();
    }
    // A delivered task is no open claim any more.
    await worker.post(`/v1/tasks/${held[0]}/deliver`, { result: 'Done' });
    expect((await worker.post(`/v1/tasks/${rest[0]}/pickup`)).status).toBe(200);
    expectError(await pickup(worker), 429);
    await poster.post(`/v1/tasks/${held[0]}/approve`);
    const batch = await worker.post('/v1/tasks/pickup/batch', { count: 10 });
    expect(batch.body.total).toBe(2);
    expectError(await worker.post('/v1/tasks/pickup/batch', { count: 10 }), 429);
    await worker.post(`/v1/tasks/${held[1]}/abandon`);
    expect(statuses(await Promise.all([pickup(worker), pickup(worker), pickup(worker)]))).toEqual([200, 429, 429]);
    await expectClean(market);
  });

  it('ten system tasks apart from them', async () => {
    const { market, poster } = await open(engine, { PINCHWORK_MAX_OPEN_CLAIMS: '1' });
    const helper = await registerHelper(market);
    const other = await registerHelper(market);
    await claimTask(poster, helper, { max_credits: 1 });
    await postMany(await market.register('second'), 12);
    // Above its limit of claims it still gets system tasks, ten of them.
    expect((await helper.post('/v1/tasks/pickup/batch', { count: 10 })).body.total).toBe(10);
    expectError(await pickup(helper), 429);
    const { task } = await pickUp(other);
    await other.post(`/v1/tasks/${task}/abandon`);
    expectError(await helper.post(`/v1/tasks/${task}/pickup`), 429);
    await expectClean(market);
  });
});

onBothEngines('a claim that is given up', (engine) => {
  const pauseAt = (count: number) => ({ PINCHWORK_MAX_ABANDONS_BEFORE_COOLDOWN: String(count) });

  it('counts towards the pause also when its time runs out, and also for a system task', async () => {
    const { market, poster, worker } = await open(engine, pauseAt(2));
    await claimTask(poster, worker, { max_credits: 1, claim_timeout_minutes: 1 });
    await market.pass(2 * minuteMs);
    const task = await claimTask(poster, worker, { max_credits: 1 });
    expect((await worker.post(`/v1/tasks/${task}/abandon`)).status).toBe(200);
    const paused = await pickup(worker);
    expectError(paused, 429);
    expect(paused.body.code).toBe('pickups_paused');

    const helper = await registerHelper(market);
    await postMany(poster, 2);
    const { task: first } = await pickUp(helper);
    await helper.post(`/v1/tasks/${first}/abandon`);
    await pickUp(helper);
    await market.pass(3 * minuteMs);
    expect((await pickup(helper)).body.code).toBe('pickups_paused');
    await expectClean(market);
  });

  it('counts for nothing after a rejection, and when the deadline or the grace ends it', async () => {
    const { market, poster, worker } = await open(engine, pauseAt(1));
    const reject = (task: string) => poster.post(`/v1/tasks/${task}/reject`, { reason: 'No' });
    const given = await deliverTask(poster, worker, { max_credits: 1 });
    await reject(given);
    expect((await worker.post(`/v1/tasks/${given}/abandon`)).status).toBe(200);
    const slow = await deliverTask(poster, worker, { max_credits: 1 });
    await reject(slow);
    await claimTask(poster, worker, { max_credits: 1, deadline_minutes: 1 });
    await market.pass(9 * minuteMs);
    expect((await pickup(worker)).status).toBe(204);
    // A rejection of an earlier claim does not excuse this one.
    expect((await worker.post(`/v1/tasks/${given}/pickup`)).status).toBe(200);
    await worker.post(`/v1/tasks/${given}/abandon`);
    expect((await pickup(worker)).body.code).toBe('pickups_paused');
    await expectClean(market);
  });

  it('comes last on the board of its agent for a day, and for ten minutes not by a pickup of the next', async () => {
    const { market, poster, worker } = await open(engine);
    const other = await market.register('other');
    const board = async (agent: Agent, query = '') =>
      (await agent.get(`/v1/tasks/available${query}`)).body.tasks.map(({ task_id }: { task_id: string }) => task_id);
    const given = await claimTask(poster, worker, { max_credits: 1, tags: ['old'] });
    await worker.post(`/v1/tasks/${given}/abandon`);
    const lost = await claimTask(poster, worker, { max_credits: 1, claim_timeout_minutes: 1 });
    await market.pass(2 * minuteMs);
    expect((await pickup(worker)).status).toBe(204);
    expect((await worker.post('/v1/tasks/pickup/batch')).body.total).toBe(0);
    const fresh = await postTask(poster, { max_credits: 1, need: 'Something else' });

    expect(await board(worker)).toEqual([fresh, given, lost]);
    expect(await board(other)).toEqual([given, lost, fresh]);
    expect(await board(worker, '?tags=old')).toEqual([given]);
    expect(await board(worker, '?search=count')).toEqual([given, lost]);
    const pages: string[] = [];
    for (let cursor = ''; ;) {
      const { body } = await worker.get(`/v1/tasks/available?limit=1${cursor}`);
      pages.push(...body.tasks.map(({ task_id }: { task_id: string }) => task_id));
      if (body.next_cursor === null) break;
      cursor = `&cursor=${body.next_cursor}`;
    }
    expect(pages).toEqual([fresh, given, lost]);

    const next = await pickup(worker);
    expect(next.body.task_id).toBe(fresh);
    expect((await pickup(worker)).status).toBe(204);
    // By id it may take it at once.
    expect((await worker.post(`/v1/tasks/${lost}/pickup`)).status).toBe(200);
    await market.pass(9 * minuteMs);
    await worker.post(`/v1/tasks/${next.body.task_id}/deliver`, { result: 'Done' });
    const newer = await postTask(poster, { max_credits: 1 });
    expect((await pickup(worker)).body.task_id).toBe(newer);
    expect((await pickup(worker)).body.task_id).toBe(given);
    await worker.post(`/v1/tasks/${given}/abandon`);
    market.clock.advance(24 * hourMs);
    while (await market.ctx.housekeeping.run());
    const newest = await postTask(poster, { max_credits: 1 });
    expect(await board(worker)).toEqual([given, lost, newest]);
    expect((await pickup(worker)).body.task_id).toBe(given);
    await expectClean(market);
  });

  it('is not handed out again to the infra agent that gave it back', async () => {
    const { market, poster } = await open(engine);
    const [helper, second] = [await registerHelper(market), await registerHelper(market)];
    await postTask(poster, { max_credits: 1 });
    const { task } = await pickUp(helper);
    await helper.post(`/v1/tasks/${task}/abandon`);
    expect((await helper.post('/v1/tasks/pickup?tags=none')).status).toBe(204);
    expect((await pickUp(second)).task).toBe(task);
    await second.post(`/v1/tasks/${task}/deliver`, { result: answers.match() });
    await expectClean(market);
  });
});
