import fc from 'fast-check';
import { expect } from 'vitest';
import { hourMs, minuteMs, secondMs } from '../../src/ground/clock.ts';
import { cancelByOperator, disputeCommands } from './dispute-commands.ts';
import type { Model } from './model.ts';
import { nextDue, wholeSecond } from './model-state.ts';
import type { Real } from './real.ts';
import { agent, barred, onTask, orNull, postTwice, recent, Step } from './steps.ts';
import { until } from '../support/until.ts';

const acceptance = { must_match: ['^result'] };
const tagNames = ['alpha', 'beta'];

/** What a poster says who says nothing. */
const plain = {
  deadline: null,
  reviewMinutes: null,
  claimMinutes: null,
  graceMinutes: null,
  heartbeatMinutes: null,
  isChecked: false,
  approvesAtOnce: false,
  chosen: null,
};

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
    forAgents: fc.option(fc.uniqueArray(agent, { minLength: 1 }), { nil: [], freq: 3 }),
  })
  .map(
    ({ who, price, tags, deadline, review, claim, grace, heartbeat, checks, forAgents }) =>
      new Step(`create(agent ${who}, ${price} credits)`, async (model, real) => {
        const need = `task ${model.tasks.length}`;
        const chosen = forAgents.filter((each) => each !== who && !model.isSuspended(each));
        const { status, body } = await postTwice(real, real.agents[who]!, '/v1/tasks', {
          need,
          max_credits: price,
          tags,
          deadline_minutes: deadline,
          review_timeout_minutes: review,
          claim_timeout_minutes: claim,
          grace_minutes: grace,
          heartbeat_minutes: heartbeat,
          ...(chosen.length === 0 ? {} : { for_agents: chosen.map((each) => real.agents[each]!.id) }),
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
          chosen: chosen.length === 0 ? null : new Set(chosen),
        });
      }),
  );

const pickup = onTask('pickup', async (model, real, who, task) => {
  const { status, body } = await real.agents[who]!.post(`/v1/tasks/${task.id}/pickup`);
  expect(status).toBe(model.claim(who, task));
  if (status === 200) expect(body.claim_number).toBe(task.claim);
});

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

const cancelAny = recent.map(
  (back) =>
    new Step(`the operator cancels(${back} back)`, async (model, real) => {
      const task = model.tasks.at(-1 - back);
      if (task !== undefined) await cancelByOperator(model, real, task);
    }),
);

const decline = onTask('decline', async (model, real, who, task) => {
  const { status } = await postTwice(real, real.agents[who]!, `/v1/tasks/${task.id}/decline`, {});
  expect(status).toBe(model.decline(who, task));
});

/**
 * A pickup that waits. If the board has nothing for it, another agent posts a task, which the wait gets; or the time of
 * the wait is over.
 */
const waitForWork = fc.tuple(agent, agent).map(
  ([who, poster]) =>
    new Step(`waitForWork(agent ${who}, task of agent ${poster})`, async (model, real) => {
      const [next] = model.board(who, null);
      const isWaiting = barred(model, who) === undefined && next === undefined;
      const replied = real.agents[who]!.post('/v1/tasks/pickup?wait=1');
      if (isWaiting) {
        await until(() => real.market.ctx.dispatcher.idle === 1);
        if (poster === who || !(await postPlain(model, real, poster))) advance(model, real, secondMs);
      }
      const { status, body } = await replied;
      const [found] = isWaiting ? model.board(who, null) : [next];
      expect(status).toBe(barred(model, who) ?? (found === undefined ? 204 : 200));
      if (found === undefined || status !== 200) return;
      expect(body.task_id).toBe(found.id);
      model.claim(who, found);
    }),
);

/** Posts a task without terms. @returns whether its poster could. */
async function postPlain(model: Model, real: Real, who: number): Promise<boolean> {
  const need = `task ${model.tasks.length}`;
  const { status, body } = await real.agents[who]!.post('/v1/tasks', { need, max_credits: 5 });
  const affordable = model.agents[who]!.balance >= 5;
  expect(status).toBe(model.isSuspended(who) ? 403 : affordable ? 201 : 402);
  if (status === 201) model.post({ ...plain, id: body.task_id, need, poster: who, tags: [], price: 5 });
  return status === 201;
}

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
      const due = nextDue(model.tasks, model.now);
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
      for (const seat of real.held) seat.isLost ||= seat.until <= model.now;
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
  ...disputeCommands,
  rate,
  rateOwn,
  cancel,
  cancelAny,
  decline,
  waitForWork,
  waitForWork,
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
