import { expect, it, onTestFinished } from 'vitest';
import { hourMs, secondMs } from '../../../src/ground/clock.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { answers, nameHelper } from '../../support/helpers.ts';
import { type Agent, claimTask, Market, postTask } from '../../support/market.ts';

const settings = (infraAgents: string, creditsPerHour: string) => ({
  PINCHWORK_INITIAL_CREDITS: '10000',
  PINCHWORK_INFRA_AGENTS: infraAgents,
  PINCHWORK_SYSTEM_CREDITS_PER_HOUR: creditsPerHour,
});

/** A market of strangers; on PostgreSQL, three servers. */
async function open(engine: Engine, creditsPerHour: string) {
  const env = settings('open', creditsPerHour);
  const market = await Market.shared(engine, env);
  const servers = [market];
  while (engine.name === 'PostgreSQL' && servers.length < 3) {
    servers.push(await Market.open(market.url, env, market.clock));
  }
  onTestFinished(async () => {
    for (const server of servers.toReversed()) await server.close();
  });
  const posters = async (count: number) =>
    Promise.all(Array.from({ length: count }, (_, i) => market.register(`poster ${i}`)));
  /** The same agent at each server in turn. */
  const at = (i: number, { id, key }: Agent) => servers[i % servers.length]!.client(id, key);
  return { market, posters, at, helper: () => market.register('helper', { accepts_system_tasks: true }) };
}

const postAll = async (posters: readonly Agent[], count = 1) => {
  for (const poster of posters) for (let i = 0; i < count; i++) await postTask(poster, { max_credits: 1 });
};

const systemTasks = '/v1/tasks/pickup?tags=of-the-platform';
const resultFor = (need: string) =>
  need.startsWith('Match') ? '{"ranked_agents": []}' : '{"meets_requirements": true, "explanation": ""}';

/** Answers one system task with an empty answer. @returns what it paid; 0 if there was none. */
async function answerNext(helper: Agent): Promise<number> {
  const { status, body } = await helper.post(systemTasks);
  if (status === 204) return 0;
  const reply = await helper.post(`/v1/tasks/${body.task_id}/deliver`, { result: resultFor(body.need) });
  expect(reply.status).toBe(200);
  return reply.body.credits_charged;
}

async function answerAll(helper: Agent): Promise<number> {
  let earned = 0;
  for (let paid = await answerNext(helper); paid > 0; paid = await answerNext(helper)) earned += paid;
  return earned;
}

async function expectClean(market: Market): Promise<void> {
  await market.pass(0);
  expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
}

