import type { SeatRow } from '@pinchwork/sdk/table';
import fc from 'fast-check';
import { expect } from 'vitest';
import { hourMs, minuteMs, secondMs } from '../../src/ground/clock.ts';
import type { Agent, Reply } from '../support/market.ts';
import type { ModelTask } from './model-state.ts';
import { type Real, verify } from './real.ts';
import { type Model, wholeSecond } from './model.ts';

/** A step of a random walk: carried out by the server and by the model, whose answers must be equal. */
type Action = (model: Model, real: Real) => Promise<void>;

class Step implements fc.AsyncCommand<Model, Real> {
  readonly #name: string;
  readonly #action: Action;

  constructor(name: string, action: Action) {
    this.#name = name;
    this.#action = action;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, real: Real): Promise<void> {
    await this.#action(model, real);
    real.steps.count++;
    await verify(model, real);
  }

  toString(): string {
    return this.#name;
  }
}

export const agentCount = 4;
const agent = fc.nat(agentCount - 1);
/** Tasks are chosen from the newest, so that several steps concern the same task. */
const recent = fc.nat(5);
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });
const tagNames = ['alpha', 'beta'];

/** A step by one agent on one task; it does nothing while there is no task. */
function onTask(name: string, act: (model: Model, real: Real, who: number, task: ModelTask) => Promise<void>) {
  return fc.tuple(agent, recent).map(
    ([who, back]) =>
      new Step(`${name}(agent ${who}, ${back} back)`, async (model, real) => {
        const task = model.tasks.at(-1 - back);
        if (task !== undefined) await act(model, real, who, task);
      }),
  );
}

/** A post with an idempotency key. The repetition must have the same answer and change nothing. */
async function postTwice(real: Real, who: Agent, path: string, body: object): Promise<Reply> {
  const headers = { 'idempotency-key': `step-${real.steps.count}-${real.keys++}` };
  const first = await who.post(path, body, headers);
  if (first.status === 200 || first.status === 201) {
    const again = await who.post(path, body, headers);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(again.body).toEqual(first.body);
  }
  return first;
}

const acceptance = { must_match: ['^result'] };

const create = fc
  .record({
    who: agent,
    price: fc.integer({ min: 1, max: 60 }),
    tags: fc.subarray(tagNames),
    deadline: orNull(fc.constantFrom(1, 4, 6, 1500)),
    review: orNull(fc.constantFrom(1, 10)),
    claim: orNull(fc.constantFrom(1, 6, 20)),
    grace: orNull(fc.constantFrom(5, 7, 90)),
    checks: orNull(fc.constantFrom('checked', 'approved at once')),
    heartbeat: fc.option(fc.constantFrom(1, 5, 6), { nil: null, freq: 2 }),
  })
  .map(
    ({ who, price, tags, deadline, review, claim, grace, heartbeat, checks }) =>
      new Step(`create(agent ${who}, ${price} credits)`, async (model, real) => {
        const need = `task ${model.tasks.length}`;
        const { status, body } = await postTwice(real, real.agents[who]!, '/v1/tasks', {
          need,
          max_credits: price,
          tags,
          deadline_minutes: deadline,
          review_timeout_minutes: review,
          claim_timeout_minutes: claim,
          grace_minutes: grace,
          heartbeat_minutes: heartbeat,
          ...(checks === null ? {} : { acceptance }),
          ...(checks === 'approved at once' ? { auto_approve: true } : {}),
        });
        const affordable = price <= model.agents[who]!.balance;
        expect(status).toBe(model.isSuspended(who) ? 403 : affordable ? 201 : 402);
        if (status !== 201) return;
        model.post({
          id: body.task_id,
          need,
          poster: who,
          tags,
          price,
          deadline: deadline === null ? null : wholeSecond(model.now + deadline * minuteMs),
          reviewMinutes: review,
          claimMinutes: claim,
          graceMinutes: grace,
          heartbeatMinutes: heartbeat,
          isChecked: checks !== null,
          approvesAtOnce: checks === 'approved at once',
        });
      }),
  );

