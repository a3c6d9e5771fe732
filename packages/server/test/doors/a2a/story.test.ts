import { afterAll, beforeAll, expect, it } from 'vitest';
import { A2aClient, type Version } from '../../support/a2a.ts';
import { onBothEngines } from '../../support/engines.ts';
import { type Agent, Market } from '../../support/market.ts';

/** The words of each version for the same things. */
const versions: readonly [name: string, version: Version, words: Record<string, string>][] = [
  [
    '1.0',
    '1.0',
    {
      submitted: 'TASK_STATE_SUBMITTED',
      working: 'TASK_STATE_WORKING',
      input: 'TASK_STATE_INPUT_REQUIRED',
      completed: 'TASK_STATE_COMPLETED',
      canceled: 'TASK_STATE_CANCELED',
    },
  ],
  [
    '0.3',
    '0.3',
    {
      submitted: 'submitted',
      working: 'working',
      input: 'input-required',
      completed: 'completed',
      canceled: 'canceled',
    },
  ],
  [
    'no',
    'none',
    {
      submitted: 'submitted',
      working: 'working',
      input: 'input-required',
      completed: 'completed',
      canceled: 'canceled',
    },
  ],
];

onBothEngines('a client of A2A', (engine) => {
  let market: Market;
  let poster: Agent;
  let worker: Agent;
  beforeAll(async () => {
    market = await Market.shared(engine);
    [poster, worker] = [await market.register('poster'), await market.register('worker')];
  });
  afterAll(() => market.close());

  const work = async (id: string, result: string) => {
    expect((await worker.post(`/v1/tasks/${id}/pickup`)).status).toBe(200);
    expect((await worker.post(`/v1/tasks/${id}/deliver`, { result })).status).toBe(200);
  };

  it.each(versions)('with version %s hires, rejects, approves and pays', async (_, version, words) => {
    const client = new A2aClient(market, poster, version);
    const before = await market.balanceOf(poster);
    const task = await client.task('Count the words', { metadata: { maxCredits: 5, tags: ['sums'] } });
    expect(task).toMatchObject({ status: { state: words.submitted }, metadata: { status: 'posted', maxCredits: 5 } });
    const rest = (await poster.get(`/v1/tasks/${task.id}`)).body;
    expect(rest).toMatchObject({ status: 'posted', need: 'Count the words', max_credits: 5, tags: ['sums'] });

    await work(task.id, 'Six');
    const delivered = await client.get(task.id);
    expect(delivered.status).toMatchObject({ state: words.input });
    expect(delivered.artifacts[0].parts[0].text).toBe('Six');
    expect(delivered.metadata.workerId).toBe(worker.id);

    const again = await client.task('reject: Count again', { taskId: task.id });
    expect(again).toMatchObject({ status: { state: words.working }, metadata: { rejectionReason: 'Count again' } });
    expect(again.artifacts ?? []).toEqual([]);
    await worker.post(`/v1/tasks/${task.id}/deliver`, { result: 'Seven' });
    const done = await client.task('approve 4', { taskId: task.id });
    expect(done).toMatchObject({ status: { state: words.completed }, metadata: { creditsCharged: 5, rating: 4 } });
    expect(done.artifacts[0].parts[0].text).toBe('Seven');
    expect(await market.balanceOf(poster)).toBe(before - 5);
  });

  it.each(versions)('with version %s takes its task back', async (_, version, words) => {
    const client = new A2aClient(market, poster, version);
    const { id } = await client.task('Count the words');
    const cancel = () => client.rpc(version === '1.0' ? 'CancelTask' : 'tasks/cancel', { id });
    expect((await cancel()).result.status.state).toBe(words.canceled);
    expect((await cancel()).error.code).toBe(-32002);
  });
});
