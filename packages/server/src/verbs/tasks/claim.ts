import type { TaskPickupResponse } from '@pinchwork/sdk/table';
import { at, present } from '../../ground/present.ts';
import { posterById } from '../../rules/agents/queries.ts';
import { Board, justBefore } from '../../rules/board/board.ts';
import { searchingAs } from '../../rules/search/apart.ts';
import { hurried, patient } from '../../rules/search/pace.ts';
import { Outrun, overloaded } from '../../ground/errors.ts';
import { type BoardCursor, start } from '../../rules/board/cursor.ts';
import { lockFirstOf, lockShape } from '../../rules/board/queries.ts';
import type { BoardFilter } from '../../rules/board/scan.ts';
import { deadlineAfter, minuteMs, secondMs } from '../../ground/clock.ts';
import { type Call } from '../context.ts';
import type { Tx } from '../../storage/database.ts';
import type { Work } from '../../storage/ground.ts';
import { listParams } from '../../storage/prepared.ts';
import { fitTexts } from '../../ground/page-size.ts';
import { searchBudgetMs } from '../../ground/paging.ts';
import { claimLimits, claimsLeft, mustBeCounted, outrunByClaims, tooManyClaims } from '../../rules/agents/claims.ts';
import { nothingSetBack, type SetBack, setBackForPickup } from '../../rules/agents/given-up.ts';
import { isHelper } from '../../rules/agents/helpers.ts';
import { holdAccount } from '../../rules/ledger/queries.ts';
import { checkShares, claimSystemTask, claimSystemTasks } from '../../rules/platform-tasks/claim.ts';
import { withTexts } from '../../rules/platform-tasks/render.ts';
import type { MovedTask } from '../../rules/tasks/queries.ts';
import { personStatements } from '../../rules/tasks/statements.ts';
import { limitReached } from '../../rules/tasks/hints.ts';
import { refuseIfBarred } from '../../rules/tasks/refusal.ts';
import { moveCreditsAndTell, recordStandingAndWithdraw } from '../../rules/lifecycle/transition.ts';
import { readTerms } from '../../rules/tasks/terms.ts';
import { pickupView } from '../../rules/tasks/view.ts';
import { matchingPatienceMs } from '../../rules/waiting/dispatcher.ts';
import { awaitingMatching } from '../../rules/waiting/queries.ts';

/** Extra candidates, because others pick up at the same time. If all are locked, the next page is read. */
const spare = lockShape;
/** Maximum steps of a scan in a transaction; enough to pass 5,000 tasks of the caller's own. */
const stepsAtOnce = 5;
/** How often a pickup is tried again that other pickups of the same agent have outrun. */
const mostTries = 20;
/** The longest search for any open task without a filter, when very many tasks are the caller's own. */
const anyMs = 5 * secondMs;

/** With the claims that its worker has left; on SQLite this one is counted already. */
type ClaimedTask = MovedTask & { readonly claims_left?: number };

/** How a pickup takes the next tasks. */
interface Manner {
  readonly count: number;
  readonly isBatch: boolean;
  /** It waits: it takes no task whose matching is pending, and an infra agent at its limit waits for system tasks. */
  readonly isWaiting?: boolean;
}

/** A task that was left to the agents that its matching will choose. */
interface Pending {
  readonly id: string;
  readonly created_at: number;
}

/** What a pickup has claimed. It is stored for its idempotency key. */
export interface PickedUp {
  readonly tasks: TaskPickupResponse[];
  /** Whether the time was up before the whole board was examined. */
  readonly isPartial: boolean;
}

/** Claims one task, also a system task. @returns undefined when the agent can't have it. */
export async function claimById(work: Work, agentId: string, taskId: string): Promise<TaskPickupResponse | undefined> {
  const { tx } = work;
  const task = await claimRow(work, agentId, taskId);
  if (task !== undefined) {
    // Begun together, so that what both read and send first goes to PostgreSQL at once. Only this one writes, so the
    // transaction does not end before it has.
    const view = viewOf(tx, task);
    view.catch(() => undefined);
    await recordClaim(work, agentId, task);
    return view;
  }
  const system = await claimSystemTask(work, agentId, taskId);
  return system === undefined ? undefined : viewOf(tx, system);
}

async function recordClaim(work: Work, agentId: string, task: ClaimedTask): Promise<void> {
  const moved = { actorId: agentId, workerId: agentId };
  await recordStandingAndWithdraw(work, 'claim', task, moved);
  await checkClaims(work, agentId, present(task.claims_left, 'The claims that the agent has left'));
  await moveCreditsAndTell(work, 'claim', task, moved);
}