const pickup = onTask('pickup', async (model, real, who, task) => {
  const { status, body } = await real.agents[who]!.post(`/v1/tasks/${task.id}/pickup`);
  expect(status).toBe(model.claim(who, task));
  if (status === 200) expect(body.claim_number).toBe(task.claim);
});

/** The reason why an agent may not pick up anything. */
const barred = (model: Model, who: number) => (model.isSuspended(who) ? 403 : model.isPaused(who) ? 429 : undefined);

const pickupNext = fc.tuple(agent, orNull(fc.constantFrom(...tagNames))).map(
  ([who, tag]) =>
    new Step(`pickupNext(agent ${who}, ${tag})`, async (model, real) => {
      const [next] = model.board(who, tag);
      const { status, body } = await real.agents[who]!.post(
        `/v1/tasks/pickup${tag === null ? '' : `?tags=${tag.toUpperCase()}`}`,
      );
      expect(status).toBe(barred(model, who) ?? (next === undefined ? 204 : 200));
      if (next === undefined || status !== 200) return;
      expect(body.task_id).toBe(next.id);
      model.claim(who, next);
    }),
);

const pickupBatch = fc.tuple(agent, fc.integer({ min: 1, max: 4 })).map(
  ([who, count]) =>
    new Step(`pickupBatch(agent ${who}, ${count})`, async (model, real) => {
      const expected = model.board(who, null).slice(0, count);
      const { status, body } = await postTwice(real, real.agents[who]!, '/v1/tasks/pickup/batch', { count });
      expect(status).toBe(barred(model, who) ?? 200);
      if (status !== 200) return;
      expect(body.tasks.map(({ task_id }: { task_id: string }) => task_id)).toEqual(expected.map(({ id }) => id));
      for (const task of expected) model.claim(who, task);
    }),
);

/** How a result begins: as tasks with an acceptance want it, or not. */
const word = fc.constantFrom('result', 'result', 'nothing');

const deliver = fc
  .tuple(orNull(fc.integer({ min: 1, max: 80 })), orNull(fc.integer({ min: 1, max: 3 })), word)
  .chain(([credits, claim, first]) =>
    onTask(`deliver ${first} ${credits} claim ${claim}`, async (model, real, who, task) => {
      const result = `${first} ${real.steps.count}`;
      const body = { result, credits_claimed: credits, claim_number: claim };
      const { status } = await postTwice(real, real.agents[who]!, `/v1/tasks/${task.id}/deliver`, body);
      expect(status).toBe(model.deliver(who, task, { result, credits, claim }));
    }),
  );

const heartbeat = fc
  .tuple(orNull(fc.constantFrom(0, 50, 100)), orNull(fc.integer({ min: 1, max: 3 })))
  .chain(([progress, claim]) =>
    onTask(`heartbeat ${progress} claim ${claim}`, async (model, real, who, task) => {
      const body = { progress, claim_number: claim };
      const { status } = await postTwice(real, real.agents[who]!, `/v1/tasks/${task.id}/heartbeat`, body);
      expect(status).toBe(model.heartbeat(who, task, progress, claim));
    }),
  );

/** The worker reports. */
const heartbeatOwn = fc.tuple(recent, orNull(fc.constantFrom(10, 90))).map(
  ([back, progress]) =>
    new Step(`heartbeatOwn(${back} back, ${progress})`, async (model, real) => {
      const task = model.tasks.filter(({ status }) => status === 'claimed').at(-1 - back);
      if (task?.worker == null) return;
      const { status } = await real.agents[task.worker]!.post(`/v1/tasks/${task.id}/heartbeat`, { progress });
      expect(status).toBe(model.heartbeat(task.worker, task, progress, null));
    }),
);

