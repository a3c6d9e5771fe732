import { expect, it } from 'vitest';
import { minuteMs } from '../../src/ground/clock.ts';
import { disputeTask, registerJudges } from '../support/disputes.ts';
import { type Engine, onBothEngines } from '../support/engines.ts';
import { type Agent, claimTask, Market } from '../support/market.ts';

/** A market with three open disputes, one of which has judges, and three that have ended. */
async function disputingMarket(engine: Engine) {
  const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '1000' });
  const [poster, worker] = [await market.register('poster'), await market.register('worker')];
  const judges = await registerJudges(market, 3);
  const [friend, other] = [await market.register('friend'), await market.register('other')];
  const dealWith = async (agent: Agent) => {
    const task = await claimTask(poster, agent, { max_credits: 1 });
    await agent.post(`/v1/tasks/${task}/abandon`);
    await poster.post(`/v1/tasks/${task}/cancel`);
    return task;
  };
  await dealWith(friend);
  const othersTask = await dealWith(other);
  market.clock.advance(2 * minuteMs);
  const begin = (max_credits: number) => disputeTask(market, { poster, worker }, { max_credits });
  const [lost, ruled, conceded] = [await begin(10), await begin(10), await begin(10)];
  await market.admin.post(`/v1/admin/disputes/${lost.dispute}`, { worker_share: 0 });
  await market.admin.post(`/v1/admin/disputes/${ruled.dispute}`, { worker_share: 50 });
  await poster.post(`/v1/tasks/${conceded.task}/approve`);
  const judged = await begin(20);
  const seats = await engine.query(
    market.url,
    `select task_id from dispute_seats where dispute_id = '${judged.dispute}' order by task_id`,
  );
  const [{ task_id: seat }, { task_id: friendsSeat }] = seats as [{ task_id: string }, { task_id: string }];
  return {
    market,
    worker,
    judges,
    lost,
    ruled,
    conceded,
    judged,
    seat,
    friendsSeat,
    friend,
    other,
    othersTask,
    first: await begin(10),
    second: await begin(10),
  };
}

type Disputing = Awaited<ReturnType<typeof disputingMarket>>;

/** Damage to one dispute each, with the invariant and the subject that the audit must name. */
const damages: [invariant: string, damage: (market: Disputing) => string, subject: (market: Disputing) => string][] = [
  [
    'a disputed task has one open dispute, any other task none',
    ({ first }) => `update disputes set claim_number = 9 where id = '${first.dispute}'`,
    ({ first }) => first.task,
  ],
  [
    'an open dispute holds its deposit, an ended one nothing',
    ({ second }) => `update disputes set deposit = deposit + 1 where id = '${second.dispute}'`,
    ({ second }) => second.dispute,
  ],
  [
    'each dispute began and ended once in the history of its task, and its deposit was settled once',
    ({ lost }) => `delete from ledger_entries where account_id = '${lost.dispute}' and amount < 0`,
    ({ lost }) => lost.task,
  ],
  [
    'a deposit is lost only to a ruling of nothing, or to a withdrawal after an answer',
    ({ conceded, worker }) => `update ledger_entries set account_id = 'fees' where account_id = '${worker.id}'
      and transfer_id in (select transfer_id from ledger_entries where account_id = '${conceded.dispute}' and amount < 0)`,
    ({ conceded }) => conceded.dispute,
  ],
  [
    'a ruling charged its share of what the worker charged',
    ({ ruled }) => `update disputes set credits = credits + 1 where id = '${ruled.dispute}'`,
    ({ ruled }) => ruled.dispute,
  ],
  [
    'a seat is answered when its system task is paid, lost when it is cancelled, and else open',
    ({ seat }) => `update dispute_seats set status = 'answered' where task_id = '${seat}'`,
    ({ seat }) => seat,
  ],
  [
    'no dispute has more judges than it is to have, and none of them is a party',
    ({ judged }) => `update disputes set judges = 2 where id = '${judged.dispute}'`,
    ({ judged }) => judged.dispute,
  ],
  [
    'a judge had dealt with no party, had checked no delivery, and comes from the network of none, when it was drawn',
    ({ friendsSeat, friend }) => `update dispute_seats set judge_id = '${friend.id}' where task_id = '${friendsSeat}'`,
    ({ judged }) => judged.dispute,
  ],
  [
    'every claim that has ended is known to whoever draws judges',
    ({ other }) => `delete from dealings where worker_id = '${other.id}'`,
    ({ othersTask }) => othersTask,
  ],
];

onBothEngines('the audit of disputes', (engine) => {
  it('names each violation, and finds none before', async () => {
    const disputing = await disputingMarket(engine);
    const audit = async () => (await disputing.market.admin.get('/v1/admin/audit')).body.broken as unknown[];
    expect(await audit()).toEqual([]);
    await engine.vandalise(disputing.market.url, ...damages.map(([, damage]) => damage(disputing)));
    const broken = await audit();
    for (const [invariant, , subject] of damages) {
      expect(broken).toContainEqual({ invariant, subject: subject(disputing), detail: expect.any(String) });
    }
  });
});
