import fc from 'fast-check';
import { expect, it } from 'vitest';
import { secondMs } from '../../../src/ground/clock.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { answer, answers, generous, registerCapable, registerHelper } from '../../support/helpers.ts';
import { deliverTask, Market, postTask } from '../../support/market.ts';
import { browse, browseAll, drain, forgetMatches } from '../../support/board.ts';
import { Random, testSeed } from '../../support/random.ts';
import { scale } from '../../support/scale.ts';

const someTags = ['python', 'sql', 'cooking', 'law'];
const tags = fc.subarray(someTags);

/** Number of boards per engine: `PINCHWORK_TEST_BOARDS=1000 npx vitest run board/reach` tries more. */
const boards = scale('BOARDS', { short: 2, long: 30 });

/** A page takes several times as long on PostgreSQL, so it gets fewer boards. */
const limits = { SQLite: [1, 2, 3, 4, 5, 6, 7], PostgreSQL: [2, 7] };

/**
 * A board larger than the window of an agent with the tag `python`: untagged tasks, then many with that tag.
 * Nobody was matched to them.
 */
async function openLarge(engine: Engine) {
  const market = await Market.fresh(engine, generous);
  const helper = await registerHelper(market);
  const agent = await registerCapable(market, helper, ['python', 'sql']);
  await helper.patch('/v1/me', { accepts_system_tasks: false });
  const random = new Random(testSeed);
  const posters = [await market.register('poster'), await market.register('another')] as const;
  const post = (tags: string[]) => postTask(random.pick(posters), { max_credits: 1, tags });
  const ids: string[] = [];
  for (let i = 0; i < 110; i++) ids.push(await post(random.chance(50) ? ['cooking'] : []));
  for (let i = 0; i < 190; i++) ids.push(await post(random.chance(70) ? ['python'] : someTags.slice(random.below(4))));
  await forgetMatches(engine, market);
  return { market, agent, posters, random, post, ids };
}

onBothEngines('the whole board', (engine) => {
  it(
    'is reached by repeated pickup, for any tags, ranks and posters',
    { timeout: 120_000 + boards * 20_000 },
    async () => {
      const market = await Market.fresh(engine, generous);
      const helper = await registerHelper(market);
      const posters = [await market.register('poster'), await market.register('another')];
      const other = await market.register('other');
      const task = fc.record({
        poster: fc.nat({ max: posters.length - 1 }),
        tags,
        hints: tags,
        /** The agent's rank; −1 if another agent was matched, −2 if nobody was. */
        rank: fc.integer({ min: -2, max: 1 }),
        isAnswered: fc.boolean(),
        seconds: fc.nat({ max: 100 }),
      });
      const board = fc.asyncProperty(tags, fc.array(task, { maxLength: 12 }), async (capabilities, tasks) => {
        const agent = await registerCapable(market, helper, capabilities);
        const ids: string[] = [];
        for (const each of tasks) {
          ids.push(await postTask(posters[each.poster]!, { max_credits: 1, tags: each.tags }));
          const ranked = { [-2]: [], [-1]: [other], 0: [agent], 1: [other, agent] }[each.rank]!;
          if (each.isAnswered) await answer(helper, answers.match(ranked, each.hints));
          // Unanswered match tasks are withdrawn, so that the next answer is about the next task.
          else await market.pass(120 * secondMs);
          await market.pass(each.seconds * secondMs);
        }
        const held = await drain(agent);
        await market.pass(120 * secondMs);
        const reached = [...held, ...(await drain(agent))];
        expect(reached.toSorted()).toEqual(ids.toSorted());
      });
      await fc.assert(board, { seed: testSeed, numRuns: boards });
    },
  );

  it('is reached in the order of browse by an agent that picks up faster than tasks arrive', async () => {
    const { agent, post, ids } = await openLarge(engine);
    const reached: string[] = [];
    for (;;) {
      const ahead = await browse(agent, 'limit=10');
      const { body } = await agent.post('/v1/tasks/pickup/batch', { count: 10 });
      expect(body.tasks.map(({ task_id }: { task_id: string }) => task_id)).toEqual(ahead);
      if (ahead.length === 0) break;
      reached.push(...ahead);
      if (ids.length < 340) ids.push(await post(['python']), await post(['sql', 'python']));
    }
    expect(reached.toSorted()).toEqual(ids.toSorted());
  });

  it('shows each task that stays on it once by cursor, while other tasks move', async () => {
    const { market, agent, posters, random, post, ids } = await openLarge(engine);
    const worker = await market.register('worker');
    const [seen, taken] = [[] as string[], new Set<string>()];
    for (let cursor = ''; ;) {
      const { body } = await agent.get(`/v1/tasks/available?limit=${10 + random.below(30)}${cursor}`);
      seen.push(...body.tasks.map(({ task_id }: { task_id: string }) => task_id));
      if (body.next_cursor === null) break;
      cursor = `&cursor=${body.next_cursor}`;
      await post(['python', 'sql']);
      for (let i = 0; i < 8; i++) {
        const id = random.pick(random.chance(70) ? (seen as [string]) : (ids as [string, ...string[]]));
        if ((await worker.post(`/v1/tasks/${id}/pickup`)).status === 200) taken.add(id);
      }
      if (taken.size < 30) await worker.post(`/v1/tasks/${[...taken].at(-1)}/abandon`);
      const poster = random.pick(posters);
      const done = await deliverTask(poster, worker, { max_credits: 1 });
      await poster.post(`/v1/tasks/${done}/approve`);
      await worker.post(`/v1/tasks/${done}/rate`, { rating: 1 + random.below(5) });
    }
    const staying = ids.filter((id) => !taken.has(id));
    expect(seen.filter((id) => staying.includes(id)).toSorted()).toEqual(staying.toSorted());
  });

  it('has one order without repeats or gaps for pages of any size, by cursor and by offset', async () => {
    const market = await Market.fresh(engine, generous);
    const helper = await registerHelper(market);
    const agent = await registerCapable(market, helper, ['python', 'sql']);
    const poster = await market.register('poster');
    const random = new Random(testSeed);
    const ids: string[] = [];
    // More than the window holds, so that the board has all three parts: matched, window and rest.
    for (let i = 0; i < 150; i++) {
      const tags = someTags.filter(() => random.chance(20));
      ids.push(await postTask(poster, { max_credits: 1, tags }));
      if (i < 9) await answer(helper, answers.match([agent]));
      if (i === 9) await helper.patch('/v1/me', { accepts_system_tasks: false });
      if (random.chance(50)) market.clock.advance(1);
    }
    await market.pass(120 * secondMs);
    const whole = await browseAll(agent, 'limit=100');
    expect(whole.toSorted()).toEqual(ids.toSorted());
    expect(whole.slice(0, 9)).toEqual(expect.arrayContaining(ids.slice(0, 9)));
    for (const limit of limits[engine.name]) expect(await browseAll(agent, `limit=${limit}`)).toEqual(whole);
    for (let offset = 0; offset <= 140; offset += 70) {
      expect(await browse(agent, `limit=70&offset=${offset}`)).toEqual(whole.slice(offset, offset + 70));
    }
    expect((await agent.get('/v1/tasks/available?limit=1')).body).toMatchObject({ total: 150 });
    const python = await browseAll(agent, 'limit=3&tags=python');
    expect(python).toEqual(await browse(agent, 'limit=100&tags=python'));
    expect(new Set(await drain(agent))).toEqual(new Set(ids));
  });
});