/** The worker delivers: most random pairs of agent and task would be refused. */
const deliverOwn = fc.tuple(recent, word).map(
  ([back, first]) =>
    new Step(`deliverOwn(${back} back, ${first})`, async (model, real) => {
      const task = model.tasks.filter(({ status }) => status === 'claimed').at(-1 - back);
      if (task?.worker == null) return;
      const result = `${first} ${real.steps.count}`;
      const { status } = await real.agents[task.worker]!.post(`/v1/tasks/${task.id}/deliver`, { result });
      expect(status).toBe(model.deliver(task.worker, task, { result }));
    }),
);

const approve = orNull(fc.integer({ min: 1, max: 5 })).chain((rating) =>
  onTask(`approve ${rating}`, async (model, real, who, task) => {
    const { status } = await postTwice(real, real.agents[who]!, `/v1/tasks/${task.id}/approve`, { rating });
    expect(status).toBe(model.approve(who, task, rating));
  }),
);

const reject = fc.boolean().chain((exclude) =>
  onTask(`reject${exclude ? ' and exclude' : ''}`, async (model, real, who, task) => {
    const body = { reason: 'Not so', exclude };
    const { status } = await postTwice(real, real.agents[who]!, `/v1/tasks/${task.id}/reject`, body);
    expect(status).toBe(model.reject(who, task, exclude));
  }),
);

/** The poster reviews. */
const reviewOwn = fc.tuple(recent, fc.boolean()).map(
  ([back, approves]) =>
    new Step(`${approves ? 'approveOwn' : 'rejectOwn'}(${back} back)`, async (model, real) => {
      const task = model.tasks.filter(({ status }) => status === 'delivered').at(-1 - back);
      if (task === undefined) return;
      const poster = real.agents[task.poster]!;
      const { status } = approves
        ? await poster.post(`/v1/tasks/${task.id}/approve`)
        : await poster.post(`/v1/tasks/${task.id}/reject`, { reason: 'Not so' });
      expect(status).toBe(approves ? model.approve(task.poster, task, null) : model.reject(task.poster, task, false));
    }),
);

const abandon = orNull(fc.integer({ min: 1, max: 3 })).chain((claim) =>
  onTask(`abandon claim ${claim}`, async (model, real, who, task) => {
    const { status } = await postTwice(real, real.agents[who]!, `/v1/tasks/${task.id}/abandon`, {
      claim_number: claim,
    });
    expect(status).toBe(model.abandon(who, task, claim));
  }),
);

/** The newest but `back` of some tasks, or one of the few that there are. */
const oneOf = (tasks: readonly ModelTask[], back: number) => tasks.at(-1 - (back % Math.max(1, tasks.length)));

const disputeOwn = recent.map(
  (back) =>
    new Step(`disputeOwn(${back} back)`, async (model, real) => {
      const rejected = model.tasks.filter(({ status, graceEnd }) => status === 'claimed' && graceEnd !== null);
      const task = oneOf(rejected, back);
      if (task?.worker != null) await disputeAs(model, real, task.worker, task);
    }),
);

/** A worker delivers if it has not, its poster rejects, and the worker disputes: random steps seldom come to that. */
const quarrel = recent.map(
  (back) =>
    new Step(`quarrel(${back} back)`, async (model, real) => {
      const held = model.tasks.filter(({ status }) => status === 'claimed' || status === 'delivered');
      const task = oneOf(held, back);
      if (task?.worker == null) return;
      const { id, worker: who, poster } = task;
      if (task.status === 'claimed') {
        const result = `result ${real.steps.count}`;
        const delivered = await real.agents[who]!.post(`/v1/tasks/${id}/deliver`, { result });
        expect(delivered.status).toBe(model.deliver(who, task, { result }));
      }
      const rejected = await real.agents[poster]!.post(`/v1/tasks/${id}/reject`, { reason: 'Not so' });
      expect(rejected.status).toBe(model.reject(poster, task, false));
      await disputeAs(model, real, who, task);
    }),
);

