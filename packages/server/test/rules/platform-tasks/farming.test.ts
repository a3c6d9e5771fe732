import { platformId } from '@pinchwork/sdk/table';
import pg from 'pg';
import { expect, it, onTestFinished } from 'vitest';
import { hourMs, minuteMs, secondMs } from '../../../src/ground/clock.ts';
import { type Engine, itOnPostgres, onBothEngines, postgres } from '../../support/engines.ts';
import { answers, registerHelper } from '../../support/helpers.ts';
import { type Agent, Market, postTask } from '../../support/market.ts';
import { Random, testSeed } from '../../support/random.ts';

/**
 * A poster and an accomplice that accepts system tasks try to make credits out of nothing. On PostgreSQL they use
 * three servers at once.
 */
const perDay = 5;
const perHour = 30;
const plenty = { PINCHWORK_INITIAL_CREDITS: '100000' };
const dayCap = { ...plenty, PINCHWORK_SYSTEM_TASKS_PER_POSTER_PER_DAY: String(perDay) };
const hourCap = { ...plenty, PINCHWORK_SYSTEM_CREDITS_PER_HOUR: String(perHour) };

async function open(engine: Engine, env: Record<string, string>) {
  const first = await Market.shared(engine, env);
  const nodes = [first];
  while (engine.name === 'PostgreSQL' && nodes.length < 3) nodes.push(await Market.open(first.url, env, first.clock));
  onTestFinished(async () => {
    for (const node of nodes.toReversed()) await node.close();
  });
  /** A client that uses the servers in turn. */
  const spread = (agent: Agent, i: number) => nodes[i % nodes.length]!.client(agent.id, agent.key);
  return { market: first, nodes, spread };
}

type Farm = Awaited<ReturnType<typeof open>>;

const each = <T>(count: number, work: (i: number) => Promise<T>) =>
  Promise.all(Array.from({ length: count }, (_, i) => work(i)));

const post = ({ spread }: Farm, poster: Agent, count: number) =>
  each(count, (i) => postTask(spread(poster, i), { max_credits: 1 }));

const resultFor = (need: string) =>
  need.startsWith('Match') ? answers.match() : need.startsWith('Verify') ? answers.verify() : answers.extract([]);

/** Claims and answers all system tasks, at all servers at once. @returns the credits earned. */
async function harvest(farm: Farm, helper: Agent): Promise<number> {
  let earned = 0;
  const one = async (i: number): Promise<void> => {
    const agent = farm.spread(helper, i);
    for (;;) {
      const { status, body } = await agent.post('/v1/tasks/pickup/batch', { count: 3, tags: ['nothing-else'] });
      expect(status).toBe(200);
      if (body.total === 0) return;
      for (const { task_id, need } of body.tasks) {
        const answered = await agent.post(`/v1/tasks/${task_id}/deliver`, { result: resultFor(need) });
        expect(answered.status).toBe(200);
        earned += answered.body.credits_charged as number;
      }
    }
  };
  await each(4, one);
  return earned;
}

async function expectClean({ market }: Farm): Promise<void> {
  await market.ctx.timers.runDue();
  await market.ctx.outbox.run();
  expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
}

