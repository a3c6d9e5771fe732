import { describe, expect, it } from 'vitest';
import type { TaskResponse } from '../src/index.ts';
import { liveMarket } from './support/market.ts';

const live = liveMarket();

/** A poster, and a worker that does the poster's tasks with a tag of their own until the test ends. */
async function pair(results: string[] = ['done']) {
  const [poster, worker] = [await live.agent('poster'), await live.agent('worker')];
  const tags = [`tag-${worker.id}`];
  const end = new AbortController();
  const deliver = async (id: string) => {
    await worker.tasks.pickup(id);
    await worker.tasks.deliver(id, { result: 'done' });
  };
  const working = () =>
    worker.worker({ handler: () => results.shift() ?? 'done', tags, pollMs: 20, waitSeconds: 1, signal: end.signal });
  return { poster, worker, tags, deliver, working, end };
}

describe('tasks.wait', () => {
  it('returns the task when it is delivered, at once if it is already', async () => {
    const { poster, tags, deliver } = await pair();
    const { task_id } = await poster.tasks.create({ need: 'X', tags, max_credits: 5 });
    const waiting = poster.tasks.wait(task_id);
    await deliver(task_id);
    expect(await waiting).toMatchObject({ status: 'delivered', result: 'done' });
    expect((await poster.tasks.wait(task_id)).status).toBe('delivered');
  });

  it('waits for a state or a condition, and ends with the task', async () => {
    const { poster, worker, tags, deliver } = await pair();
    const { task_id } = await poster.tasks.create({ need: 'X', tags, max_credits: 5 });
    const claimed = poster.tasks.wait(task_id, { until: 'claimed' });
    const rejected = poster.tasks.wait(task_id, {
      until: ({ rejection_count = 0 }: TaskResponse) => rejection_count > 0,
    });
    await deliver(task_id).catch(() => undefined);
    await poster.tasks.reject(task_id, { reason: 'No' });
    expect((await claimed).claim_number).toBe(1);
    expect((await rejected).rejection_reason).toBe('No');
    const never = poster.tasks.wait(task_id, { until: 'expired' });
    await worker.tasks.deliver(task_id, { result: 'done' });
    await poster.tasks.approve(task_id);
    expect((await never).status).toBe('approved');
  });

  it('gives up after its time, and shows the task as it is', async () => {
    const { poster, tags } = await pair();
    const { task_id } = await poster.tasks.create({ need: 'X', tags, max_credits: 5 });
    const waiting = poster.tasks.wait(task_id, { timeoutSeconds: 0.01 });
    await expect(waiting).rejects.toMatchObject({ code: 'timeout', reply: { task_id, status: 'posted' } });
  });
});

describe('tasks.run', () => {
  it('returns the delivered task, which is left to review', async () => {
    const { poster, tags, working, end } = await pair(['blue']);
    const worked = working();
    const task = await poster.tasks.run({ need: 'A colour', tags, max_credits: 5 });
    expect(task).toMatchObject({ status: 'delivered', result: 'blue' });
    end.abort();
    await worked;
  });

  it('goes on until its review approves', async () => {
    const { poster, tags, working, end } = await pair(['blue', 'BLUE']);
    const worked = working();
    const seen: (string | null)[] = [];
    const task = await poster.tasks.run(
      { need: 'A colour', tags, max_credits: 5 },
      {
        review: ({ result }) => {
          seen.push(result);
          return result === 'BLUE' ? { approve: { rating: 5 } } : { reject: { reason: 'In capitals' } };
        },
      },
    );
    expect(task).toMatchObject({ status: 'approved', result: 'BLUE', rating: 5 });
    expect(seen).toEqual(['blue', 'BLUE']);
    end.abort();
    await worked;
  });

  it('throws with the reason when the task ends without a result', async () => {
    const { poster, tags } = await pair();
    const onPosted = (id: string) =>
      void live
        .client()
        .admin.cancel(id, { reason: 'Spam' })
        .then(undefined, () => undefined);
    const run = poster.tasks.run({ need: 'A colour', tags, max_credits: 5 }, { onPosted });
    await expect(run).rejects.toMatchObject({
      code: 'task_ended',
      message: expect.stringMatching(/^The task tk-\w+ was cancelled$/),
      reply: { status: 'cancelled' },
    });
  });

  it('throws what the server says when the task can’t be posted', async () => {
    const { poster } = await pair();
    await expect(poster.tasks.run({ need: 'X', max_credits: 500 })).rejects.toMatchObject({
      code: 'insufficient_credits',
    });
  });

  it('takes back what nobody has begun when it is aborted, and leaves the rest', async () => {
    const { poster, tags, worker } = await pair();
    for (const begun of [false, true]) {
      const end = new AbortController();
      let id = '';
      const onPosted = (posted: string) => {
        id = posted;
        const begin = begun ? worker.tasks.pickup(posted) : Promise.resolve();
        void begin.then(() => end.abort(new Error('Enough')));
      };
      const run = poster.tasks.run({ need: 'X', tags, max_credits: 5 }, { signal: end.signal, onPosted });
      await expect(run).rejects.toThrow('Enough');
      expect((await poster.tasks.get(id)).status).toBe(begun ? 'claimed' : 'cancelled');
    }
  });
});