async function disputeAs(model: Model, real: Real, who: number, task: ModelTask): Promise<void> {
  const { status, body } = await postTwice(real, real.agents[who]!, `/v1/tasks/${task.id}/dispute`, { reason: 'So' });
  expect(status).toBe(model.dispute(who, task));
  if (status === 201) model.openDispute(task, { id: body.dispute_id, deposit: body.deposit });
}

const dispute = onTask('dispute', disputeAs);

/** A step on one of the disputed tasks; it does nothing while there is none. */
const onDisputed = (name: string, act: (model: Model, real: Real, task: ModelTask) => Promise<void>) =>
  fc.nat(2).map(
    (back) =>
      new Step(`${name}(${back} back)`, async (model, real) => {
        const disputed = model.tasks.filter(({ status }) => status === 'disputed');
        const task = oneOf(disputed, back);
        if (task !== undefined) await act(model, real, task);
      }),
  );

const share = fc.oneof(fc.constantFrom(0, 1, 49, 50, 100), fc.integer({ min: 0, max: 100 }));

/** The operator rules. */
const rule = share.chain((worker_share) =>
  onDisputed(`rule ${worker_share}`, async (model, real, task) => {
    const { status } = await postTwice(real, real.market.admin, `/v1/admin/disputes/${task.dispute!.id}`, {
      worker_share,
    });
    expect(status).toBe(model.rule(task, worker_share));
  }),
);

/** Seats are drawn, and some of their judges answer, in any order. */
const judging = fc.array(share, { minLength: 1, maxLength: 3 }).chain((shares) =>
  onDisputed(`judges answer ${shares.join(', ')}`, async (model, real, task) => {
    await real.market.ctx.judging.pass();
    const { body } = await real.market.admin.get(`/v1/admin/disputes/${task.dispute!.id}`);
    const seats = body.seats.filter(({ status }: SeatRow) => status === 'open') as SeatRow[];
    for (const [i, { judge_id, task_id, drawn_at }] of seats.slice(0, shares.length).entries()) {
      const judge = real.judges.find(({ id }) => id === judge_id)!;
      const isLate = wholeSecond(Date.parse(drawn_at) + 30 * minuteMs) <= model.now;
      const { status } = await judge.post(`/v1/tasks/${task_id}/pickup`);
      expect(status).toBe(isLate ? 409 : 200);
      if (isLate) continue;
      const answer = { worker_share: shares[i], explanation: 'So' };
      expect((await postTwice(real, judge, `/v1/tasks/${task_id}/deliver`, answer)).status).toBe(200);
      model.answer(task, shares[i]!);
    }
  }),
);

/** A party ends its dispute. */
const endOwn = fc.boolean().chain((concedes) =>
  onDisputed(concedes ? 'concede' : 'withdraw', async (model, real, task) => {
    const who = concedes ? task.poster : task.worker!;
    const verb = concedes ? 'approve' : 'abandon';
    const { status } = await postTwice(real, real.agents[who]!, `/v1/tasks/${task.id}/${verb}`, {});
    expect(status).toBe(concedes ? model.approve(who, task, null) : model.abandon(who, task, null));
  }),
);

const rate = fc.integer({ min: 1, max: 5 }).chain((rating) =>
  onTask(`rate ${rating}`, async (model, real, who, task) => {
    const { status } = await postTwice(real, real.agents[who]!, `/v1/tasks/${task.id}/rate`, { rating });
    expect(status).toBe(model.rate(who, task, rating));
  }),
);

/** The worker rates. */
const rateOwn = fc.tuple(recent, fc.integer({ min: 1, max: 5 })).map(
  ([back, rating]) =>
    new Step(`rateOwn(${back} back, ${rating})`, async (model, real) => {
      const task = model.tasks.filter(({ status }) => status === 'approved').at(-1 - back);
      if (task?.worker == null) return;
      const { status } = await real.agents[task.worker]!.post(`/v1/tasks/${task.id}/rate`, { rating });
      expect(status).toBe(model.rate(task.worker, task, rating));
    }),
);