onBothEngines("nobody farms the platform's credits with an accomplice", (engine) => {
  it('by posting many tasks: the cap per poster and day holds, and the built-in matcher takes the rest', async () => {
    const farm = await open(engine, dayCap);
    const { market } = farm;
    const [helper, poster] = [await registerHelper(market), await market.register('poster')];
    expect(await post(farm, poster, 30)).toHaveLength(30);
    expect(await harvest(farm, helper)).toBe(perDay * 3);
    expect(await market.balanceOf(helper)).toBe(100_000 + perDay * 3);

    const wordy = await market.register('wordy');
    await wordy.patch('/v1/me', { good_at: 'Juggling' });
    await harvest(farm, helper);
    const skipped = await postTask(poster, { need: 'Juggling, please', max_credits: 1 });
    expect((await wordy.get('/v1/tasks/available?limit=1')).body.tasks).toMatchObject([
      { task_id: skipped, is_matched: true },
    ]);
    // The cap does not affect other posters.
    await postTask(await market.register('other'), { max_credits: 1 });
    expect(await harvest(farm, helper)).toBe(3);
    await expectClean(farm);
  });

  it('by waiting: the window slides, and allows as many as leave it', async () => {
    const farm = await open(engine, dayCap);
    const { market } = farm;
    const [helper, poster] = [await registerHelper(market), await market.register('poster')];
    await post(farm, poster, 2);
    expect(await harvest(farm, helper)).toBe(2 * 3);
    market.clock.advance(12 * hourMs);
    await post(farm, poster, 10);
    expect(await harvest(farm, helper)).toBe(3 * 3);
    market.clock.advance(12 * hourMs - 1);
    await post(farm, poster, 10);
    expect(await harvest(farm, helper)).toBe(0);
    market.clock.advance(1);
    await post(farm, poster, 10);
    expect(await harvest(farm, helper)).toBe(2 * 3);
    await expectClean(farm);
  });

  it('by cancelling: a withdrawn system task is not paid and frees its share; a claimed one is paid and does not', async () => {
    const farm = await open(engine, dayCap);
    const { market, spread } = farm;
    const [helper, poster] = [await registerHelper(market), await market.register('poster')];
    for (let round = 0; round < 3; round++) {
      const tasks = await post(farm, poster, perDay);
      await each(perDay, (i) => spread(poster, i).post(`/v1/tasks/${tasks[i]}/cancel`));
      expect(await harvest(farm, helper)).toBe(0);
    }
    let earned = 0;
    for (let round = 0; round < perDay + 3; round++) {
      const [task] = await post(farm, poster, 1);
      const claimed = await helper.post('/v1/tasks/pickup?tags=nothing-else');
      await poster.post(`/v1/tasks/${task}/cancel`);
      if (claimed.status === 204) continue;
      const { task_id } = claimed.body;
      const answered = await spread(helper, round).post(`/v1/tasks/${task_id}/deliver`, { result: answers.match() });
      earned += answered.body.credits_charged as number;
    }
    expect(earned).toBe(perDay * 3);
    await expectClean(farm);
  });

  it('by delivering and rejecting repeatedly: above the cap, deliveries are not verified', async () => {
    const farm = await open(engine, { ...dayCap, PINCHWORK_MAX_REJECTIONS: '1000' });
    const { market } = farm;
    const [helper, poster] = [await registerHelper(market), await market.register('poster')];
    const worker = await market.register('worker');
    const [task] = await post(farm, poster, 1);
    let earned = await harvest(farm, helper);
    await worker.post(`/v1/tasks/${task}/pickup`);
    for (let round = 0; round < perDay + 3; round++) {
      await worker.post(`/v1/tasks/${task}/deliver`, { result: `Result ${round}` });
      const paid = await harvest(farm, helper);
      earned += paid;
      expect((await poster.get(`/v1/tasks/${task}`)).body.verification === undefined).toBe(paid === 0);
      expect((await poster.post(`/v1/tasks/${task}/reject`, { reason: 'Again' })).status).toBe(200);
    }
    expect(earned).toBe(3 + (perDay - 1) * 5);
    await expectClean(farm);
  });

  it('with many posters and profiles: the cap on credits per hour holds', async () => {
    const farm = await open(engine, hourCap);
    const { market, spread } = farm;
    const helper = await registerHelper(market);
    const posters = await each(8, (i) => market.register(`poster ${i}`));
    await each(8, async (i) => {
      await post(farm, posters[i]!, 3);
      await spread(posters[i]!, i).patch('/v1/me', { good_at: `Everything ${i}` });
    });
    const first = await harvest(farm, helper);
    // The rest of the budget may be lower than the price of the next task.
    expect(first).toBeGreaterThan(perHour - 3);
    expect(first).toBeLessThanOrEqual(perHour);
    market.clock.advance(hourMs - 20 * secondMs);
    await post(farm, posters[0]!, 3);
    expect(await harvest(farm, helper)).toBe(0);
    market.clock.advance(40 * secondMs);
    await post(farm, posters[0]!, 30);
    expect(await harvest(farm, helper)).toBe(perHour);
    await expectClean(farm);
  });

  it(`by any mixture of these: no hour and no day has ever more than its cap (seed ${testSeed})`, async () => {
    const farm = await open(engine, { ...dayCap, ...hourCap });
    const { market, spread } = farm;
    const helper = await registerHelper(market);
    const posters = await each(3, (i) => market.register(`poster ${i}`));
    const random = new Random(testSeed);
    const below = (limit: number) => random.below(limit);
    for (let step = 0; step < 25; step++) {
      market.clock.advance(below(3) === 0 ? below(6 * hourMs) : below(20 * minuteMs));
      await market.ctx.timers.runDue();
      const poster = posters[below(3)]!;
      const tasks = await post(farm, poster, below(8));
      if (below(2) === 0) await harvest(farm, helper);
      const withdrawn = tasks.slice(0, below(3));
      await each(withdrawn.length, (i) => spread(poster, i).post(`/v1/tasks/${withdrawn[i]}/cancel`));
    }
    await harvest(farm, helper);
    const paid = (await engine.query(
      market.url,
      `select s.created_at as at, s.max_credits as credits, a.poster_id as poster from tasks s
        join tasks a on a.id = s.about_id where s.kind <> 'work' and s.status = 'approved'`,
    )) as { at: unknown; credits: unknown; poster: string }[];
    expect(paid.length).toBeGreaterThan(perDay);
    const within = (from: number, ms: number) => paid.filter(({ at }) => Number(at) >= from && Number(at) < from + ms);
    for (const { at, poster } of paid) {
      const hour = within(Number(at), hourMs);
      expect(hour.reduce((sum, { credits }) => sum + Number(credits), 0)).toBeLessThanOrEqual(perHour);
      const day = within(Number(at), 24 * hourMs).filter((other) => other.poster === poster);
      expect(day.length).toBeLessThanOrEqual(perDay);
    }
    await expectClean(farm);
  });
});

itOnPostgres('no transaction waits for the purse once the budget of the hour is spent', async () => {
  const farm = await open(postgres, hourCap);
  const { market } = farm;
  const [helper, poster] = [await registerHelper(market), await market.register('poster')];
  await post(farm, poster, perHour / 3);
  expect(await harvest(farm, helper)).toBe(perHour);
  const spender = new pg.Client(market.url);
  await spender.connect();
  await spender.query(`begin; select id from agents where id = '${platformId}' for no key update`);
  try {
    expect(await post(farm, poster, 3)).toHaveLength(3);
  } finally {
    await spender.end();
  }
  expect(await harvest(farm, helper)).toBe(0);
});
