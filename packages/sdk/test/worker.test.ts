import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Pinchwork, WorkNews, WorkerOptions, WorkTask } from '../src/index.ts';
import { liveMarket } from './support/market.ts';

const live = liveMarket();

/** How long a test waits for something that takes milliseconds, however slow the machine is. */
const patienceMs = 60_000;

/** A poster, and an agent that works with a tag of its own until the test ends it. */
async function pair(options: Partial<WorkerOptions> = {}) {
  const [poster, agent] = [await live.agent('poster'), await live.agent('worker')];
  const tag = `tag-${agent.id}`;
  const post = async (need: string, fields: object = {}) =>
    (await poster.tasks.create({ need, tags: [tag], max_credits: 10, ...fields })).task_id;
  const news: WorkNews[] = [];
  const end = new AbortController();
  const work = (more: Partial<WorkerOptions> = {}) =>
    agent.worker({
      handler: ({ need }) => need.toUpperCase(),
      tags: [tag],
      signal: end.signal,
      waitSeconds: 1,
      pollMs: 20,
      onNews: (each) => news.push(each),
      ...options,
      ...more,
    });
  const said = (type: WorkNews['type'], times = 1) =>
    vi.waitFor(() => expect(news.filter((each) => each.type === type)).toHaveLength(times), {
      timeout: patienceMs,
      interval: 10,
    });
  return { poster, agent, tag, post, work, news, said, end };
}

const stateOf = async (client: Pinchwork, id: string) => (await client.tasks.get(id)).status;

