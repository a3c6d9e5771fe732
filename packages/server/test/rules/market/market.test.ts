import { expect, it } from 'vitest';
import { hourMs, minuteMs, secondMs } from '../../../src/ground/clock.ts';
import { readFigures } from '../../../src/rules/market/figures.ts';
import { suggestedCredits } from '../../../src/rules/market/prices.ts';
import type { Sink } from '../../../src/rules/events/stream.ts';
import { oneOf, type Reader } from '../../../src/storage/database.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { hostileTexts } from '../../support/hostile-texts.ts';
import { type Agent, claimTask, deliverTask, Market, postTask } from '../../support/market.ts';

const rich = { PINCHWORK_INITIAL_CREDITS: '100000' };

async function open(engine: Engine, env: Record<string, string> = {}) {
  const market = await Market.fresh(engine, { ...rich, ...env });
  return { market, poster: await market.register('poster'), worker: await market.register('worker') };
}

const read = (market: Market, path = '') => market.request({ method: 'GET', url: `/v1/market${path}` });

/** Lets what has happened settle, and counts it. */
async function count(market: Market): Promise<void> {
  market.clock.advance(11 * secondMs);
  await market.ctx.marketFigures.run();
}

async function sell(
  poster: Agent,
  worker: Agent,
  credits: number,
  tags: readonly string[] = ['colours'],
): Promise<string> {
  const id = await deliverTask(poster, worker, { max_credits: credits, tags });
  const { status, text } = await poster.post(`/v1/tasks/${id}/approve`);
  if (status !== 200) throw new Error(text);
  return id;
}

onBothEngines('the figures of the market', (engine) => {
  it('are right before and after they are counted behind, by the hour and by the day', async () => {
    const { market, poster, worker } = await open(engine);
    await sell(poster, worker, 30);
    const charged = await claimTask(poster, worker, { max_credits: 50 });
    await worker.post(`/v1/tasks/${charged}/deliver`, { result: 'Four', credits_claimed: 20 });
    await poster.post(`/v1/tasks/${charged}/approve`);
    await postTask(poster, { max_credits: 1 });
    await postTask(poster, { max_credits: 1, for_agents: [worker.id] });
    await poster.post(`/v1/tasks/${await postTask(poster)}/cancel`);
    const expected = {
      agents: { total: 2, last_24h: 2 },
      open_tasks: { total: 1 },
      tasks_approved: { total: 2, last_24h: 2 },
      credits_paid: { total: 50, last_24h: 50 },
    };
    const before = (await read(market)).body;
    expect(before).toMatchObject(expected);
    expect(before.credits_paid.hours).toEqual([...Array<number>(23).fill(0), 50]);
    expect(before.credits_paid.days).toEqual([...Array<number>(29).fill(0), 50]);
    await count(market);
    expect((await read(market)).body).toEqual(before);
    // Two days later, nothing is of the last 24 hours.
    market.clock.advance(48 * hourMs);
    await sell(poster, worker, 7);
    const later = (await read(market)).body;
    expect(later.tasks_approved).toMatchObject({ total: 3, last_24h: 1 });
    expect(later.credits_paid.days.slice(-3)).toEqual([50, 0, 7]);
    await count(market);
    await count(market);
    market.clock.advance(2 * secondMs);
    expect((await read(market)).body).toEqual(later);
    await market.pass(0);
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
  });

  it('are right while they are counted behind', async () => {
    const { market, poster, worker } = await open(engine);
    await sell(poster, worker, 30);
    await count(market);
    await sell(poster, worker, 20);
    market.clock.advance(11 * secondMs);
    const { clock, db, marketFigures } = market.ctx;
    // After each read, the job counts what is left.
    const counting: Reader = {
      all: (query, params) => db.all(query, params).finally(() => marketFigures.run()),
      first: (query, params) => db.first(query, params).finally(() => marketFigures.run()),
      one: (query, params) => oneOf(counting, query, params),
    };
    const figures = await readFigures(counting, clock.now());
    expect(figures).toMatchObject({
      agents: { total: 2, last_24h: 2 },
      tasks_approved: { total: 2, last_24h: 2 },
      credits_paid: { total: 50, last_24h: 50 },
    });
  });

  it('are read once for all who ask in the same second', async () => {
    const { market, poster, worker } = await open(engine);
    expect((await read(market)).body.tasks_approved.total).toBe(0);
    await sell(poster, worker, 5);
    expect((await read(market)).body.tasks_approved.total).toBe(0);
    market.clock.advance(secondMs);
    expect((await read(market)).body.tasks_approved.total).toBe(1);
  });
});

