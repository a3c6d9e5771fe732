import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import { Cluster } from '../support/cluster.ts';
import { verdict } from '../support/disputes.ts';
import { itOnPostgres, postgres } from '../support/engines.ts';
import { type Agent, adminKey, type Reply } from '../support/market.ts';
import { Random, testSeed } from '../support/random.ts';
import { scale } from '../support/scale.ts';

/**
 * Disputes on three nodes of one database, one of which is killed every now and then. Rivals end each dispute at the same
 * moment, each through whichever node comes next, and repeat a request that got no answer with its idempotency key.
 */
type Account = Pick<Agent, 'id' | 'key'>;

const rounds = scale('DISPUTE_ROUNDS', { short: 1, long: 4 });
const repliesPerKill = 60;
const initialCredits = 1_000;
const price = 40;
const deposit = 4;
const seatPay = 5;
const admin: Account = { id: 'admin', key: adminKey };

class Court {
  readonly #cluster: Cluster;
  #keys = 0;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Sends a request, and repeats it with its idempotency key until it is answered. */
  async post(agent: Account | undefined, path: string, body?: object): Promise<Reply> {
    const headers = { 'idempotency-key': `request of disputes ${++this.#keys}` };
    for (;;) {
      const reply = await this.#cluster.post(agent, path, body, headers);
      if (reply !== undefined) return reply;
    }
  }

  /** The same for a request that nothing can refuse. */
  async must(agent: Account | undefined, path: string, body?: object): Promise<Reply['body']> {
    const { status, text, body: reply } = await this.post(agent, path, body);
    if (status > 201) throw new Error(`${path} answered ${status}: ${text}`);
    return reply;
  }

  async read(agent: Account, path: string): Promise<Reply['body']> {
    for (;;) {
      const reply = await this.#cluster.get(agent, path);
      if (reply?.status === 200) return reply.body;
      if (reply !== undefined) throw new Error(`${path} answered ${reply.status}: ${reply.text}`);
    }
  }

  async register(name: string, more: object = {}): Promise<Account> {
    const { agent_id, api_key } = await this.must(undefined, '/v1/register', { name, ...more });
    return { id: agent_id, key: api_key };
  }
}

interface Scene {
  readonly poster: Account;
  readonly worker: Account;
  readonly task: string;
  readonly dispute: string;
  readonly answer: () => Promise<Reply>;
}

type Act = (court: Court, scene: Scene) => Promise<Reply>;

const concede: Act = (court, { poster, task }) => court.post(poster, `/v1/tasks/${task}/approve`);
const withdraw: Act = (court, { worker, task }) => court.post(worker, `/v1/tasks/${task}/abandon`);
const cancel: Act = (court, { task }) => court.post(admin, `/v1/admin/tasks/${task}/cancel`, { reason: 'So' });
const answer: Act = (_, scene) => scene.answer();
const rule =
  (worker_share: number): Act =>
  (court, { dispute }) =>
    court.post(admin, `/v1/admin/disputes/${dispute}`, { worker_share });

/** An answer of the only judge decides, and the clock of any node ends the dispute. */
const races: readonly (readonly [Act, Act])[] = [
  [concede, rule(30)],
  [withdraw, rule(30)],
  [concede, withdraw],
  [rule(70), rule(0)],
  [cancel, concede],
  [answer, rule(0)],
  [answer, withdraw],
  [answer, concede],
  [answer, cancel],
];

/** A disputed task whose judge has picked up its seat. Two disputes begin at the same moment; one is refused. */
async function open(court: Court, judges: readonly Account[]): Promise<Scene> {
  const [poster, worker] = [await court.register('poster'), await court.register('worker')];
  const { task_id: task } = await court.must(poster, '/v1/tasks', { need: 'Count', max_credits: price });
  await court.must(worker, `/v1/tasks/${task}/pickup`);
  await court.must(worker, `/v1/tasks/${task}/deliver`, { result: 'Seven' });
  await court.must(poster, `/v1/tasks/${task}/reject`, { reason: 'No' });
  const begin = () => court.post(worker, `/v1/tasks/${task}/dispute`, { reason: 'It is right' });
  const begun = await Promise.all([begin(), begin()]);
  expect(begun.map(({ status }) => status).sort()).toEqual([201, 409]);
  const dispute = begun.find(({ status }) => status === 201)!.body.dispute_id as string;
  for (;;) {
    const [seat] = (await court.read(admin, `/v1/admin/disputes/${dispute}`)).seats as {
      judge_id: string;
      task_id: string;
    }[];
    if (seat === undefined) {
      await pause(50);
      continue;
    }
    const judge = judges.find(({ id }) => id === seat.judge_id)!;
    await court.must(judge, `/v1/tasks/${seat.task_id}/pickup`);
    const path = `/v1/tasks/${seat.task_id}/deliver`;
    return { poster, worker, task, dispute, answer: () => court.post(judge, path, { result: verdict(80) }) };
  }
}