/**
 * Claims the first tasks on the agent's board. If they are behind more tasks than a transaction may examine, the search
 * continues outside of the transaction, and another transaction claims from the cursor that it found.
 */
export async function claimThrough(
  call: Call,
  filter: BoardFilter,
  { count, isBatch, isWaiting = false }: Manner,
): Promise<PickedUp & Pick<Claimed, 'pending' | 'isFull'>> {
  const { ctx, agentId } = call;
  const isFiltered = filter.tags.length > 0 || filter.part !== undefined;
  const pacing = patient(isFiltered ? searchBudgetMs : anyMs);
  let from = start;
  for (;;) {
    const given: Omit<Claimed, 'tasks'> = { cut: null, setBack: nothingSetBack, pending: [], isFull: false };
    // Null is not a success: the idempotency key is released, and the next transaction takes it again.
    const claimed = await unlessOutrun(() =>
      call.transact('pickup next', async (tx): Promise<PickedUp | null> => {
        const { tasks, ...rest } = await claimNext({ ctx, tx, now: ctx.clock.now() }, agentId, {
          filter,
          count,
          from,
          isWaiting,
        });
        Object.assign(given, rest);
        if (tasks.length === 0) return null;
        const isPartial = tasks.length < count && rest.cut !== null;
        return { tasks: isBatch ? fitTexts(tasks) : tasks, isPartial };
      }),
    );
    if (claimed !== null) {
      ctx.dispatcher.noteClaim(agentId);
      return { ...claimed, pending: [], isFull: false };
    }
    const { cut, setBack, pending, isFull } = given;
    if (cut === null) return { tasks: [], isPartial: false, pending, isFull };
    const source = { reader: ctx.db, searchApart: searchingAs(ctx, { agentId }) };
    const board = new Board(source, { agent: agentId, now: ctx.clock.now() }, { ...filter, setBack }, pacing);
    const ahead = await board.page({ from: cut, offset: 0, limit: 1 });
    const [next] = ahead.tasks;
    if (next === undefined) return { tasks: [], isPartial: ahead.cut !== null, pending, isFull };
    from = justBefore(next);
  }
}

/** Repeats a transaction that simultaneous pickups of the same agent have outrun. */
export async function unlessOutrun<T>(transact: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await transact();
    } catch (error) {
      if (!(error instanceof Outrun)) throw error;
      if (tries === mostTries) throw overloaded(error);
    }
  }
}

interface Claimed {
  /** The tasks that were passed by because their matching is pending. */
  readonly pending: readonly Pending[];
  readonly tasks: TaskPickupResponse[];
  readonly cut: BoardCursor | null;
  readonly setBack: SetBack;
  /** Whether the agent may have system tasks alone, because it holds as many claims as it may. */
  readonly isFull: boolean;
}

async function claimNext(
  work: Work,
  agentId: string,
  {
    filter,
    count,
    from,
    isWaiting,
  }: Pick<Required<Manner>, 'count' | 'isWaiting'> & { filter: BoardFilter; from: BoardCursor },
): Promise<Claimed> {
  const { tx, now } = work;
  // Check the cooldown before any task is read.
  const agent = await refuseIfBarred(work, agentId);
  const setBack = await setBackForPickup(tx, { agent: agentId, gaveUpAt: agent.gave_up_at }, now);
  const helps = isHelper(agent, work.ctx.config);
  const takesSystemTasks = helps || agent.judges_disputes === 1;
  const system = takesSystemTasks
    ? await claimSystemTasks(work, agentId, { limit: count, isHelper: helps, notNow: setBack.notNow })
    : [];
  const most = Math.min(count - system.length, agent.claims_left);
  const waitsForSystemTasks = isWaiting && takesSystemTasks;
  if (most <= 0 && system.length === 0 && !waitsForSystemTasks) throw tooManyClaims(work.ctx.config);
  const rows: ClaimedTask[] = [];
  const board = new Board({ reader: tx }, { agent: agentId, now }, { ...filter, setBack }, hurried(stepsAtOnce));
  let cut: BoardCursor | null = null;
  const pending: Pending[] = [];
  for (let cursor = from; rows.length < most;) {
    const limit = most - rows.length + spare;
    const page = await board.page({ from: cursor, offset: 0, limit });
    const found = page.tasks.map(({ id }) => id);
    const ids = isWaiting ? await withoutPending(work, found, pending) : found;
    const claimed = await claimFirst(work, agentId, ids, limit - spare);
    rows.push(...claimed);
    if (system.length + rows.length === 0 && ids.length > 0) await refuseAtLimit(work, agentId);
    cut = page.cut;
    if (page.tasks.length < limit) break;
    cursor = at(page.tasks, -1).cursor;
  }
  const moved = { actorId: agentId, workerId: agentId };
  // A batch takes its locks in the same order as one task: the tasks by id, then the recipients of events by id.
  for (const task of rows.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    await recordStandingAndWithdraw(work, 'claim', task, moved);
  }
  await checkShares(work, agentId, system);
  if (rows.length > 0) await checkClaims(work, agentId, agent.claims_left - rows.length);
  const byPoster = rows.toSorted((a, b) => (a.poster_id < b.poster_id ? -1 : 1));
  const views = new Map<string, TaskPickupResponse>();
  for (const task of system) views.set(task.id, await viewOf(tx, task));
  for (const task of byPoster) {
    views.set(task.id, await viewOf(tx, task));
    await moveCreditsAndTell(work, 'claim', task, moved);
  }
  return {
    tasks: [...system, ...rows].map(({ id }) => present(views.get(id), `The view of ${id}`)),
    cut,
    setBack,
    pending,
    isFull: agent.claims_left <= 0,
  };
}

