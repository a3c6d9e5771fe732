import { expect, it } from 'vitest';
import { secondMs } from '../../../src/ground/clock.ts';
import { onBothEngines } from '../../support/engines.ts';
import { answer, answers, generous, registerCapable, registerHelper } from '../../support/helpers.ts';
import { type Agent, deliverTask, Market, postTask } from '../../support/market.ts';
import { approveWorkOf, browse, drain } from '../../support/board.ts';

onBothEngines('the order of the board', (engine) => {
  const open = async () => {
    const market = await Market.fresh(engine, generous);
    const helper = await registerHelper(market);
    /** Posts a task and answers its match task. */
    const post = async (poster: Agent, tags: string[] = [], ranked: Agent[] = [], hints: string[] = []) => {
      market.clock.advance(secondMs);
      const id = await postTask(poster, { max_credits: 1, tags });
      await answer(helper, answers.match(ranked, hints));
      return id;
    };
    return { market, helper, post };
  };

  it('is rank, shared tags, the poster’s reputation, the poster’s trust and age; pickup uses the same order', async () => {
    const { market, helper, post } = await open();
    const coder = await registerCapable(market, helper, ['python', 'sql']);
    const [plain, rater, rated, trusting, doubted, poster] = await Promise.all(
      ['plain', 'rater', 'rated', 'trusting', 'doubted', 'poster'].map((name) => market.register(name)),
    );
    await helper.patch('/v1/me', { accepts_system_tasks: false });
    const liked = await deliverTask(rated!, rater!, { max_credits: 1 });
    await rated!.post(`/v1/tasks/${liked}/approve`);
    await rater!.post(`/v1/tasks/${liked}/rate`, { rating: 5 });
    for (const each of [trusting!, doubted!]) {
      const good = await deliverTask(each, coder, { max_credits: 1 });
      await each.post(`/v1/tasks/${good}/approve`);
    }
    await engine.vandalise(market.url, `update trust set score = 0.4 where truster_id = '${doubted!.id}'`);
    await helper.patch('/v1/me', { accepts_system_tasks: true });

    const byDoubted = await post(doubted!);
    const oldest = await post(poster!);
    const byTrusting = await post(trusting!);
    const byRated = await post(rated!);
    const oneTag = await post(poster!, ['Python', 'cooking']);
    const twoTags = await post(poster!, ['SQL', 'python']);
    const twoHints = await post(poster!, [], [], ['python', 'sql']);
    const second = await post(poster!, [], [rater!, coder]);
    const first = await post(poster!, [], [coder]);

    const order = [first, second, twoTags, twoHints, oneTag, byRated, byTrusting, oldest, byDoubted];
    const { tasks, total } = (await coder.get('/v1/tasks/available')).body;
    expect(tasks.map(({ task_id }: { task_id: string }) => task_id)).toEqual(order);
    expect(tasks.slice(0, 3)).toMatchObject([
      { is_matched: true, match_rank: 0 },
      { is_matched: true, match_rank: 1 },
      { is_matched: false, match_rank: null },
    ]);
    expect(total).toBe(order.length);
    expect(await browse(plain!)).toEqual([byDoubted, oldest, byTrusting, byRated, oneTag, twoTags, twoHints]);
    expect(await browse(coder, 'tags=python')).toEqual([twoTags, oneTag]);
    expect(await drain(coder)).toEqual(order);
  });

  it('begins with tasks that have the agent’s tag or hint, even behind more than a hundred others', async () => {
    const { market, helper, post } = await open();
    const coder = await registerCapable(market, helper, ['python']);
    const poster = await market.register('poster');
    await helper.patch('/v1/me', { accepts_system_tasks: false });
    const oldest = await postTask(poster, { max_credits: 1 });
    for (let i = 0; i < 109; i++) await postTask(poster, { max_credits: 1, tags: ['cooking'] });
    await helper.patch('/v1/me', { accepts_system_tasks: true });
    const tagged = await post(poster, ['Python']);
    const hinted = await post(poster, [], [], ['python']);
    expect(await browse(coder, 'limit=3')).toEqual([tagged, hinted, oldest]);
    expect([await coder.post('/v1/tasks/pickup'), await coder.post('/v1/tasks/pickup')]).toMatchObject([
      { body: { task_id: tagged } },
      { body: { task_id: hinted } },
    ]);
  });

  it('reserves a task for its matched agents during their head start, except for pickup by id', async () => {
    const market = await Market.fresh(engine, { ...generous, PINCHWORK_MATCH_EXCLUSIVE_SECONDS: '90' });
    const [poster, other] = [await market.register('poster'), await market.register('other')];
    const singer = await market.register('singer', { good_at: 'Finnish songs' });
    await approveWorkOf(engine, market, [singer]);
    const task = await postTask(poster, { need: 'A song, finnish', max_credits: 1 });
    const taken = await postTask(poster, { need: 'finnish', max_credits: 1 });
    expect(await browse(other)).toEqual([]);
    expect((await other.post('/v1/tasks/pickup')).status).toBe(204);
    expect((await other.post('/v1/tasks/pickup/batch')).body.tasks).toEqual([]);
    expect((await other.post(`/v1/tasks/${taken}/pickup`)).status).toBe(200);
    expect(await browse(singer)).toEqual([task]);
    await market.pass(90 * secondMs - 1);
    expect(await browse(other)).toEqual([]);
    await market.pass(1);
    expect((await other.get('/v1/tasks/available')).body.tasks).toMatchObject([{ task_id: task, is_matched: false }]);
    expect((await singer.get('/v1/tasks/available')).body.tasks).toMatchObject([{ task_id: task, is_matched: true }]);
    expect((await other.post('/v1/tasks/pickup')).body.task_id).toBe(task);
    expect(await browse(singer)).toEqual([]);
  });

  it('shows a task that comes back to all agents at once', async () => {
    const market = await Market.fresh(engine, generous);
    const [poster, other] = [await market.register('poster'), await market.register('other')];
    const singer = await market.register('singer', { good_at: 'songs' });
    const task = await postTask(poster, { need: 'songs', max_credits: 1 });
    await singer.post(`/v1/tasks/${task}/pickup`);
    await singer.post(`/v1/tasks/${task}/abandon`);
    expect(await browse(other)).toEqual([task]);
    expect((await other.post('/v1/tasks/pickup')).body.task_id).toBe(task);
  });

  it('finds other tasks behind any number of the agent’s own', async () => {
    const { market, helper } = await open();
    const owner = await registerCapable(market, helper, ['python']);
    await helper.patch('/v1/me', { accepts_system_tasks: false });
    const poster = await market.register('poster');
    for (let i = 0; i < 250; i++) await postTask(owner, { max_credits: 1 });
    market.clock.advance(secondMs);
    const others = [await postTask(poster, { max_credits: 1 }), await postTask(poster, { max_credits: 1 })];
    expect(await browse(owner)).toEqual(expect.arrayContaining(others));
    expect((await owner.get('/v1/tasks/available')).body.total).toBe(2);
    expect((await drain(owner)).toSorted()).toEqual(others.toSorted());
  });
});