onBothEngines('the prices of work', (engine) => {
  it('are quartiles of what was charged, and medians of the times, of tasks with all the tags', async () => {
    const { market, poster } = await open(engine);
    for (const [i, credits] of [10, 20, 30, 40].entries()) {
      const worker = await market.register(`worker ${i}`);
      const id = await postTask(poster, { max_credits: credits, tags: ['Colours', ...(i === 0 ? ['rare'] : [])] });
      market.clock.advance(2 * minuteMs);
      await worker.post(`/v1/tasks/${id}/pickup`);
      market.clock.advance(5 * minuteMs);
      await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Blue' });
      market.clock.advance(minuteMs / 2);
      await poster.post(`/v1/tasks/${id}/approve`);
    }
    await count(market);
    const prices = {
      count: 4,
      credits: { p25: 10, median: 20, p75: 30 },
      minutes: { to_claim: 2, to_delivery: 5, to_approval: 0.5 },
    };
    expect((await read(market, '/prices?tags=COLOURS')).body).toEqual(prices);
    expect((await read(market, '/prices?tags=rare,colours')).body).toMatchObject({ count: 1, credits: { median: 10 } });
    expect((await read(market, '/prices?tags=colours,unknown')).body).toEqual({
      count: 0,
      credits: { p25: null, median: null, p75: null },
      minutes: { to_claim: null, to_delivery: null, to_approval: null },
    });
    for (const query of ['', '?tags=', '?tags=,']) expectError(await read(market, `/prices${query}`), 400);
    expect(await suggestedCredits(market.ctx.db, ['Colours'])).toBe(20);
    expect(await suggestedCredits(market.ctx.db, ['unknown'])).toBeNull();
    expect(await suggestedCredits(market.ctx.db, [])).toBeNull();
  });

  it('cannot be set by friends: of one poster and worker the newest ten count', async () => {
    const { market, poster, worker } = await open(engine);
    const honest = await market.register('honest');
    for (let i = 0; i < 11; i++) await sell(poster, await market.register(`worker ${i}`), 10);
    for (let i = 0; i < 25; i++) {
      await sell(honest, worker, 1_000 + i);
      // What is counted later takes the place of what was counted before.
      if (i === 12) await count(market);
    }
    await count(market);
    const { body } = await read(market, '/prices?tags=colours');
    expect(body).toMatchObject({ count: 21, credits: { p25: 10, median: 10, p75: 1_019 } });
  });

  it('are kept for a year, and of a tag the newest five thousand', async () => {
    const { market, poster, worker } = await open(engine);
    const id = await sell(poster, worker, 10);
    await engine.vandalise(
      market.url,
      `with recursive n (i) as (select 1 union all select i + 1 from n where i < 5000)
       insert into market_prices (tag, approved_at, task_id, poster_id, worker_id, credits, to_claim_ms, to_delivery_ms, to_approval_ms)
       select 'colours', ${market.clock.now()} - i * 1000, '${id}', '${poster.id}', '${poster.id}', 1, 1, 1, 1 from n`,
    );
    await count(market);
    const ages = async () => {
      const [row] = await engine.query(
        market.url,
        `select count(*) as n, ${market.clock.now()} - min(approved_at) as oldest from market_prices`,
      );
      return [Number(row!.n), Math.floor(Number(row!.oldest) / secondMs)];
    };
    expect(await ages()).toEqual([5_000, 4_999 + 11]);
    market.clock.advance(365 * 24 * hourMs - 1_011 * secondMs);
    while (await market.ctx.housekeeping.run());
    expect(await ages()).toEqual([1_000, 365 * 24 * 3_600 - 1]);
  });

  it('count neither what was cancelled nor what the platform bought', async () => {
    const { market, poster, worker } = await open(engine);
    await poster.post(`/v1/tasks/${await postTask(poster, { tags: ['colours'] })}/cancel`);
    await deliverTask(poster, worker, { tags: ['colours'], max_credits: 5 });
    await count(market);
    expect((await read(market, '/prices?tags=colours')).body.count).toBe(0);
    // The clock approves it.
    await market.pass(25 * hourMs);
    await count(market);
    expect((await read(market, '/prices?tags=colours')).body).toMatchObject({ count: 1, credits: { median: 5 } });
  });
});

/** A watcher of the market, that takes what it is sent or not. */
class Watcher implements Sink {
  text = '';
  isEnded = false;
  wasCut = false;
  takes = true;

  write(text: string): boolean {
    this.text += text;
    return this.takes;
  }

  end(cut: boolean): void {
    this.isEnded = true;
    this.wasCut = cut;
  }

  /** The data of the events, taken apart as a browser does. */
  get events(): { type: string; task_id: string; preview: string | null; tags: string[] }[] {
    return [...this.text.matchAll(/^event: (\w+)\ndata: (.*)$/gm)].map(([, event, data]) => {
      const parsed = JSON.parse(data!);
      expect(parsed.type).toBe(event);
      return parsed;
    });
  }
}

function watch({ ctx }: Market, address = '127.0.0.1') {
  const { stream } = ctx.feed.open(address);
  const watcher = new Watcher();
  stream.start(watcher);
  return { stream, watcher };
}

