import { expect, it } from 'vitest';
import { hourMs } from '../../../src/ground/clock.ts';
import { type Cast, open, expectClean, rule, lost, eventsOf, answerAll } from '../../support/dispute-cast.ts';
import { disputeTask, judge, seated } from '../../support/disputes.ts';
import { onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';

interface Ending {
  readonly name: string;
  /** @returns what the poster or the worker was answered, if one of them ends it. */
  readonly end: (cast: Cast, disputed: { task: string; dispute: string }) => Promise<unknown>;
  readonly status: string;
  readonly share: number | null;
  /** What the poster pays of its 100, and what the worker has more or less at the end. */
  readonly paid: number;
  readonly gain: number;
  readonly task: string;
  /** Whether worker and poster have lost it, and whether the worker has completed a task. */
  readonly lost: readonly [worker: number, poster: number];
  readonly completed: number;
}

const byJudges =
  (...shares: number[]): Ending['end'] =>
  ({ market, judges }) =>
    answerAll(market, judges, shares);
const byOperator =
  (share: number): Ending['end'] =>
  async ({ market }, { dispute: id }) => {
    expect((await rule(market, id, share)).status).toBe(200);
  };

/** Of a task of 100 credits, all of them charged, with a fee of 10 percent and a deposit of 10. */
const endings: readonly Ending[] = [
  {
    name: 'three judges',
    end: byJudges(90, 10, 80),
    status: 'ruled',
    share: 80,
    paid: 80,
    gain: 72,
    task: 'approved',
    lost: [0, 1],
    completed: 1,
  },
  {
    name: 'a ruling of 50',
    end: byJudges(50, 50, 0),
    status: 'ruled',
    share: 50,
    paid: 50,
    gain: 45,
    task: 'approved',
    lost: [0, 1],
    completed: 1,
  },
  {
    name: 'a ruling below 50',
    end: byJudges(49, 49, 100),
    status: 'ruled',
    share: 49,
    paid: 49,
    gain: 45,
    task: 'approved',
    lost: [0, 0],
    completed: 0,
  },
  {
    name: 'a ruling of nothing',
    end: byJudges(0, 0, 100),
    status: 'ruled',
    share: 0,
    paid: 0,
    gain: -10,
    task: 'posted',
    lost: [1, 0],
    completed: 0,
  },
  {
    name: 'the operator',
    end: byOperator(33),
    status: 'ruled',
    share: 33,
    paid: 33,
    gain: 30,
    task: 'approved',
    lost: [0, 0],
    completed: 0,
  },
  {
    name: 'the operator, for nothing',
    end: byOperator(0),
    status: 'ruled',
    share: 0,
    paid: 0,
    gain: -10,
    task: 'posted',
    lost: [1, 0],
    completed: 0,
  },
  {
    name: 'the clock',
    end: ({ market }) => market.pass(72 * hourMs),
    status: 'defaulted',
    share: 0,
    paid: 0,
    gain: 0,
    task: 'expired',
    lost: [0, 0],
    completed: 0,
  },
  {
    name: 'a withdrawal before any answer',
    end: ({ worker }, { task }) => worker.post(`/v1/tasks/${task}/abandon`),
    status: 'withdrawn',
    share: null,
    paid: 0,
    gain: 0,
    task: 'posted',
    lost: [0, 0],
    completed: 0,
  },
  {
    name: 'a withdrawal after an answer',
    end: async (cast, { task }) => {
      await judge(cast.judges[1]!, 0);
      return cast.worker.post(`/v1/tasks/${task}/abandon`);
    },
    status: 'withdrawn',
    share: null,
    paid: 0,
    gain: -10,
    task: 'posted',
    lost: [0, 0],
    completed: 0,
  },
  {
    name: 'a concession',
    end: ({ poster }, { task }) => poster.post(`/v1/tasks/${task}/approve`, { rating: 4, feedback: 'You are right' }),
    status: 'conceded',
    share: 100,
    paid: 100,
    gain: 90,
    task: 'approved',
    lost: [0, 0],
    completed: 1,
  },
  {
    name: "the operator's cancel",
    end: async ({ market }, { task }) => {
      expect((await market.admin.post(`/v1/admin/tasks/${task}/cancel`, { reason: 'Spam' })).status).toBe(200);
    },
    status: 'cancelled',
    share: null,
    paid: 0,
    gain: 0,
    task: 'cancelled',
    lost: [0, 0],
    completed: 0,
  },
];

onBothEngines('a dispute ends by', (engine) => {
  it.each(endings)('$name, to the last credit', async ({ end, ...expected }) => {
    const cast = await open(engine);
    const { market, poster, worker, judges } = cast;
    const disputed = await disputeTask(market, cast);
    const reply = await end(cast, disputed);
    if (reply !== undefined)
      expect(reply).toMatchObject({ status: 200, body: { dispute: { status: expected.status } } });
    const { body } = await poster.get(`/v1/tasks/${disputed.task}`);
    expect(body).toMatchObject({
      status: expected.task,
      dispute: { status: expected.status, worker_share: expected.share },
    });
    expect(body.credits_charged).toBe(expected.task === 'approved' ? expected.paid : null);
    const held = expected.task === 'posted' ? 100 : 0;
    expect((await poster.get('/v1/me/credits')).body).toMatchObject({
      balance: 1_000 - expected.paid - held,
      escrowed: held,
    });
    expect((await worker.get('/v1/me/credits')).body).toMatchObject({ balance: 1_000 + expected.gain, escrowed: 0 });
    const profile = (await market.admin.get(`/v1/agents/${worker.id}`)).body;
    expect([profile.disputes_lost, profile.tasks_completed]).toEqual([expected.lost[0], expected.completed]);
    const [row] = await engine.query(
      market.url,
      `select disputes_lost_as_poster as n from agents where id = '${poster.id}'`,
    );
    expect(Number((row as { n: unknown }).n)).toBe(expected.lost[1]);
    expect((await eventsOf(poster)).slice(-2)).toContain('dispute_resolved');
    expect(await eventsOf(worker)).toContain('dispute_resolved');
    expect(await eventsOf(worker)).not.toContain('task_approved');
    if (expected.task === 'posted') {
      expectError(await worker.post(`/v1/tasks/${disputed.task}/pickup`), 409);
      expect((await worker.post('/v1/tasks/pickup')).status).toBe(204);
    }
    // It is over for everyone: no seat is left to take, and no second end.
    expect(await seated(judges)).toEqual([]);
    expectError(await rule(market, disputed.dispute, 50), 409);
    await expectClean(market);
  });

  it('a share of so little that it comes to no credits, which is a ruling of nothing in everything', async () => {
    const cast = await open(engine);
    const disputed = await disputeTask(cast.market, cast, { max_credits: 3 });
    await rule(cast.market, disputed.dispute, 33);
    expect((await cast.poster.get(`/v1/tasks/${disputed.task}`)).body).toMatchObject({
      status: 'posted',
      dispute: { worker_share: 0, explanation: 'So be it' },
    });
    expect(await cast.market.balanceOf(cast.worker)).toBe(999);
    expect(await lost(cast.market, cast.worker)).toBe(1);
    await expectClean(cast.market);
  });
});
