import { describe, expect, it } from 'vitest';
import type { WorkContext, WorkerOptions, WorkMemory, WorkNews } from '../src/index.ts';
import { liveMarket } from './support/market.ts';

const live = liveMarket();

const isAborted = async (signal: AbortSignal) => {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
};

/** No answer until the request is aborted. */
const silence: typeof fetch = async (_, init) => {
  await isAborted(init!.signal!);
  throw new Error('Aborted');
};

interface Options {
  readonly handler?: WorkerOptions['handler'];
  /** When it is told to end. */
  readonly endsAt?: WorkNews['type'] | 'delivery';
}

/** A worker with one task, which is told to end. `deliver` stands in place of the request with its delivery. */
async function endInDelivery(deliver: typeof fetch, { handler = () => 'done', endsAt = 'delivery' }: Options = {}) {
  const end = new AbortController();
  const endIf = (moment: typeof endsAt) => moment === endsAt && end.abort();
  const send: typeof fetch = async (input, init) => {
    if (!new Request(input).url.endsWith('/deliver')) return fetch(input, init);
    endIf('delivery');
    return deliver(input, init);
  };
  const poster = await live.agent('poster');
  const worker = await live.agent('worker', { fetch: send });
  const tags = [`tag-${worker.id}`];
  const { task_id } = await poster.tasks.create({ need: 'X', tags, max_credits: 5 });
  const onNews = ({ type }: WorkNews) => endIf(type);
  const done = await worker.worker({ handler, tags, signal: end.signal, waitSeconds: 1, finishMs: 20, onNews });
  return { done, status: (await poster.tasks.get(task_id)).status };
}

describe.concurrent('a worker that is told to end during its delivery', () => {
  it('waits for the answer', async () => {
    let stop: AbortSignal;
    const handler = (_: unknown, { signal }: WorkContext) => {
      stop = signal;
      return 'done';
    };
    const slow: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      await isAborted(stop);
      return response;
    };
    const ended = await endInDelivery(slow, { handler });
    expect(ended).toMatchObject({ done: { delivered: 1, abandoned: 0, lost: 0 }, status: 'delivered' });
  });

  it('gives the task back when no answer comes', async () => {
    const ended = await endInDelivery(silence);
    expect(ended).toMatchObject({ done: { delivered: 0, abandoned: 1, lost: 0 }, status: 'posted' });
  });

  it('leaves the task delivered when only the answer is lost', async () => {
    const ended = await endInDelivery(async (input, init) => {
      await (await fetch(input, init)).text();
      return silence(input, init);
    });
    expect(ended).toMatchObject({ done: { delivered: 0, abandoned: 0, lost: 1 }, status: 'delivered' });
  });

  it('gives the task back also when its handler was told to stop before', async () => {
    const handler = async (_: unknown, { signal }: WorkContext) => {
      await isAborted(signal);
      return 'done';
    };
    const ended = await endInDelivery(() => Promise.reject(new Error('Out of reach')), {
      handler,
      endsAt: 'picked_up',
    });
    expect(ended).toMatchObject({ done: { delivered: 0, abandoned: 1, lost: 0 }, status: 'posted' });
  });
});

describe('a worker with a memory', () => {
  it('keeps a task that it could not give back', async () => {
    const [poster, agent] = [await live.agent('poster'), await live.agent('worker')];
    const tags = [`tag-${agent.id}`];
    const { task_id } = await poster.tasks.create({ need: 'X', tags, max_credits: 5 });
    const away: typeof fetch = (input, init) =>
      new Request(input).url.endsWith('/abandon') ? Promise.reject(new Error('Away')) : fetch(input, init);
    const client = live.client({ apiKey: agent.key, fetch: away, maxRetries: 0 });
    let claims = {};
    const remember = (memory: WorkMemory) => void (claims = { ...memory.claims });
    await client.worker({ handler: () => null, tags, once: true, remember });
    expect(claims).toEqual({ [task_id]: { claim_number: 1, done: 0 } });
    expect((await poster.tasks.get(task_id)).status).toBe('claimed');
  });
});