onBothEngines('the stream of the market', (engine) => {
  it('tells everybody what tasks become, with a preview only where their pages show one', async () => {
    const { market, poster, worker } = await open(engine);
    const { watcher } = watch(market);
    const id = await postTask(poster, { need: 'Paint the fence', tags: ['colours'], max_credits: 3 });
    await market.ctx.feed.look();
    await worker.post(`/v1/tasks/${id}/pickup`);
    await market.ctx.feed.look();
    // A message changes no state.
    await worker.post(`/v1/tasks/${id}/messages`, { message: 'Half done' });
    await market.ctx.feed.look();
    await worker.post(`/v1/tasks/${id}/deliver`, { result: 'Painted' });
    await market.ctx.feed.look();
    await poster.post(`/v1/tasks/${id}/approve`);
    await market.ctx.feed.look();
    const hidden = await postTask(poster, { need: 'Secret', tags: ['private'], for_agents: [worker.id] });
    await market.ctx.feed.look();
    const told = watcher.events.map(({ type, preview, tags }) => [type, preview, tags]);
    expect(told).toEqual([
      ['task_posted', 'Paint the fence', ['colours']],
      ['task_claimed', null, []],
      ['task_delivered', null, []],
      ['task_approved', 'Paint the fence', ['colours']],
      ['task_posted', null, []],
    ]);
    expect(watcher.events.at(-1)!.task_id).toBe(hidden);
    expect(watcher.text).not.toMatch(/^id:/m);
    expect(watcher.text).not.toMatch(/Secret|private|Painted|Half done/);
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: poster.id, suspended: true });
    const before = watcher.text;
    await market.pass(73 * hourMs);
    await market.ctx.feed.look();
    expect(watcher.text).toBe(before);
  });

  it('tells nothing twice, however long ago it happened', async () => {
    const { market, poster, worker } = await open(engine);
    const { watcher } = watch(market);
    const redact = (id: string) => market.admin.post(`/v1/admin/tasks/${id}/redact`, { reason: 'Abuse' });
    const earlier = await claimTask(poster, worker);
    await market.ctx.feed.look();
    const other = await claimTask(poster, worker);
    await market.ctx.feed.look();
    const { text } = watcher;
    expect(watcher.events.map(({ task_id }) => task_id)).toEqual([earlier, other]);
    for (const age of [0, hourMs / 4]) {
      market.clock.advance(age);
      for (const id of [earlier, other]) expect((await redact(id)).status).toBe(200);
      await market.ctx.feed.look();
      expect(watcher.text).toBe(text);
    }
  });

  it('keeps every text on its line, whatever it is', async () => {
    const { market, poster } = await open(engine);
    const { watcher } = watch(market);
    const texts = hostileTexts.filter((text) => text.trim() !== '' && text.isWellFormed());
    for (let i = 0; i < texts.length; i += 50) {
      for (const need of texts.slice(i, i + 50)) await postTask(poster, { need, max_credits: 1 });
      await market.ctx.feed.look();
    }
    expect(watcher.events).toHaveLength(texts.length);
    // eslint-disable-next-line no-control-regex -- line ends of every kind
    expect(watcher.text.replace(/\n/g, '')).not.toMatch(/[\u0085\u2028\u2029\r\u0000-\u0009]/);
    const lines = watcher.text.split('\n').filter((line) => line !== '');
    expect(lines.filter((line) => !/^(event: |data: \{|retry: |: )/.test(line))).toEqual([]);
  });

  it('has a bound for each network, and disconnects a watcher that takes nothing', async () => {
    const { market, poster } = await open(engine, { PINCHWORK_MAX_STREAMS_PER_AGENT: '2' });
    const { watcher, stream } = watch(market, '203.0.113.1');
    watch(market, '203.0.113.1');
    expect(() => market.ctx.feed.open('203.0.113.1')).toThrow(/event streams/);
    const other = watch(market, '203.0.113.2');
    watcher.takes = false;
    await postTask(poster);
    await market.ctx.feed.look();
    const { text } = watcher;
    for (let looks = 0; looks < 30; looks++) await market.ctx.feed.look();
    expect(watcher).toMatchObject({ isEnded: true, wasCut: true, text });
    expect(other.watcher.text).toContain(': still here\nretry: 5000\nevent: task_posted');
    expect(other.watcher.text.match(/: still here/g)!.length).toBeGreaterThan(1);
    // Its place is free again.
    watch(market, '203.0.113.1');
    stream.end();
    market.ctx.feed.close();
    expect(other.watcher.isEnded).toBe(true);
    expect(market.ctx.feed.count).toBe(0);
  });

  it('reads nothing while nobody watches, and once for all who do', async () => {
    const { market, poster } = await open(engine);
    await postTask(poster);
    const { db } = market.ctx;
    const asked: string[] = [];
    const all = db.all.bind(db);
    db.all = (query: { name: string }, params: never) => {
      asked.push(query.name);
      return all(query as never, params);
    };
    await market.ctx.feed.look();
    expect(asked).toEqual([]);
    const watchers = [watch(market), watch(market, '203.0.113.1')];
    await postTask(poster);
    asked.length = 0;
    await market.ctx.feed.look();
    expect(asked).toEqual(['changedTasks']);
    for (const { watcher } of watchers) expect(watcher.events).toHaveLength(1);
  });
});
