import { describe, expect, it, vi } from 'vitest';
import type { Options, WorkerOptions, WorkMemory, WorkNews } from '../src/index.ts';
import { liveMarket } from './support/market.ts';

const live = liveMarket();

/** An agent that works in several runs, with what it remembers of them. */
async function persistent(options: Options = {}) {
  const [poster, agent] = [await live.agent('poster'), await live.agent('worker', options)];
  const tags = [`tag-${agent.id}`];
  const post = async (need: string) => (await poster.tasks.create({ need, tags, max_credits: 10 })).task_id;
  const kept: { memory: WorkMemory | undefined } = { memory: undefined };
  const news: WorkNews[] = [];
  const work = (more: Partial<WorkerOptions> = {}) =>
    agent.worker({
      handler: ({ need }) => need.toUpperCase(),
      tags,
      once: true,
      memory: kept.memory,
      remember: (memory) => void (kept.memory = structuredClone(memory)),
      onNews: (each) => news.push(each),
      ...more,
    });
  const stateOf = async (id: string) => (await poster.tasks.get(id)).status;
  return { poster, agent, tags, post, work, kept, news, stateOf };
}

describe('a worker with a memory', () => {
  it('finds the task again whose pickup was answered to a run that was killed', async () => {
    let [dies, isDead] = [true, false];
    let died: () => void;
    const dead = new Promise<void>((resolve) => (died = resolve));
    const send: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (!dies || !new Request(input).url.endsWith('/pickup')) return response;
      isDead = true;
      died();
      return new Promise(() => undefined);
    };
    const { post, work, kept, stateOf } = await persistent({ fetch: send });
    const id = await post('hello');
    void work({
      remember: (memory) => {
        if (!isDead) kept.memory = structuredClone(memory);
      },
    });
    await dead;
    dies = false;
    expect(await stateOf(id)).toBe('claimed');
    expect(kept.memory).toMatchObject({ claims: {}, pickup: { key: expect.any(String) } });
    expect(await work()).toMatchObject({ delivered: 1 });
    expect(await stateOf(id)).toBe('delivered');
  });

  it('goes on with a task in hand, and not with what this agent claimed elsewhere', async () => {
    const { agent, post, work, kept, news, stateOf } = await persistent();
    const [mine, other] = [await post('mine'), await post('of another program')];
    for (const id of [mine, other]) await agent.tasks.pickup(id);
    const { claim_number } = await agent.tasks.get(mine);
    kept.memory = { pickup: null, claims: { [mine]: { claim_number, done: 0 } }, awaited: {}, approved: 0, credits: 0 };
    await work();
    expect([await stateOf(mine), await stateOf(other)]).toEqual(['delivered', 'claimed']);
    expect(news.map(({ type }) => type)).toEqual(['resumed', 'delivered']);
  });

  it('forgets a claim that is not its own any more', async () => {
    const { agent, post, work, kept, stateOf } = await persistent();
    const id = await post('mine');
    await agent.tasks.pickup(id);
    kept.memory = {
      pickup: null,
      claims: { [id]: { claim_number: 0, done: 0 }, 'tk-000000000000': { claim_number: 1, done: 0 } },
      awaited: {},
      approved: 0,
      credits: 0,
    };
    expect(await work()).toMatchObject({ delivered: 0 });
    expect(kept.memory.claims).toEqual({});
    expect(await stateOf(id)).toBe('claimed');
  });

  it('counts each approval once, and does again what was rejected, also when it did not run then', async () => {
    const { poster, post, work, kept, news } = await persistent();
    const [approved, rejected, open] = [await post('one'), await post('two'), await post('three')];
    await work();
    expect(Object.keys(kept.memory!.awaited).sort()).toEqual([approved, rejected, open].sort());
    await poster.tasks.approve(approved, { rating: 5 });
    await poster.tasks.reject(rejected, { reason: 'No' });
    expect(await work({ handler: ({ rejection }) => rejection!.reason })).toMatchObject({ approved: 1, delivered: 1 });
    expect((await poster.tasks.get(rejected)).result).toBe('No');
    expect(news.filter(({ type }) => type === 'redoing')).toHaveLength(1);
    await work();
    expect(kept.memory).toMatchObject({
      approved: 1,
      credits: 10,
      claims: {},
      awaited: { [rejected]: { claim_number: 1, done: 2 }, [open]: { claim_number: 1, done: 1 } },
    });
  });

  it('knows a delivery whose run was killed before it was noted', async () => {
    const { poster, post, work, kept } = await persistent();
    const id = await post('one');
    await work();
    const { claim_number } = await poster.tasks.get(id);
    kept.memory = { ...kept.memory!, awaited: {}, claims: { [id]: { claim_number, done: 0 } } };
    await work();
    expect(kept.memory).toMatchObject({ claims: {}, awaited: { [id]: { done: 1 } } });
  });

  it('ends with the error of a memory that cannot be kept, and picks nothing up', async () => {
    const { post, work, stateOf } = await persistent();
    const id = await post('one');
    const full = new Error('No space left on device');
    await expect(work({ remember: () => Promise.reject(full) })).rejects.toBe(full);
    expect(await stateOf(id)).toBe('posted');
  });

  it('keeps what it must know before each pickup, one after the other', async () => {
    const { post, work } = await persistent();
    for (const need of ['one', 'two', 'three']) await post(need);
    let [now, most] = [0, 0];
    const remember = vi.fn(async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 30));
      now--;
    });
    await work({ remember, concurrency: 3 });
    expect(most).toBe(1);
    expect(remember.mock.calls.length).toBeGreaterThanOrEqual(4);
  });
});
