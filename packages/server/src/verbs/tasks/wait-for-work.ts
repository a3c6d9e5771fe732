import type { NothingToPickUp, TaskPickupResponse } from '@pinchwork/sdk/table';
import { secondMs } from '../../ground/clock.ts';
import { DomainError } from '../../ground/errors.ts';
import { at } from '../../ground/present.ts';
import type { Work } from '../../storage/ground.ts';
import { tooManyClaims } from '../../rules/agents/claims.ts';
import { setBackForPickup } from '../../rules/agents/given-up.ts';
import { isHelper } from '../../rules/agents/helpers.ts';
import type { BoardFilter } from '../../rules/board/scan.ts';
import { refuseIfBarred } from '../../rules/tasks/refusal.ts';
import { matchingPatienceMs } from '../../rules/waiting/dispatcher.ts';
import { arrivedTasks } from '../../rules/waiting/queries.ts';
import type { Handed, Order, Wait } from '../../rules/waiting/waiters.ts';
import { type Call, OtherSuccess } from '../context.ts';
import { claimById, claimThrough, type PickedUp, unlessOutrun } from './claim.ts';
import { takePlace } from './read.ts';

/**
 * Claims the next task that passes a filter as soon as there is one (contract section 6, "A pickup that waits"). Holds no
 * database connection while it waits.
 *
 * @param seconds the longest wait; limited to `maxWaitSeconds`.
 * @returns the task; or the success `nothing` when the time is up, or when the server stops.
 * @throws DomainError `too_many_streams`; also during the wait `pickups_paused`, `too_many_claims`, `agent_suspended`,
 *   `unauthorized`.
 */
export async function waitForWork(
  call: Call,
  filter: BoardFilter,
  seconds: number,
): Promise<TaskPickupResponse | OtherSuccess<NothingToPickUp>> {
  const { ctx, agentId, signal, repeatKey } = call;
  const place = takePlace(call);
  const time = { isUp: false };
  const cancel = ctx.clock.after(Math.min(seconds, ctx.config.maxWaitSeconds) * secondMs, () => {
    time.isUp = true;
    place.wake();
  });
  let wait: Wait | undefined;
  try {
    wait = await ctx.dispatcher.enter(agentId, filter, { place, repeatKey });
    for (;;) {
      if (place.refusal !== undefined) throw place.refusal;
      const isOver = signal.aborted || place.ended || ctx.watch.closed || time.isUp;
      const order = signal.aborted ? undefined : nextOrder(wait, isOver);
      const task = order && (await follow(call, wait, order, filter));
      if (task !== undefined) return task;
      if (isOver) return nothingToPickUp(false);
      if (order === undefined) await place.changed(signal);
    }
  } finally {
    cancel();
    if (wait !== undefined) ctx.dispatcher.leave(wait);
    place.end();
  }
}

export const nothingToPickUp = (isPartial: boolean): OtherSuccess<NothingToPickUp> =>
  new OtherSuccess('nothing', isPartial ? { search_partial: true } : {});

/** What to do next. At its end, a repeated request looks once more, for the answer that the first one got. */
function nextOrder(wait: Wait, isOver: boolean): Order | undefined {
  return wait.next() ?? (isOver && wait.repeatKey !== undefined ? { kind: 'look' } : undefined);
}

/** Tries to claim what the wait was told of. @returns the task; undefined if it got none. */
async function follow(
  call: Call,
  wait: Wait,
  order: Order,
  filter: BoardFilter,
): Promise<TaskPickupResponse | undefined> {
  const { dispatcher } = call.ctx;
  const task = await (order.kind === 'look' ? lookAtBoard(call, wait, filter) : claimHanded(call, wait, order));
  if (task !== undefined) dispatcher.repeat(wait);
  return task;
}

/** Claims the next task on the agent's board. */
async function lookAtBoard(call: Call, wait: Wait, filter: BoardFilter): Promise<TaskPickupResponse | undefined> {
  const { dispatcher } = call.ctx;
  const manner = { count: 1, isBatch: false, isWaiting: true };
  const looked = await dispatcher.lookInTurn(wait, () => claimThrough(call, filter, manner));
  if (looked === undefined) return undefined;
  dispatcher.noteLimit(wait, looked.isFull);
  for (const { id, created_at } of looked.pending) dispatcher.offerAt(id, created_at + matchingPatienceMs);
  return looked.tasks.length === 0 ? undefined : at(looked.tasks, 0);
}

/** Claims the task that the dispatcher has handed to this wait, and says what became of it. */
async function claimHanded(
  call: Call,
  wait: Wait,
  { taskId, settle }: Extract<Order, { kind: 'claim' }>,
): Promise<TaskPickupResponse | undefined> {
  const { ctx, agentId } = call;
  let handed: Handed = 'not for this agent';
  try {
    const said: { refusal: 'full' | 'gone' | undefined } = { refusal: undefined };
    const picked = await unlessOutrun(() =>
      call.transact('pickup next', async (tx): Promise<PickedUp | null> => {
        const claimed = await claimIfWanted({ ctx, tx, now: ctx.clock.now() }, agentId, taskId);
        said.refusal = typeof claimed === 'string' ? claimed : undefined;
        return typeof claimed === 'object' ? { tasks: [claimed], isPartial: false } : null;
      }),
    );
    if (said.refusal === 'full') ctx.dispatcher.noteLimit(wait, true);
    if (said.refusal === 'gone') handed = 'gone';
    if (picked === null) return undefined;
    const task = at(picked.tasks, 0);
    ctx.dispatcher.noteClaim(agentId);
    // A repeated request gets the task that the first one got.
    if (task.task_id === taskId) handed = 'taken';
    return task;
  } catch (error) {
    // It is about to become a party of what a system task is about, or the database is busy.
    const isPassing = error instanceof DomainError && (error.code === 'conflict' || error.code === 'overloaded');
    if (isPassing) return undefined;
    throw error;
  } finally {
    settle(handed);
  }
}

/** @returns the task; undefined if the agent can't have it; `gone` if nobody can; `full` if it may have system tasks alone. */
async function claimIfWanted(
  work: Work,
  agentId: string,
  taskId: string,
): Promise<TaskPickupResponse | 'full' | 'gone' | undefined> {
  const agent = await refuseIfBarred(work, agentId);
  const { notNow } = await setBackForPickup(work.tx, { agent: agentId, gaveUpAt: agent.gave_up_at }, work.now);
  if (notNow.has(taskId)) return undefined;
  const claimed = await claimById(work, agentId, taskId);
  if (claimed !== undefined) return claimed;
  if ((await work.tx.all(arrivedTasks, { tasks: JSON.stringify([taskId]), now: work.now })).length === 0) return 'gone';
  if (agent.claims_left > 0) return undefined;
  if (!isHelper(agent, work.ctx.config) && agent.judges_disputes === 0) throw tooManyClaims(work.ctx.config);
  return 'full';
}
