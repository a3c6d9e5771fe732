import type { SeatRow } from '@pinchwork/sdk/table';
import fc from 'fast-check';
import { expect } from 'vitest';
import { minuteMs } from '../../src/ground/clock.ts';
import type { Agent } from '../support/market.ts';
import { type ModelTask, wholeSecond } from './model-state.ts';
import type { Model } from './model.ts';
import type { Real } from './real.ts';
import { oneOf, onTask, postTwice, recent, Step } from './steps.ts';

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

/** Draws the judges of a task's dispute. @returns the seats that nobody has picked up. */
async function openSeats({ market, held }: Real, dispute: string): Promise<SeatRow[]> {
  await market.ctx.judging.pass();
  const { body } = await market.admin.get(`/v1/admin/disputes/${dispute}`);
  return (body.seats as SeatRow[]).filter(
    ({ status, task_id }) => status === 'open' && !held.some(({ seat }) => seat === task_id),
  );
}

/** A judge picks up its seat. @returns the judge; undefined if it could not. */
async function pickUpSeat(model: Model, real: Real, row: SeatRow): Promise<Agent | undefined> {
  const judge = real.judges.find(({ id }) => id === row.judge_id)!;
  const { agent: standing } = (await real.market.admin.get(`/v1/admin/agents/${judge.id}`)).body;
  // It has lost seats before.
  const isPaused = Date.parse(standing.pickups_paused_until ?? 0) > model.now;
  const isLate = endOfSeat(row) <= model.now;
  const { status } = await judge.post(`/v1/tasks/${row.task_id}/pickup`);
  expect(status).toBe(isPaused ? 429 : isLate ? 409 : 200);
  return status === 200 ? judge : undefined;
}

const endOfSeat = ({ drawn_at }: SeatRow) => wholeSecond(Date.parse(drawn_at) + 30 * minuteMs);

/** Seats are drawn, and some of their judges answer, in any order. */
const judging = fc.array(share, { minLength: 1, maxLength: 3 }).chain((shares) =>
  onDisputed(`judges answer ${shares.join(', ')}`, async (model, real, task) => {
    const seats = await openSeats(real, task.dispute!.id);
    for (const [i, row] of seats.slice(0, shares.length).entries()) {
      const judge = await pickUpSeat(model, real, row);
      if (judge === undefined) continue;
      const answer = { worker_share: shares[i], explanation: 'So' };
      expect((await postTwice(real, judge, `/v1/tasks/${row.task_id}/deliver`, answer)).status).toBe(200);
      model.answer(task, shares[i]!);
    }
  }),
);

/** Some judges pick their seats up, and answer later or never. */
const takeSeats = fc.integer({ min: 1, max: 3 }).chain((count) =>
  onDisputed(`${count} judges pick up`, async (model, real, task) => {
    const { id: dispute } = task.dispute!;
    for (const row of (await openSeats(real, dispute)).slice(0, count)) {
      const judge = await pickUpSeat(model, real, row);
      if (judge === undefined) continue;
      real.held.push({ judge: judge.id, seat: row.task_id, task, dispute, until: endOfSeat(row), isLost: false });
    }
  }),
);

/** A judge answers, whether its dispute is still open or not. An answer that comes too late for that is paid all the same. */
const answerHeld = fc.tuple(fc.nat(3), share).map(
  ([back, worker_share]) =>
    new Step(`a judge answers ${worker_share} (${back} back)`, async (model, real) => {
      const seat = oneOf(real.held, back);
      if (seat === undefined) return;
      const judge = real.judges.find(({ id }) => id === seat.judge)!;
      const { status } = await postTwice(real, judge, `/v1/tasks/${seat.seat}/deliver`, {
        worker_share,
        explanation: 'So',
      });
      expect(status).toBe(seat.isLost || seat.until <= model.now ? 409 : 200);
      if (status !== 200) return;
      real.held.splice(real.held.indexOf(seat), 1);
      if (seat.task.dispute?.id === seat.dispute) model.answer(seat.task, worker_share);
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

/** The operator cancels a disputed task: its price and the deposit go back. */
const cancelDisputed = onDisputed('the operator cancels', cancelByOperator);

/** The operator cancels any task. */
export async function cancelByOperator(model: Model, real: Real, task: ModelTask): Promise<void> {
  const { status } = await postTwice(real, real.market.admin, `/v1/admin/tasks/${task.id}/cancel`, { reason: 'So' });
  expect(status).toBe(model.cancelByOperator(task));
}

/** Steps that lead to a dispute and decide it are chosen more often. */
export const disputeCommands: readonly fc.Arbitrary<Step>[] = [
  dispute,
  disputeOwn,
  quarrel,
  quarrel,
  judging,
  judging,
  takeSeats,
  answerHeld,
  rule,
  endOwn,
  cancelDisputed,
];
