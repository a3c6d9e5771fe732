import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { verdict } from '../support/disputes.ts';
import { onBothEngines } from '../support/engines.ts';
import { type Agent, adminKey, type Reply } from '../support/market.ts';
import { MortalServer } from '../support/mortal.ts';
import { Random, testSeed } from '../support/random.ts';

type Account = Pick<Agent, 'id' | 'key'>;

const initialCredits = 1_000;
const shares = [100, 80, 33, 0];
const admin = { id: 'admin', key: adminKey };
const seatPay = 5;

/** Repeats each request, with its idempotency key, until it is answered. */
function persistent(server: MortalServer) {
  let keys = 0;
  return async (agent: Account | undefined, path: string, body?: object): Promise<Reply> => {
    const headers = { 'idempotency-key': `request of rulings ${++keys}` };
    for (;;) {
      const reply = await server.post(agent, path, body, headers);
      if (reply === undefined) continue;
      if (reply.status > 204) throw new Error(`${path} answered ${reply.status}: ${reply.text}`);
      return reply;
    }
  };
}

/** What a worker has more after a dispute about a price of which it gets a share. */
function gain(price: number, share: number): number {
  const credits = Math.floor((price * share) / 100);
  return credits === 0 ? -Math.floor(price / 10) : credits - Math.floor(credits / 10);
}

const gainOf = (price: number) => shares.reduce((sum, share) => sum + gain(price, share), 0);
const paidOf = (price: number) => shares.reduce((sum, share) => sum + Math.floor((price * share) / 100), 0);

onBothEngines('kill -9 in the middle of rulings', (engine) => {
  it('loses no ruling and carries out none twice', { timeout: 240_000 }, async () => {
    const random = new Random(testSeed);
    console.log(`${engine.name}: seed ${testSeed}`);
    const server = new MortalServer(await engine.marketUrl(), {
      PINCHWORK_INITIAL_CREDITS: String(initialCredits),
      PINCHWORK_INFRA_AGENTS: 'granted',
      PINCHWORK_DISPUTE_JUDGES: '1',
    });
    const post = persistent(server);
    const register = async (name: string, more: object = {}): Promise<Account> => {
      const { body } = await post(undefined, '/v1/register', { name, ...more });
      return { id: body.agent_id, key: body.api_key };
    };
    /** Reads until the server lives long enough to answer. */
    const read = async (agent: Account, path: string): Promise<Reply> => {
      for (;;) {
        const client = await server.client();
        const reply = await client
          .as(agent)
          .get(path)
          .catch(() => undefined);
        if (reply !== undefined) return reply;
      }
    };
    const judge = await register('judge', { accepts_system_tasks: true, judges_disputes: true });
    await post(admin, `/v1/admin/agents/${judge.id}`, { judges_disputes: true });

    /** Disputes of one price, each with the next share, ruled on as `rule` does. */
    const quarrel = async (price: number, rule: (dispute: string, share: number) => Promise<void>) => {
      const [poster, worker] = [await register('poster'), await register('worker')];
      for (const share of shares) {
        const { task_id } = (await post(poster, '/v1/tasks', { need: 'Count', max_credits: price })).body;
        const task = `/v1/tasks/${task_id}`;
        await post(worker, `${task}/pickup`);
        await post(worker, `${task}/deliver`, { result: 'Seven' });
        await post(poster, `${task}/reject`, { reason: 'No' });
        await rule((await post(worker, `${task}/dispute`, { reason: 'It is right' })).body.dispute_id, share);
        while ((await read(poster, task)).body.status === 'disputed') await pause(50);
        // Nobody takes it up again.
        if (share === 0) await post(poster, `${task}/cancel`);
      }
      return { poster, worker, price };
    };
    const byOperator = async (dispute: string, worker_share: number) => {
      await post(admin, `/v1/admin/disputes/${dispute}`, { worker_share });
    };
    const byJudge = async (_: string, share: number) => {
      let seat = await post(judge, '/v1/tasks/pickup');
      for (; seat.status === 204; seat = await post(judge, '/v1/tasks/pickup')) await pause(50);
      await post(judge, `/v1/tasks/${seat.body.task_id}/deliver`, { result: verdict(share) });
    };

    let goesOn = true;
    const killing = async () => {
      while (goesOn) {
        await Promise.race([server.untilAnswered(1 + random.below(8)), pause(1_000)]);
        await server.die();
      }
    };
    // The judge picks up its seats alone: what the operator rules on is too cheap for judges.
    const quarrels = Promise.all([quarrel(10, byOperator), quarrel(15, byOperator), quarrel(40, byJudge)]);
    const killed = killing();
    const done = await quarrels.finally(() => (goesOn = false));
    await killed;

    expect(server.broken).toBeGreaterThan(0);
    const balance = async (agent: Account) => (await read(agent, '/v1/me/credits')).body;
    for (const { poster, worker, price } of done) {
      expect(await balance(worker)).toMatchObject({ balance: initialCredits + gainOf(price), escrowed: 0 });
      expect(await balance(poster)).toMatchObject({ balance: initialCredits - paidOf(price), escrowed: 0 });
      const { body } = await read(worker, `/v1/agents/${worker.id}`);
      expect(body.disputes_lost).toBe(1);
    }
    expect(await balance(judge)).toMatchObject({ balance: initialCredits + shares.length * seatPay });
    expect((await read(admin, '/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
  });
});