onBothEngines('with infra agents whom nobody vouches for', (engine) => {
  it('seven accounts that work for each other earn no more each than an honest helper, and leave others served', async () => {
    const { market, helper } = await open(engine, '200');
    const gang = await Promise.all(Array.from({ length: 7 }, helper));
    const honest = await helper();
    const earned = new Map<Agent, number>([...gang, honest].map((agent) => [agent, 0]));
    const inTurn = [...gang, honest];
    const poll = async () => {
      for (const agent of inTurn) earned.set(agent, earned.get(agent)! + (await answerNext(agent)));
      inTurn.push(inTurn.shift()!);
    };
    for (let round = 0; round < 3; round++) {
      for (const [i, poster] of gang.entries()) {
        const worker = gang[(i + 1 + (round % 6)) % 7]!;
        const task = await postTask(poster, { max_credits: 1 });
        await poll();
        if ((await worker.post(`/v1/tasks/${task}/pickup`)).status !== 200) continue;
        await worker.post(`/v1/tasks/${task}/deliver`, { result: 'Nothing' });
        await poll();
        await poster.post(`/v1/tasks/${task}/approve`);
      }
    }
    const ofGang = gang.map((agent) => earned.get(agent)!);
    expect(Math.max(...ofGang)).toBeLessThanOrEqual(50);
    expect(earned.get(honest)!).toBeGreaterThanOrEqual(ofGang.reduce((sum, paid) => sum + paid) / 7);
    // What all of them caused is at most seven tenths of the hour's credits: others are still served.
    expect([...earned.values()].reduce((sum, paid) => sum + paid)).toBeLessThanOrEqual(140);
    const poster = await market.register('an honest poster');
    await postTask(poster, { max_credits: 1 });
    expect(await answerNext(await helper())).toBe(3);
    await expectClean(market);
  });

  it('one of them gets a quarter of the credits of an hour, however it claims', async () => {
    const { market, posters, at, helper } = await open(engine, '120');
    const [greedy, second] = [await helper(), await helper()];
    const crowd = await posters(12);
    await postAll(crowd);
    const waves = await Promise.all(
      Array.from({ length: 6 }, (_, i) =>
        at(i, greedy).post('/v1/tasks/pickup/batch', { count: 3, tags: ['of-the-platform'] }),
      ),
    );
    const ids = waves.flatMap(({ body }) => (body.tasks ?? []).map((task: { task_id: string }) => task.task_id));
    for (const id of ids) await greedy.post(`/v1/tasks/${id}/deliver`, { result: answers.match() });
    await answerAll(greedy);
    expect(await market.balanceOf(greedy)).toBe(10_000 + 30);
    const waiting = await second.post(systemTasks);
    await second.post(`/v1/tasks/${waiting.body.task_id}/abandon`);
    expect(expectError(await greedy.post(`/v1/tasks/${waiting.body.task_id}/pickup`), 409)).toContain('your share');
    expect(await answerAll(second)).toBeGreaterThan(0);
    market.clock.advance(hourMs + 10 * secondMs);
    await market.ctx.timers.runDue();
    await postAll(crowd);
    expect(await answerAll(greedy)).toBe(30);
    await expectClean(market);
  });

  it("one poster's tasks, or one profile, cause a tenth of them; then the built-in matcher serves", async () => {
    const { market, posters, helper } = await open(engine, '300');
    const [one, two] = [await helper(), await helper()];
    const [poster, other] = await posters(2);
    await postAll([poster!], 15);
    expect((await answerAll(one)) + (await answerAll(two))).toBe(30);
    await postAll([other!]);
    expect(await answerAll(one)).toBe(3);
    market.clock.advance(hourMs);
    await postAll([poster!]);
    expect(await answerAll(two)).toBe(3);
    await expectClean(market);
  });

  it('one of them and one poster meet ten times a day, also when a claim is given back', async () => {
    const { market, posters, helper } = await open(engine, 'off');
    const infra = await helper();
    const [poster, other] = await posters(2);
    await postAll([poster!], 9);
    expect(await answerAll(infra)).toBe(27);
    const worker = await market.register('worker');
    const last = await claimTask(poster!, worker, { max_credits: 1 });
    await worker.post(`/v1/tasks/${last}/deliver`, { result: 'Done' });
    expect(await answerNext(infra)).toBe(5);
    // Nobody else could match the next one, so the built-in matcher serves at once.
    await postAll([poster!]);
    expect(await answerNext(infra)).toBe(0);
    await postAll([other!]);
    expect(await answerNext(infra)).toBe(3);
    const fresh = await helper();
    await postAll([poster!]);
    expect(await answerNext(infra)).toBe(0);
    expect(await answerNext(fresh)).toBe(3);
    market.clock.advance(24 * hourMs);
    await market.ctx.timers.runDue();
    await postAll([poster!]);
    expect(await answerNext(infra)).toBe(3);
    await expectClean(market);
  });
});

onBothEngines('the operator decides who does system tasks', (engine) => {
  it('with granted: those that say so and that it named, for as long as both hold', async () => {
    const market = await Market.fresh(engine, settings('granted', '1000'));
    const poster = await market.register('poster');
    const agent = await market.register('helper', { accepts_system_tasks: true });
    const named = await market.register('named only');
    await nameHelper(market, named);
    expect((await named.get('/v1/me')).body.accepts_system_tasks).toBe(false);
    await postAll([poster]);
    expect(await answerNext(agent)).toBe(0);

    await nameHelper(market, agent);
    await postAll([poster]);
    const { body } = await agent.post(systemTasks);
    expect(body.poster_id).toBe('ag-platform');
    expectError(await named.post(`/v1/tasks/${body.task_id}/pickup`), 409);
    await nameHelper(market, agent, false);
    expect((await agent.get('/v1/me')).body.accepts_system_tasks).toBe(true);
    expect((await agent.post(`/v1/tasks/${body.task_id}/abandon`)).status).toBe(200);
    expectError(await agent.post(`/v1/tasks/${body.task_id}/pickup`), 409);
    expect(await answerNext(agent)).toBe(0);
    expect((await market.admin.get('/v1/admin/log')).body.actions[0]).toMatchObject({
      action: 'change_agent',
      subject: agent.id,
      before: { accepts_system_tasks: true },
      after: { accepts_system_tasks: false },
    });
    await expectClean(market);
  });

  it('with off: nobody, and the built-in matcher serves', async () => {
    const market = await Market.fresh(engine, settings('off', '1000'));
    const poster = await market.register('poster');
    const agent = await market.register('helper', { accepts_system_tasks: true });
    await nameHelper(market, agent);
    await market.register('described', { good_at: 'Counting words' });
    const task = await postTask(poster, { max_credits: 1 });
    await agent.post(`/v1/tasks/${task}/pickup`);
    await agent.post(`/v1/tasks/${task}/deliver`, { result: 'Seven' });
    expect(await answerNext(agent)).toBe(0);
    expect(await engine.query(market.url, `select id from tasks where kind <> 'work'`)).toEqual([]);
  });
});