describe('a worker', () => {
  it('does what there is and ends, with once', async () => {
    const { poster, post, work, news } = await pair();
    const ids = [await post('one'), await post('two')];
    expect(await work({ once: true })).toEqual({ delivered: 2, approved: 0, abandoned: 0, lost: 0, credits: 0 });
    for (const id of ids) expect(await stateOf(poster, id)).toBe('delivered');
    expect(news.map(({ type }) => type).sort()).toEqual(['delivered', 'delivered', 'picked_up', 'picked_up']);
  });

  it('ends after max tasks', async () => {
    const { post, work, agent } = await pair();
    for (const need of ['one', 'two', 'three']) await post(need);
    expect((await work({ max: 2 })).delivered).toBe(2);
    expect((await agent.tasks.mine({ role: 'worker' })).tasks).toHaveLength(2);
  });

  it('waits for tasks, does again what is rejected, and counts what is approved', async () => {
    const { poster, post, work, said, end } = await pair();
    const handler = ({ need, rejection }: WorkTask) => (rejection === null ? need : `${need}, ${rejection.reason}`);
    const working = work({ handler });
    const id = await post('hello');
    await said('delivered');
    await poster.tasks.reject(id, { reason: 'politely' });
    await said('delivered', 2);
    expect((await poster.tasks.get(id)).result).toBe('hello, politely');
    await poster.tasks.approve(id, { rating: 4 });
    await said('approved');
    end.abort();
    expect(await working).toEqual({ delivered: 2, approved: 1, abandoned: 0, lost: 0, credits: 10 });
  });

  it('gives back what was rejected more often than it tries again', async () => {
    const { poster, post, work, news, said, end } = await pair({ retries: 0 });
    const working = work();
    const id = await post('hello');
    await said('delivered');
    await poster.tasks.reject(id, { reason: 'No' });
    await said('abandoned');
    expect(news.at(-1)).toMatchObject({ task: { task_id: id }, error: new Error('Rejected: No') });
    end.abort();
    expect(await working).toMatchObject({ abandoned: 1 });
    expect(await stateOf(poster, id)).toBe('posted');
  });

  it('does again what does not fit the terms of the task, and tells its handler what is wrong', async () => {
    const { poster, post, work } = await pair();
    const id = await post('{}, please', { acceptance: { format: 'json' } });
    const handler = ({ rejection }: WorkTask) => (rejection === null ? 'no JSON' : rejection.feedback);
    expect(await work({ once: true, handler })).toMatchObject({ delivered: 1, abandoned: 0 });
    expect(JSON.parse((await poster.tasks.get(id)).result!)).toMatchObject([{ message: expect.any(String) }]);
    const hopeless = await post('{}, please', { acceptance: { format: 'json' } });
    expect(await work({ max: 1, retries: 1, handler: () => 'no JSON' })).toMatchObject({ delivered: 0, abandoned: 1 });
    expect(await stateOf(poster, hopeless)).toBe('posted');
  });

  it('asks once where the server holds its pickup until there is a task', async () => {
    const asked: string[] = [];
    const count: typeof fetch = (input, init) => {
      if (init?.method === 'POST') asked.push(new Request(input).url.replace(/^.*\/v1/, ''));
      return fetch(input, init);
    };
    const agent = await live.agent('worker', { fetch: count });
    const poster = await live.agent('poster');
    asked.splice(0);
    const tags = [`tag-${agent.id}`];
    const working = agent.worker({ handler: () => 'done', tags, max: 1, pollMs: 1, waitSeconds: 20 });
    await vi.waitFor(() => expect(asked).toEqual(['/tasks/pickup']), { timeout: patienceMs });
    const { task_id } = await poster.tasks.create({ need: 'X', tags, max_credits: 5 });
    expect(await working).toMatchObject({ delivered: 1 });
    expect(asked).toEqual(['/tasks/pickup', `/tasks/${task_id}/deliver`]);
  });

  it('gives a task back when its handler fails or has no result', async () => {
    const { poster, post, work, news } = await pair();
    const failing = await post('fail');
    const fault = new Error('I cannot');
    const fail = () => Promise.reject(fault);
    expect(await work({ max: 1, handler: fail })).toMatchObject({ delivered: 0, abandoned: 1 });
    expect(news.at(-1)).toMatchObject({ type: 'abandoned', error: fault });
    expect(await stateOf(poster, failing)).toBe('posted');
    await post('nothing');
    expect(await work({ max: 1, handler: () => null })).toMatchObject({ abandoned: 1 });
  });

  it('gives a task back when a call of its handler is refused as if the claim were lost', async () => {
    const { agent, poster, post, work } = await pair();
    const id = await post('one');
    const handler = () => agent.tasks.approve('tk-000000000000', {}).then(() => 'done');
    expect(await work({ max: 1, handler })).toMatchObject({ abandoned: 1, lost: 0 });
    expect(await stateOf(poster, id)).toBe('posted');
  });

  it('does at most the given number of tasks at once, tasks that are done again among them', async () => {
    const { poster, post, work, said, end } = await pair({ concurrency: 2 });
    let [now, most] = [0, 0];
    const handler = async () => {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 30));
      now--;
      return 'done';
    };
    const working = work({ handler });
    const ids = [];
    for (let i = 0; i < 6; i++) ids.push(await post(`task ${i}`));
    await said('delivered', 6);
    await Promise.all(ids.map((id) => poster.tasks.reject(id, { reason: 'Again' })));
    await said('delivered', 12);
    expect(most).toBe(2);
    end.abort();
    await working;
  });

  it('lets a task in hand be finished when it is told to end, and takes no other', async () => {
    const { poster, post, work, said, end } = await pair();
    let finish: (result: string) => void = () => undefined;
    const working = work({ handler: () => new Promise((resolve) => (finish = resolve)) });
    const [first, second] = [await post('one'), await post('two')];
    await said('picked_up');
    end.abort();
    finish('done');
    expect(await working).toMatchObject({ delivered: 1 });
    expect([await stateOf(poster, first), await stateOf(poster, second)].sort()).toEqual(['delivered', 'posted']);
  });

  it('gives back what is not finished in time', async () => {
    const { poster, post, work, said, end } = await pair({ finishMs: 20 });
    let reason: unknown;
    const working = work({
      handler: (_, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject((reason = signal.reason)))),
    });
    const id = await post('one');
    await said('picked_up');
    end.abort(new Error('The user pressed Ctrl-C'));
    expect(await working).toMatchObject({ delivered: 0, abandoned: 1 });
    expect(await stateOf(poster, id)).toBe('posted');
    expect(reason).toEqual(new Error('The user pressed Ctrl-C'));
  });

  it('gives back at once what it has when it is stopped, however long it may finish', async () => {
    const stop = new AbortController();
    const { poster, post, work, said, end } = await pair({ stopSignal: stop.signal, finishMs: 1e6 });
    const working = work({
      handler: (_, { signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(null))),
    });
    const id = await post('one');
    await said('picked_up');
    end.abort();
    stop.abort();
    expect(await working).toMatchObject({ delivered: 0, abandoned: 1 });
    expect(await stateOf(poster, id)).toBe('posted');
  });

  it('stops the handler of a claim that is lost, and goes on', async () => {
    const { poster, post, work, said, end } = await pair();
    const stopped = vi.fn();
    const handler: WorkerOptions['handler'] = ({ need }, { signal }) => {
      if (need === 'after') return 'done';
      return new Promise((resolve) =>
        signal.addEventListener('abort', () => {
          stopped();
          resolve('too late');
        }),
      );
    };
    const working = work({ handler });
    const id = await post('one');
    await said('picked_up');
    await live.client().admin.cancel(id, { reason: 'Spam' });
    await said('lost');
    expect(stopped).toHaveBeenCalledOnce();
    const next = await post('after');
    await said('delivered');
    expect(await stateOf(poster, next)).toBe('delivered');
    end.abort();
    expect(await working).toMatchObject({ delivered: 1, lost: 1, abandoned: 0 });
  });

  it('chooses from the board with accepts, before it picks up', async () => {
    const { poster, post, work } = await pair();
    const [odd, good] = [await post('odd'), await post('good')];
    await work({ once: true, accepts: ({ need }) => need === 'good' });
    expect([await stateOf(poster, odd), await stateOf(poster, good)]).toEqual(['posted', 'delivered']);
  });

  it('goes on with claims of an earlier run if it is told which', async () => {
    const { poster, agent, post, work, news } = await pair();
    const [mine, other] = [await post('mine'), await post('of another process')];
    for (const id of [mine, other]) await agent.tasks.pickup(id);
    await work({ once: true, resume: ({ need }) => need === 'mine' });
    expect([await stateOf(poster, mine), await stateOf(poster, other)]).toEqual(['delivered', 'claimed']);
    expect(news[0]?.type).toBe('resumed');
  });

  it('tells the poster how far the work has come', async () => {
    const { poster, post, work } = await pair();
    const id = await post('one', { heartbeat_minutes: 5 });
    const handler: WorkerOptions['handler'] = async (_, { progress }) => {
      await progress(50, 'Half of it');
      expect(await poster.tasks.get(id)).toMatchObject({ progress: 50, progress_note: 'Half of it' });
      return 'done';
    };
    expect(await work({ once: true, handler })).toMatchObject({ delivered: 1, abandoned: 0 });
  });

  it('gives a heartbeat up when the next one is due, and the last one at the end of its claim', async () => {
    const signals: AbortSignal[] = [];
    const silent: typeof fetch = (input, init) => {
      if (!new Request(input).url.endsWith('/heartbeat')) return fetch(input, init);
      const signal = init!.signal!;
      signals.push(signal);
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('Aborted'))));
    };
    const agent = await live.agent('worker', { fetch: silent });
    const poster = await live.agent('poster');
    const tags = [`tag-${agent.id}`];
    await poster.tasks.create({ need: 'X', tags, max_credits: 5, heartbeat_minutes: 1 });
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const handler = async () => {
      await vi.advanceTimersByTimeAsync(60_000);
      expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, false]);
      return 'done';
    };
    expect(await agent.worker({ handler, tags, once: true })).toMatchObject({ delivered: 1 });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true]);
  });

  it('outlives a server that is away when it begins to listen', async () => {
    let failures = 0;
    const away: typeof fetch = async (input, init) => {
      if (!new Request(input).url.endsWith('/v1/events') || failures++ === 1) return fetch(input, init);
      throw new Error('Away');
    };
    const agent = await live.agent('worker', { fetch: away, maxRetries: 0 });
    const poster = await live.agent('poster');
    const end = new AbortController();
    const news: WorkNews[] = [];
    const tags = [`tag-${agent.id}`];
    const onNews = (each: WorkNews) => void news.push(each);
    const working = agent.worker({ handler: () => 'done', tags, signal: end.signal, waitSeconds: 1, onNews });
    const { task_id } = await poster.tasks.create({ need: 'X', tags, max_credits: 5 });
    await vi.waitFor(async () => expect(await stateOf(poster, task_id)).toBe('delivered'), { timeout: patienceMs });
    await poster.tasks.approve(task_id, {});
    await vi.waitFor(() => expect(news.at(-1)?.type).toBe('approved'), { timeout: patienceMs });
    end.abort();
    expect(await working).toMatchObject({ delivered: 1, approved: 1 });
  });

  it('returns what it has done when the server is away while it ends', async () => {
    const end = new AbortController();
    let asked = 0;
    const away: typeof fetch = async (input, init) => {
      if (init?.method !== 'GET' || !/\/tasks\/tk-\w+$/.test(new Request(input).url)) return fetch(input, init);
      asked++;
      end.abort();
      throw new Error('Away');
    };
    const agent = await live.agent('worker', { fetch: away, maxRetries: 0 });
    const poster = await live.agent('poster');
    const tags = [`tag-${agent.id}`];
    const working = agent.worker({ handler: () => 'done', tags, signal: end.signal, waitSeconds: 1 });
    const { task_id } = await poster.tasks.create({ need: 'X', tags, max_credits: 5 });
    await vi.waitFor(async () => expect(await stateOf(poster, task_id)).toBe('delivered'), { timeout: patienceMs });
    await poster.tasks.reject(task_id, { reason: 'No' });
    expect(await working).toMatchObject({ delivered: 1 });
    expect(asked).toBe(1);
  });

  it('rejects when the server refuses the agent for good', async () => {
    const work = live.client({ apiKey: 'pwk-unknown' }).worker({ handler: () => null });
    await expect(work).rejects.toMatchObject({ code: 'unauthorized' });
  });
});