const cancel = onTask('cancel', async (model, real, who, task) => {
  const { status } = await postTwice(real, real.agents[who]!, `/v1/tasks/${task.id}/cancel`, {});
  expect(status).toBe(model.cancel(who, task));
});

const grant = fc.tuple(agent, fc.integer({ min: 1, max: 50 })).map(
  ([who, amount]) =>
    new Step(`grant(agent ${who}, ${amount})`, async (model, real) => {
      const { id } = real.agents[who]!;
      const { status } = await postTwice(real, real.market.admin, '/v1/admin/credits/grant', { agent_id: id, amount });
      expect(status).toBe(200);
      model.agents[who]!.balance += amount;
    }),
);

const suspension = (suspended: boolean) =>
  agent.map(
    (who) =>
      new Step(`${suspended ? 'suspend' : 'unsuspend'}(agent ${who})`, async (model, real) => {
        const body = { agent_id: real.agents[who]!.id, suspended };
        const { status } = await postTwice(real, real.market.admin, '/v1/admin/agents/suspend', body);
        expect(status).toBe(200);
        if (suspended) model.suspend(who);
        else model.unsuspend(who);
      }),
  );

const unknownTask = fc
  .tuple(agent, fc.constantFrom('pickup', 'deliver', 'heartbeat', 'approve', 'reject', 'cancel', 'abandon'))
  .map(
    ([who, verb]) =>
      new Step(`${verb} an unknown task`, async (model, real) => {
        const body = { result: 'x', reason: 'x' };
        const { status } = await real.agents[who]!.post(`/v1/tasks/tk-000000000000/${verb}`, body);
        const refusal = verb === 'pickup' ? barred(model, who) : model.isSuspended(who) ? 403 : undefined;
        expect(status).toBe(refusal ?? 404);
      }),
  );

/** Time moves forward or back without a pass of the clock: deadlines must hold all the same. */
const jump = fc
  .constantFrom(250, secondMs, 30 * secondMs, minuteMs, 5 * minuteMs, hourMs, 25 * hourMs, -minuteMs, -hourMs)
  .map((ms) => new Step(`jump(${ms} ms)`, async (model, real) => advance(model, real, ms)));

/** Moves to the millisecond at which something is due, or to the one before or after. */
const jumpToDue = fc.constantFrom(-1, 0, 1).map(
  (beside) =>
    new Step(`jumpToDue(${beside})`, async (model, real) => {
      const due = model.nextDue();
      if (due !== undefined) advance(model, real, due + beside - model.now);
    }),
);

function advance(model: Model, real: Real, ms: number): void {
  model.now += ms;
  real.market.clock.advance(ms);
}

const runClock = fc.constant(null).map(
  () =>
    new Step('runClock', async (model, real) => {
      await real.market.ctx.timers.runDue();
      model.runClock();
      real.steps.clockRan = true;
    }),
);

const restart = fc.constant(null).map(() => new Step('restart', (_model, real) => real.restart()));

/** Steps that move a task forward are chosen more often. */
export const allCommands: fc.Arbitrary<Step>[] = [
  create,
  create,
  create,
  pickup,
  pickupNext,
  pickupNext,
  pickupBatch,
  heartbeat,
  heartbeatOwn,
  heartbeatOwn,
  deliver,
  deliverOwn,
  deliverOwn,
  approve,
  reject,
  reviewOwn,
  reviewOwn,
  abandon,
  dispute,
  disputeOwn,
  quarrel,
  quarrel,
  judging,
  judging,
  rule,
  endOwn,
  rate,
  rateOwn,
  cancel,
  suspension(true),
  suspension(false),
  suspension(false),
  grant,
  unknownTask,
  jump,
  jumpToDue,
  runClock,
  runClock,
  restart,
];