/** The tasks without those whose matching is pending and still waited for; these are added to `pending`. */
async function withoutPending({ tx, now }: Work, ids: readonly string[], pending: Pending[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const found = await tx.all(awaitingMatching, { tasks: JSON.stringify(ids), since: now - matchingPatienceMs });
  pending.push(...found);
  const left = new Set(found.map(({ id }) => id));
  return ids.filter((id) => !left.has(id));
}

/**
 * Tasks were there and none was claimed: other agents were faster, or the agent's own simultaneous claims have reached
 * its limit since they were counted. Only the latter is a refusal.
 *
 * @throws Outrun when it may claim nothing more.
 */
async function refuseAtLimit({ ctx, tx }: Work, agentId: string): Promise<void> {
  const { claims } = await tx.one(claimsLeft, { id: agentId, ...claimLimits(ctx.config) });
  if (claims <= 0) throw outrunByClaims(ctx.config);
}

/**
 * Checks that an agent does not hold more claims than it may, after it has claimed. The guard of each claim has checked
 * it, but on PostgreSQL simultaneous claims do not see each other. So this waits for the agent's other claims, by a lock
 * on its account. Call it after all locks on tasks and before those on event cursors.
 *
 * @param left how many more claims it had left as far as the guard saw.
 * @throws Outrun if it holds too many.
 */
async function checkClaims({ ctx, tx }: Work, agentId: string, left: number): Promise<void> {
  if (!mustBeCounted(left)) return;
  await tx.first(holdAccount, { id: agentId });
  const { claims } = await tx.one(claimsLeft, { id: agentId, ...claimLimits(ctx.config) });
  if (claims < 0) throw outrunByClaims(ctx.config);
  // Its pickups that wait are refused from now on.
  if (claims === 0) tx.signal(limitReached(agentId));
}

/** Claims at most `count` of these tasks, in their order, and skips those that other transactions have locked. */
async function claimFirst(
  work: Work,
  agentId: string,
  candidates: readonly string[],
  count: number,
): Promise<ClaimedTask[]> {
  const claimed: ClaimedTask[] = [];
  for (let at = 0; at < candidates.length; at += lockShape) {
    const ids = candidates.slice(at, at + lockShape);
    while (ids.length > 0 && claimed.length < count) {
      const first = await work.tx.first(lockFirstOf, listParams('id', ids, lockShape));
      if (first === undefined) break;
      const task = await claimRow(work, agentId, first.id);
      if (task !== undefined) claimed.push(task);
      ids.splice(ids.indexOf(first.id), 1);
    }
  }
  return claimed;
}

function claimRow({ ctx, tx, now }: Work, agentId: string, taskId: string): Promise<ClaimedTask | undefined> {
  return tx.first(personStatements.claim, {
    ...claimLimits(ctx.config),
    id: taskId,
    now,
    actor: agentId,
    from: deadlineAfter(now, 0),
    default_timeout: deadlineAfter(0, ctx.config.defaultClaimTimeoutMinutes * minuteMs),
  });
}

async function viewOf(tx: Tx, task: MovedTask): Promise<TaskPickupResponse> {
  const ratings = await tx.one(posterById, { id: task.poster_id });
  return pickupView(await withTexts(tx, task), ratings, await readTerms(tx, task));
}
