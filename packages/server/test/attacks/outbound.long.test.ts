import { limits } from '@pinchwork/sdk/table';
import { describe, expect, it } from 'vitest';
import { Attacked, expectAllServed, type Held } from '../support/attacked.ts';
import { onBothEngines } from '../support/engines.ts';
import type { Client } from '../support/client.ts';
import { type Agent, claimTask, postTask } from '../support/market.ts';
import { until } from '../support/until.ts';

/** Attacks by what goes out. Each test shows what honest clients see meanwhile: none of their requests fails. */

const mebibyte = 1024 * 1024;
const control = '\u0001';

const get = (agent: Agent, path: string) =>
  `GET ${path} HTTP/1.1\r\nHost: pinchwork\r\nAccept: application/json\r\nAuthorization: Bearer ${agent.key}\r\n\r\n`;

/** Ordinary work of a new agent, with waits. */
async function work(attacked: Attacked): Promise<void> {
  const { id, key } = await attacked.client().register('honest');
  const ask = (send: (agent: Agent) => ReturnType<Client['send']>) => send(attacked.client().as({ id, key }));
  const task = await ask((agent) => agent.post('/v1/tasks', { need: 'Count the words', max_credits: 1 }));
  expectAllServed([
    task,
    await ask((agent) => agent.get('/v1/me')),
    await ask((agent) => agent.get('/v1/tasks/available')),
    await ask((agent) => agent.get(`/v1/tasks/${task.body.task_id}?wait=1`)),
    await ask((agent) => agent.post('/v1/tasks', { need: 'Another', max_credits: 1, wait: 1 })),
    await ask((agent) => agent.get('/v1/tasks/mine')),
  ]);
}

onBothEngines('attacks by what goes out', (engine) => {
  describe('replies', () => {
    it('of 3 MB to one agent, many at once, make no request of others fail', async () => {
      const attacked = await Attacked.open(engine, { reply_bytes: { most: 12 * mebibyte } });
      const [poster, worker] = [await attacked.client().register('poster'), await attacked.client().register('worker')];
      const task = await claimTask(poster, worker);
      await worker.post(`/v1/tasks/${task}/deliver`, { result: control.repeat(limits.resultLength) });
      await attacked.hold(30, get(poster, `/v1/tasks/${task}`));
      await work(attacked);
      const { reply_bytes: share } = attacked.core.shares;
      expectAllServed([await worker.get(`/v1/tasks/${task}`)]);
      expect(share.used).toBeLessThanOrEqual(12 * mebibyte);
    });

    it('to a repetition count as reads: when too much is in memory, only the change itself is answered', async () => {
      const attacked = await Attacked.open(engine, { reply_bytes: { most: mebibyte } });
      const [poster, worker] = [await attacked.client().register('poster'), await attacked.client().register('worker')];
      const task = await claimTask(poster, worker);
      const deliver = () =>
        worker.post(
          `/v1/tasks/${task}/deliver`,
          { result: control.repeat(limits.resultLength) },
          { 'idempotency-key': 'the same each time' },
        );
      expect((await deliver()).status).toBe(200);
      expect(await deliver()).toMatchObject({ status: 503, body: { code: 'overloaded' } });
      await work(attacked);
    });

    it('with a board full of control characters hold nobody up, and are of the usual size', async () => {
      const attacked = await Attacked.open(engine, {});
      const poster = await attacked.client().register('poster');
      const texts = { need: control.repeat(limits.needLength), context: control.repeat(limits.contextLength) };
      for (let i = 0; i < 27; i++) await postTask(poster, { ...texts, max_credits: 1 });
      await work(attacked);
      const honest = await attacked.client().register('honest');
      const board = await honest.get('/v1/tasks/available?limit=100');
      expect(board.body.tasks).toHaveLength(29);
      expect(Buffer.byteLength(board.text)).toBeLessThanOrEqual(limits.pageBytes);
    });
  });

  describe('waits', () => {
    it('of one agent beyond its number are refused, and those of others are not', async () => {
      const attacked = await Attacked.open(engine, {});
      const attacker = await attacked.client().register('attacker');
      const task = await postTask(attacker, { max_credits: 1 });
      const held = await attacked.hold(120, get(attacker, `/v1/tasks/${task}?wait=60`));
      await until(() => held.filter(({ received }) => received.startsWith('HTTP/1.1 429 ')).length === 110);
      await work(attacked);
      expect(attacked.core.shares.waits.heldBy(attacker.id)).toBe(10);
    });

    it('of a few agents that take all places yield to those of others', async () => {
      const attacked = await Attacked.open(engine, { waits: { most: 20 } });
      const held: Held[] = [];
      for (let i = 0; i < 2; i++) {
        const attacker = await attacked.client().register('attacker');
        const task = await postTask(attacker, { max_credits: 1 });
        held.push(...(await attacked.hold(10, get(attacker, `/v1/tasks/${task}?wait=60`))));
      }
      const { waits } = attacked.core.shares;
      await until(() => waits.used === 20);
      const honest = await attacked.client().register('honest');
      const task = await postTask(honest, { max_credits: 1 });
      const waiting = honest.get(`/v1/tasks/${task}?wait=60`);
      await until(() => waits.heldBy(honest.id) === 1);
      await work(attacked);
      expect(waits.cut).toBe(2);
      await until(() => held.filter(({ received }) => received.startsWith('HTTP/1.1 200 ')).length === 2);
      const worker = await attacked.client().register('worker');
      await worker.post(`/v1/tasks/${task}/pickup`);
      expect((await waiting).body.status).toBe('claimed');
    });
  });
});
