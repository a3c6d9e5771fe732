import { limits } from '@pinchwork/sdk/table';
import { expect, it } from 'vitest';
import { announced, Attacked, expectAllServed } from '../support/attacked.ts';
import { onBothEngines } from '../support/engines.ts';
import { type Agent, claimTask, postTask } from '../support/market.ts';

/** All kinds of attacks at once, on a server whose shares are small. */

const mebibyte = 1024 * 1024;
const control = '\u0001';
const small = {
  sockets: { most: 60 },
  body_bytes: { most: 2 * mebibyte },
  reply_bytes: { most: 4 * mebibyte },
  waits: { most: 6 },
  searches: { most: 1, mostWaiting: 2 },
  loop: { most: 1, mostWaiting: 20 },
};

const line = (agent: Agent, path: string) =>
  `GET ${path} HTTP/1.1\r\nHost: pinchwork\r\nAccept: application/json\r\nAuthorization: Bearer ${agent.key}\r\n\r\n`;

/** Creates and cancels the longest tasks, each with an idempotency key and a repetition. */
async function churn(poster: Agent): Promise<void> {
  const body = {
    need: control.repeat(limits.needLength),
    context: control.repeat(limits.contextLength),
    max_credits: 1,
  };
  for (let i = 0; i < 3; i++) {
    const once = { 'idempotency-key': `once ${i}` };
    const { body: task } = await poster.post('/v1/tasks', body, once);
    await poster.post('/v1/tasks', body, once);
    await Promise.all([1, 2].map(() => poster.post(`/v1/tasks/${task.task_id}/cancel`)));
  }
}

/** Delivers, is rejected, delivers again, and is approved, each twice at once. */
async function quarrel(poster: Agent, worker: Agent): Promise<string> {
  const path = `/v1/tasks/${await claimTask(poster, worker)}`;
  const result = control.repeat(limits.resultLength / 10);
  for (const reason of ['No', 'Still no']) {
    await Promise.all([1, 2].map(() => worker.post(`${path}/deliver`, { result })));
    await Promise.all([1, 2].map(() => poster.post(`${path}/reject`, { reason })));
  }
  await worker.post(`${path}/deliver`, { result });
  await Promise.all([1, 2].map(() => poster.post(`${path}/approve`, { rating: 5 })));
  return (await poster.get(path)).body.status;
}

onBothEngines('all attacks at once', (engine) => {
  it('all attacks at once leave the books right, and fail no request of an honest client', async () => {
    const attacked = await Attacked.open(engine, small);
    const client = attacked.client();
    const [poster, worker] = [await client.register('poster'), await client.register('worker')];
    const waited = await postTask(poster, { max_credits: 1 });
    await attacked.hold(30, '');
    await attacked.hold(10, announced('/v1/tasks', poster.key) + '10000\r\n' + 'x'.repeat(0x10000));
    await attacked.hold(10, line(poster, `/v1/tasks/${waited}?wait=60`));
    const quarrelled = quarrel(poster, worker);
    const attacks = [
      churn(poster),
      attacked.hold(20, 'GET /%zz HTTP/1.1\r\nHost: pinchwork\r\n\r\n'),
      attacked.hold(10, line(worker, '/v1/tasks/available?search=nobody-says-this')),
    ];
    const honest = await attacked.client().register('honest');
    const task = await honest.post('/v1/tasks', { need: 'Count the words', max_credits: 1 });
    expectAllServed([
      task,
      await honest.get('/v1/me'),
      await honest.get('/v1/tasks/available'),
      await honest.get(`/v1/tasks/${task.body.task_id}?wait=1`),
      await honest.post(`/v1/tasks/${task.body.task_id}/cancel`),
    ]);
    await Promise.all(attacks);
    expect(await quarrelled).toBe('approved');
    const { body } = await attacked.client().admin.get('/v1/admin/audit');
    expect(body).toMatchObject({ ok: true, broken: [] });
  });
});
