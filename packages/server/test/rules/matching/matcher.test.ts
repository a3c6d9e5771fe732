import { expect, it } from 'vitest';
import { approveWorkOf } from '../../support/board.ts';
import { onBothEngines } from '../../support/engines.ts';
import { generous, registerCapable, registerHelper } from '../../support/helpers.ts';
import { secondMs } from '../../../src/ground/clock.ts';
import { wordsOf } from '../../../src/rules/matching/words.ts';
import { type Agent, deliverTask, Market, postTask } from '../../support/market.ts';

onBothEngines('the built-in matcher', (engine) => {
  const open = async () => {
    const market = await Market.fresh(engine, generous);
    const poster = await market.register('poster');
    const says = (goodAt: string) => market.register('agent', { good_at: goodAt });
    return { market, poster, says };
  };
  /** The agents among these that were chosen for a task, best first. */
  const chosen = async (task: string, agents: readonly Agent[]): Promise<string[]> => {
    const ranks = new Map<number, string>();
    for (const agent of agents) {
      const { tasks } = (await agent.get('/v1/tasks/available?limit=100')).body;
      const row = tasks.find(({ task_id }: { task_id: string }) => task_id === task);
      if (row?.is_matched) ranks.set(row.match_rank, agent.id);
    }
    return [...ranks].sort(([a], [b]) => a - b).map(([, id]) => id);
  };

  it('chooses by shared words, and counts a shared tag as two rare words', async () => {
    const { market, poster } = await open();
    const helper = await registerHelper(market);
    const tagged = await registerCapable(market, helper, ['poetry'], 'odds');
    const both = await registerCapable(market, helper, ['Poetry'], 'sonnets');
    await helper.patch('/v1/me', { accepts_system_tasks: false });
    const oneWord = await market.register('one', { good_at: 'I like sonnets.' });
    const threeWords = await market.register('three', { good_at: 'sonnets, rhymes & metres' });
    const none = await market.register('none', { good_at: 'accounting' });
    const agents = [tagged, both, oneWord, threeWords, none];
    await approveWorkOf(engine, market, agents);
    const need = 'Sonnets with RHYMES, in regular metres and images';
    const task = await postTask(poster, { need, tags: ['POETRY'], max_credits: 1 });
    const [first, second, ...others] = await chosen(task, agents);
    // A tag and a word, and that word and two that nobody else uses: with equal reputation, the older agent comes first.
    expect([first, second]).toEqual([both.id, threeWords.id]);
    expect(others).toEqual([tagged.id, oneWord.id]);
  });

  it('lets reputation break ties', async () => {
    const { market, poster, says } = await open();
    const agents = [await says('sonnets'), await says('sonnets'), await says('sonnets')];
    await approveWorkOf(engine, market, agents);
    const done = await deliverTask(poster, agents[1]!, { max_credits: 1 });
    await poster.post(`/v1/tasks/${done}/approve`, { rating: 5 });
    const task = await postTask(poster, { need: 'sonnets', max_credits: 1 });
    expect(await chosen(task, agents)).toEqual([agents[1]!.id, agents[0]!.id, agents[2]!.id]);
  });

  it('chooses at most five, never the poster or suspended agents', async () => {
    const { market, poster, says } = await open();
    const agents: Agent[] = [];
    for (let i = 0; i < 8; i++) agents.push(await says('sonnets'));
    await approveWorkOf(engine, market, agents);
    await poster.patch('/v1/me', { good_at: 'sonnets' });
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: agents[0]!.id, suspended: true });
    const task = await postTask(poster, { need: 'sonnets', max_credits: 1 });
    expect(await chosen(task, agents.slice(1))).toEqual(agents.slice(1, 6).map(({ id }) => id));
    expect((await poster.get('/v1/tasks/available')).body.tasks).toEqual([]);
  });

  it('shows a task that nobody suits to all agents at once', async () => {
    const { poster, says } = await open();
    const agents = [await says('accounting'), await says('')];
    const task = await postTask(poster, { need: 'sonnets', tags: ['poetry'], max_credits: 1 });
    expect(await chosen(task, agents)).toEqual([]);
    for (const agent of agents) expect((await agent.get('/v1/tasks/available')).body.total).toBe(1);
  });

  it('ignores words that very many agents use, in any language', async () => {
    const { poster, says } = await open();
    const agents: Agent[] = [];
    for (let i = 0; i < 60; i++) agents.push(await says(i === 0 ? 'hyvä runoilija' : 'hyvä'));
    const common = await postTask(poster, { need: 'hyvä!', max_credits: 1 });
    expect(await chosen(common, agents.slice(0, 6))).toEqual([]);
    const rare = await postTask(poster, { need: 'hyvä runoilija', max_credits: 1 });
    expect(await chosen(rare, agents.slice(0, 6))).toEqual([agents[0]!.id]);
  });

  it('finds words of any script', async () => {
    const { poster, says } = await open();
    const scripts = [
      ['我擅长翻译小说', '请帮忙：翻译。'],
      ['ソネットを書くのが得意です', 'ソネットがほしい'],
      ['เขียนบทกวีได้ดี', 'อยากได้บทกวี'],
      ['Пишу СОНЕТЫ', 'нужны сонеты'],
      ['أكتب القصائد', 'القصائد، من فضلك'],
      ['poe\u0301sie', 'POÉSIE'],
      ['मैं कविता लिखता हूँ', 'एक कविता चाहिए'],
      ['ｓｏｎｎｅｔｓ', 'sonnets'],
    ] as const;
    const agents: Agent[] = [];
    for (const [goodAt] of scripts) agents.push(await says(goodAt));
    for (const [i, [, need]] of scripts.entries()) {
      const task = await postTask(poster, { need, max_credits: 1 });
      expect(await chosen(task, agents), need).toEqual([agents[i]!.id]);
    }
  });

  it('uses the current text of an agent', async () => {
    const { poster, says } = await open();
    const agent = await says('sonnets');
    const sonnets = () => postTask(poster, { need: 'sonnets', max_credits: 1 });
    await agent.patch('/v1/me', { good_at: 'limericks' });
    expect(await chosen(await sonnets(), [agent])).toEqual([]);
    const limericks = await postTask(poster, { need: 'limericks', max_credits: 1 });
    expect(await chosen(limericks, [agent])).toEqual([agent.id]);
    await agent.patch('/v1/me', { good_at: 'sonnets, limericks' });
    expect(await chosen(await sonnets(), [agent])).toEqual([agent.id]);
    await agent.patch('/v1/me', { good_at: null });
    expect(await chosen(await sonnets(), [agent])).toEqual([]);
  });

  /**
   * Inserts agents directly into the tables. All of them say "villanelles" and have the tag `verse`; thousands more say
   * something else.
   *
   * @param rows further assignments in SQL: `id` is `ag-` and the agent's number, from 1, the oldest.
   */
  const crowd = async (market: Market, count: number, ...rows: string[]) => {
    const number = `substr('000000000000' || i, length('000000000000' || i) - 11)`;
    const numbers = `with recursive n (i) as (select 1 union all select i + 1 from n where i < ${count})`;
    await engine.vandalise(
      market.url,
      `${numbers} insert into agents (id, name, good_at, words, deliveries_approved, created_at)
         select 'ag-' || ${number}, 'poet', 'villanelles', '["villanelles"]', 1, 1 from n`,
      `insert into agent_words (word, agent_id, words) select 'villanelles', id, 1 from agents where good_at = 'villanelles'`,
      `insert into agent_tags (agent_id, tag, name, is_capability)
         select id, 'verse', 'verse', 1 from agents where good_at = 'villanelles'`,
      `insert into word_counts (word, agents) values ('villanelles', ${count}), ('', 5000)`,
      ...rows,
    );
  };
  const ranked = async ({ url }: Market, task: string) =>
    (await engine.query(url, `select agent_id from matches where task_id = '${task}' order by rank`)).map(
      ({ agent_id }) => agent_id as string,
    );
  /** The same by the agents' numbers. */
  const ranks = async (market: Market, task: string) =>
    (await ranked(market, task)).map((id) => Number(id.slice('ag-'.length)));
  const rated = (id: string) =>
    `update agents set rating_sum = 5, rating_count = 1, raters = 1, rater_means_e3 = 5000 where id = 'ag-000000000${id}'`;

  it.each([
    ['word', { need: 'Villanelles' }],
    ['tag', { need: 'Write', tags: ['verse'] }],
  ])('lets reputation break ties among hundreds that share a %s, also for newcomers', async (_, task) => {
    const { market, poster } = await open();
    await crowd(market, 300, rated('299'));
    const posted = await postTask(poster, { ...task, max_credits: 1 });
    expect(await ranks(market, posted)).toEqual([299, 1, 2, 3, 4]);
  });

  it('gives no place to suspended agents, however many there are', async () => {
    const { market, poster } = await open();
    await crowd(market, 200, `update agents set suspended_at = 1 where id < 'ag-000000000196' and good_at is not null`);
    const posted = await postTask(poster, { need: 'Villanelles', max_credits: 1 });
    expect(await ranks(market, posted)).toEqual([196, 197, 198, 199, 200]);
  });

  it('skips suspended agents with a tag, at both ends', async () => {
    const { market, poster } = await open();
    const suspended = `id < 'ag-000000000150' or id between 'ag-000000000155' and 'ag-000000000400'`;
    await crowd(market, 400, `update agents set suspended_at = 1 where (${suspended}) and good_at is not null`);
    const posted = await postTask(poster, { need: 'Write', tags: ['verse'], max_credits: 1 });
    expect(await ranks(market, posted)).toEqual([150, 151, 152, 153, 154]);
  });

  it('finds, among very many agents with a tag, those with a good reputation and those that also share words', async () => {
    const { market, poster } = await open();
    await crowd(
      market,
      600,
      rated('300'),
      `update agent_words set word = 'sestinas' where agent_id = 'ag-000000000301'`,
    );
    await engine.vandalise(market.url, `insert into word_counts (word, agents) values ('sestinas', 1)`);
    const posted = await postTask(poster, { need: 'Sestinas', tags: ['verse'], max_credits: 1 });
    expect(await ranks(market, posted)).toEqual([301, 300, 1, 2, 3]);
  });

  it('uses the first words in order if equally many agents share them and not all can be read', async () => {
    const { market, poster } = await open();
    await crowd(
      market,
      600,
      `delete from word_counts where word = 'villanelles'`,
      `update agent_words set word = case when agent_id > 'ag-000000000300' then 'epics' else 'villanelles' end
         where agent_id <= 'ag-000000000600'`,
      `insert into word_counts (word, agents) values ('villanelles', 300)`,
      `insert into word_counts (word, agents) values ('epics', 300)`,
    );
    const posted = await postTask(poster, { need: 'Villanelles and epics', max_credits: 1 });
    expect(await ranks(market, posted)).toEqual([301, 302, 303, 304, 305]);
  });

  it('checks a popular tag for the oldest of the agents that share equally many words', async () => {
    const { market, poster } = await open();
    // All share one word: the first hundred in order are checked for the tag.
    await crowd(
      market,
      600,
      `delete from agent_words where agent_id <= 'ag-000000000150' or agent_id > 'ag-000000000350'`,
      `create table kept as select * from agent_words where word = 'villanelles'`,
      `delete from agent_words where word = 'villanelles'`,
      `insert into agent_words (word, agent_id, words) select word, agent_id, words from kept order by agent_id desc`,
      `update word_counts set agents = 200 where word = 'villanelles'`,
    );
    const posted = await postTask(poster, { need: 'Villanelles', tags: ['verse'], max_credits: 1 });
    expect(await ranks(market, posted)).toEqual([151, 152, 153, 154, 155]);
  });

  const specialists = [
    ['translate legal contracts from German', 'Translate this contract from German: legal terms, plain English'],
    [
      'Python and SQL, data pipelines',
      'Write a Python script that reads data into SQL tables and sends a report by email',
    ],
    ['logo design', 'Design a logo and a website for our coffee shop, with images and a short text'],
    ['proofreading of academic papers', 'Proofreading of an academic paper about music and history, with a summary'],
    ['songs in Finnish', 'Write songs in Finnish'],
  ] as const;
  const stuffed = `translate german english legal contracts terms plain this from python sql data script tables report
    email write reads design logo website coffee shop images short text proofreading academic paper papers music
    history summary songs finnish pipelines and with for into our the about research code review test debug analysis
    statistics marketing sales support chat audio video editing photo voice games cooking travel finance tax law
    medicine biology chemistry mathematics poetry`;

  it('ranks an agent that lists seventy words below those that list their own, and hides nothing for it', async () => {
    const { market, poster, says } = await open();
    const everything = await says(stuffed);
    const agents: Agent[] = [];
    for (const [goodAt] of specialists) agents.push(await says(goodAt));
    const post = () => Promise.all(specialists.map(([, need]) => postTask(poster, { need, max_credits: 1 })));
    expect(wordsOf(stuffed, 200)).toHaveLength(70);
    // Of newcomers, the specialist is the one that is chosen.
    for (const [i, task] of (await post()).entries()) {
      expect(await chosen(task, [everything, ...agents]), specialists[i]![0]).toEqual([agents[i]!.id]);
    }
    await approveWorkOf(engine, market, agents);
    const held = await post();
    for (const [i, task] of held.entries()) expect((await ranked(market, task))[0]).toBe(agents[i]!.id);
    await approveWorkOf(engine, market, [everything]);
    for (const [i, task] of (await post()).entries()) expect((await ranked(market, task))[0]).toBe(agents[i]!.id);
    // What only the stuffed profile names is everyone's while none of its work is approved.
    await engine.vandalise(market.url, `update agents set deliveries_approved = 0 where id = '${everything.id}'`);
    const unheld = await postTask(poster, { need: 'Chemistry, biology', max_credits: 1 });
    expect(await ranked(market, unheld)).toEqual([everything.id]);
    const { tasks } = (await agents[0]!.get('/v1/tasks/available?limit=100')).body;
    expect(tasks.map(({ task_id }: { task_id: string }) => task_id)).toContain(unheld);
  });

  it('weighs a shared word by its rarity', async () => {
    const { market, poster, says } = await open();
    const agents = [await says('poems, drafts'), await says('poems, proofs'), await says('poems, sonnets')];
    for (let i = 0; i < 5; i++) agents.push(await says('drafts'));
    await approveWorkOf(engine, market, agents);
    const task = await postTask(poster, { need: 'poems: drafts or sonnets', max_credits: 1 });
    // Before the first, who shares as many words.
    expect((await ranked(market, task)).slice(0, 2)).toEqual([agents[2]!.id, agents[0]!.id]);
  });

  it('chooses one newcomer at most, and gives it no head start', async () => {
    const { market, poster, says } = await open();
    const other = await says('accounting');
    const agents = [await says('sonnets'), await says('sonnets'), await says('sonnets')];
    const [first, , proven] = agents as [Agent, Agent, Agent];
    const shown = async (agent: Agent) =>
      (await agent.get('/v1/tasks/available')).body.tasks.map(({ task_id, is_matched }: Record<string, unknown>) => [
        task_id,
        is_matched,
      ]);
    const alone = await postTask(poster, { need: 'sonnets', max_credits: 1 });
    expect(await ranked(market, alone)).toEqual([first.id]);
    expect([await shown(first), await shown(other)]).toEqual([[[alone, true]], [[alone, false]]]);
    expect((await other.post('/v1/tasks/pickup')).body.task_id).toBe(alone);
    await approveWorkOf(engine, market, [proven]);
    const held = await postTask(poster, { need: 'sonnets', max_credits: 1 });
    expect(await ranked(market, held)).toEqual([first.id, proven.id]);
    expect([await shown(first), await shown(other), await shown(proven)]).toEqual([[], [], [[held, true]]]);
    expect((await first.post('/v1/tasks/pickup')).status).toBe(204);
    await market.pass(120 * secondMs);
    expect([await shown(first), await shown(other)]).toEqual([[[held, true]], [[held, false]]]);
  });

  it('finds agents with approved work behind newcomers that suit the task better', async () => {
    const { market, poster } = await open();
    await crowd(
      market,
      150,
      `update agents set deliveries_approved = 0`,
      `update agent_words set words = 50 where agent_id = 'ag-000000000150'`,
      `update agents set deliveries_approved = 1 where id = 'ag-000000000150'`,
    );
    const posted = await postTask(poster, { need: 'Villanelles', max_credits: 1 });
    expect(await ranks(market, posted)).toEqual([1, 150]);
  });

  it('ignores a word that more than a thousand agents use, however many others there are', async () => {
    const { market, poster } = await open();
    await crowd(market, 1_001);
    const posted = await postTask(poster, { need: 'Villanelles', max_credits: 1 });
    expect(await ranks(market, posted)).toEqual([]);
  });
});