/** What the parties of an ended dispute must have. */
function gains({ dispute, seats }: Reply['body']): { worker: number; poster: number } {
  const { status, credits } = dispute as { status: string; credits: number };
  const hasAnswer = (seats as { status: string }[]).some((seat) => seat.status === 'answered');
  const isLost = (status === 'ruled' && credits === 0) || (status === 'withdrawn' && hasAnswer);
  return { worker: credits - Math.floor(credits / 10) - (isLost ? deposit : 0), poster: -credits };
}

itOnPostgres(
  'disputes that two end at once, on three nodes of which one is killed again and again, end once and to the credit',
  { timeout: 600_000 },
  async () => {
    console.log(`${rounds} rounds, seed ${testSeed}`);
    const random = new Random(testSeed);
    const cluster = await Cluster.start(await postgres.marketUrl(), 3, {
      PINCHWORK_INITIAL_CREDITS: String(initialCredits),
      PINCHWORK_INFRA_AGENTS: 'granted',
      PINCHWORK_DISPUTE_JUDGES: '1',
      PINCHWORK_SYSTEM_CREDITS_PER_HOUR: 'off',
    });
    const court = new Court(cluster);
    const judges: Account[] = [];
    for (let i = 0; i < 6; i++) {
      const judge = await court.register(`judge ${i}`, { accepts_system_tasks: true, judges_disputes: true });
      await court.must(admin, `/v1/admin/agents/${judge.id}`, { judges_disputes: true });
      judges.push(judge);
    }
    let goesOn = true;
    let kills = 0;
    const killing = async () => {
      while (goesOn) {
        await Promise.race([cluster.front.untilReplies(repliesPerKill), pause(5_000)]);
        await cluster.killNode(random.below(cluster.size));
        kills++;
      }
    };
    let answers = 0;
    const ended: Scene[] = [];
    const run = async () => {
      for (let round = 0; round < rounds; round++) {
        const played = races.map(async ([one, other]) => {
          const scene = await open(court, judges);
          const acts = random.below(2) === 0 ? [one, other] : [other, one];
          const replies = await Promise.all(acts.map((act) => act(court, scene)));
          for (const { status } of replies) expect([200, 409]).toContain(status);
          const isWon = replies.map(({ status }) => status === 200);
          if (acts.includes(answer)) answers += Number(isWon[acts.indexOf(answer)]);
          else expect(isWon.filter(Boolean)).toHaveLength(1);
          expect(isWon).toContain(true);
          while ((await court.read(admin, `/v1/admin/disputes/${scene.dispute}`)).dispute.status === 'open')
            await pause(50);
          // An answer after the end is paid too, and a judge that answers has room for other seats.
          if (!acts.includes(answer)) {
            expect((await scene.answer()).status).toBe(200);
            answers++;
          }
          // What is back on the board comes to nobody.
          if ((await court.read(scene.poster, `/v1/tasks/${scene.task}`)).status === 'posted')
            await court.must(scene.poster, `/v1/tasks/${scene.task}/cancel`);
          ended.push(scene);
        });
        await Promise.all(played);
      }
    };
    const killed = killing();
    await run().finally(() => (goesOn = false));
    await killed;

    expect(kills).toBeGreaterThan(0);
    expect(ended).toHaveLength(rounds * races.length);
    for (const { poster, worker, dispute } of ended) {
      const gain = gains(await court.read(admin, `/v1/admin/disputes/${dispute}`));
      for (const [party, more] of [
        [poster, gain.poster],
        [worker, gain.worker],
      ] as const) {
        const { balance, escrowed } = await court.read(party, '/v1/me/credits');
        expect({ balance, escrowed }).toEqual({ balance: initialCredits + more, escrowed: 0 });
        const { events } = await court.read(party, '/v1/events/history');
        const resolved = (events as { type: string }[]).filter(({ type }) => type === 'dispute_resolved');
        expect(resolved).toHaveLength(1);
      }
    }
    const balances = await Promise.all(judges.map((judge) => court.read(judge, '/v1/me/credits')));
    const paid = balances.reduce<number>((sum, { balance }) => sum + Number(balance) - initialCredits, 0);
    expect(paid).toBe(answers * seatPay);
    expect(await court.read(admin, '/v1/admin/audit')).toMatchObject({ ok: true, broken: [] });
  },
);
