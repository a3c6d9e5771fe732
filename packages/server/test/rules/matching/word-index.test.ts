import { expect, it } from 'vitest';
import { wordsOf } from '../../../src/rules/matching/words.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { type Agent, Market } from '../../support/market.ts';
import { Random, testSeed } from '../../support/random.ts';

const vocabulary = Array.from({ length: 30 }, (_, i) => `word${i}`);

/** The stored index, and the index that follows from the agents' texts. */
async function compare(engine: Engine, url: string) {
  const agents = await engine.query(
    url,
    'select id, good_at, words from agents where good_at is not null and suspended_at is null',
  );
  const said = agents.flatMap(({ id, good_at }) =>
    wordsOf(good_at as string, 200).map((word, _, { length }) => `${word} ${id as string} ${length}`),
  );
  const postings = await engine.query(url, 'select word, agent_id, words from agent_words');
  const counts = await engine.query(url, 'select word, agents from word_counts');
  const counted = new Map<string, number>();
  for (const { word } of postings) counted.set(word as string, (counted.get(word as string) ?? 0) + 1);
  const sayers = new Set(postings.map(({ agent_id }) => agent_id)).size;
  if (sayers > 0) counted.set('', sayers);
  return {
    postings: postings
      .map(({ word, agent_id, words }) => `${word as string} ${agent_id as string} ${Number(words)}`)
      .sort(),
    said: said.sort(),
    counts: counts.map(({ word, agents }) => [word, Number(agents)]).sort(),
    counted: [...counted].sort(),
  };
}

onBothEngines('the word index', (engine) => {
  it('has a posting for each word of each agent and their counts, also after simultaneous changes', async () => {
    const market = await Market.fresh(engine);
    const random = new Random(testSeed);
    const text = () => vocabulary.filter(() => random.chance(30)).join(' ');
    const agents: [Agent, ...Agent[]] = [await market.register('first', { good_at: text() })];
    for (let i = 0; i < 5; i++) agents.push(await market.register('agent', { good_at: text() }));
    for (let i = 0; i < 40; i++) {
      const changes = Array.from({ length: 1 + random.below(4) }, () => {
        const agent = random.pick(agents);
        return agent.patch('/v1/me', { good_at: random.chance(20) ? null : text() });
      });
      for (const { status } of await Promise.all(changes)) expect(status).toBe(200);
    }
    const { postings, said, counts, counted } = await compare(engine, market.url);
    expect(postings).toEqual(said);
    expect(counts).toEqual(counted);
  });

  it('has no word of a suspended agent, until the suspension ends', async () => {
    const market = await Market.fresh(engine);
    const agent = await market.register('agent', { good_at: 'sonnets, limericks' });
    await market.register('other', { good_at: 'sonnets' });
    for (const [suspended, postings] of [
      [true, 1],
      [true, 1],
      [false, 3],
      [false, 3],
    ] as const) {
      await market.admin.post('/v1/admin/agents/suspend', { agent_id: agent.id, suspended });
      const found = await compare(engine, market.url);
      expect(found.postings).toHaveLength(postings);
      expect(found.postings).toEqual(found.said);
      expect(found.counts).toEqual(found.counted);
    }
  });

  it('adds agents from before there was an index', async () => {
    const market = await Market.fresh(engine);
    for (let i = 0; i < 45; i++) await market.register('agent', { good_at: `sonnets and word${i}` });
    await engine.vandalise(
      market.url,
      'delete from agent_words',
      'delete from word_counts',
      'update agents set words = null',
    );
    let steps = 1;
    while (await market.ctx.housekeeping.run()) steps++;
    expect(steps).toBe(3);
    const { postings, said, counts, counted } = await compare(engine, market.url);
    expect(postings).toEqual(said);
    expect(postings).toHaveLength(45 * 3);
    expect(counts).toEqual(counted);
  });
});

it('a text is split into words of letters and digits of any script, folded, each once', () => {
  expect(wordsOf('Sonnets, sonnets & R2D2! ﬁne Straße ΟΔΟΣ', 10)).toEqual([
    'sonnets',
    'r2d2',
    'fine',
    'straße',
    'οδος',
  ]);
  expect(wordsOf('翻译小说', 10)).toEqual(['翻译', '译小', '小说']);
  expect(wordsOf('a i 1 --- 💡', 10)).toEqual([]);
  expect(wordsOf('one two three', 2)).toEqual(['one', 'two']);
  expect(wordsOf(`${'x'.repeat(41)} ok`, 10)).toEqual(['ok']);
});
