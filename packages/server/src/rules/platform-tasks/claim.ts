import type { TaskKind } from '@pinchwork/sdk/table';
import { deadlineAfter, minuteMs } from '../../ground/clock.ts';
import type { Work } from '../../storage/ground.ts';
import { conflict, Outrun } from '../../ground/errors.ts';
import { mostSystemTasks, outrunBySystemTasks, systemClaims } from '../agents/claims.ts';
import { helpParams, isWithinShares, noteHelper } from '../agents/helpers.ts';
import { holdAccount } from '../ledger/queries.ts';
import { aboutOf, lockPostedTask, type MovedTask } from '../tasks/queries.ts';
import { personStatements } from '../tasks/statements.ts';
import { endOffer } from '../lifecycle/offers.ts';
import { moveCreditsAndRecord } from '../lifecycle/transition.ts';
import { kindOrder, noteInspector, waitingSeats, waitingSystemTasks } from './queries.ts';

/** Time that a worker has for an extract task. */
export const extractionClaimMs = 2 * minuteMs;
/** Oldest tasks tried per kind; more than one, because another transaction may hold or claim some of them. */
const mostTried = 100;

/**
 * Claims a system task for an agent, if the agent accepts system tasks and is no party of the task that it is about.
 *
 * @returns the claimed task; undefined if the guard does not hold.
 * @throws DomainError `conflict` if the agent is picking up the task that this is about at the same moment.
 */
export async function claimSystemTask(work: Work, agentId: string, taskId: string): Promise<MovedTask | undefined> {
  const task = await claimIfPosted(work, agentId, taskId);
  if (task === undefined) return undefined;
  await noteAndRecord(work, agentId, [task]);
  await checkShares(work, agentId, [task]);
  return task;
}

/**
 * Checks that an agent holds no more system tasks than it may, and has had no more than its shares, with these, which it
 * has just claimed. The guard of each claim has checked it, but on PostgreSQL simultaneous claims do not see each other.
 * So this waits for the agent's other claims, by a lock on its account. Call it after all locks on tasks and before those
 * on event cursors.
 *
 * @throws Outrun if it has: what was read before has changed, so the transaction may be made again.
 */
export async function checkShares(
  work: Work,
  agentId: string,
  claimed: readonly { id: string; kind: TaskKind }[],
): Promise<void> {
  const { ctx, tx, now } = work;
  if (claimed.length === 0) return;
  await tx.first(holdAccount, { id: agentId });
  if ((await tx.one(systemClaims, { id: agentId })).claims > mostSystemTasks) throw outrunBySystemTasks();
  if (ctx.config.systemTasks.infraAgents !== 'open') return;
  for (const { id } of claimed.filter(({ kind }) => kind !== 'judge')) {
    const { within } = await tx.one(isWithinShares, { id, helper: agentId, ...helpParams(ctx.config, now) });
    if (!within)
      throw new Outrun('conflict', 'Your other pickups have used up your share at the same moment', 'Try again.');
  }
}

async function claimIfPosted({ ctx, tx, now }: Work, agentId: string, taskId: string): Promise<MovedTask | undefined> {
  const task = await tx.first(personStatements.claimSystem, {
    ...helpParams(ctx.config, now),
    id: taskId,
    now,
    actor: agentId,
    extract_until: deadlineAfter(now, extractionClaimMs),
  });
  // At once, so that the guard of the agent's next claim counts this one.
  // A judge was drawn, so a seat is nobody's share.
  if (task !== undefined && task.kind !== 'judge') tx.send(noteHelper, { id: taskId, helper: agentId, at: now });
  return task;
}

/** Notes the agent on the tasks that these are about, in the order in which transactions lock them, then records all. */
async function noteAndRecord(work: Work, agentId: string, claimed: readonly MovedTask[]): Promise<void> {
  const inspected = claimed
    .filter(({ kind }) => kind !== 'extract')
    .map((task) => ({ id: aboutOf(task), verifier: task.kind === 'verify' ? agentId : null }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  for (const { id, verifier } of inspected) {
    // The guard of the claim checked that the agent is no party. It becomes one if it picks up the task at this moment.
    const about = await work.tx.first(noteInspector, { id, agent: agentId, verifier });
    if (about === undefined) {
      throw conflict('You are picking up the very task that this is about', 'Pick up something else.');
    }
    // It may never take the task now, also as one of the chosen agents.
    if (about.is_for_chosen === 1) await endOffer(work, id, agentId);
  }
  for (const task of claimed) {
    await moveCreditsAndRecord(work, 'claimSystem', task, { actorId: agentId, workerId: agentId });
  }
}

const orderOf = (kind: TaskKind) => kindOrder.findIndex((each) => each === kind);

/**
 * Claims at most `limit` system tasks for an agent, in the order of `kindOrder`, then oldest first. The caller must call
 * `checkShares`.
 *
 * @param isHelper whether it is an infra agent; a judge that is none gets its seats alone.
 * @param notNow tasks that it has just given up.
 */
export async function claimSystemTasks(
  work: Work,
  agentId: string,
  { limit, isHelper, notNow }: { limit: number; isHelper: boolean; notNow: ReadonlySet<string> },
): Promise<MovedTask[]> {
  const { tx, now } = work;
  const claimed: MovedTask[] = [];
  const wanted = { agent: agentId, now, limit: mostTried };
  const seats = await tx.all(waitingSeats, wanted);
  const waiting = isHelper ? [...seats, ...(await tx.all(waitingSystemTasks, wanted))] : seats;
  const inOrder = waiting.sort(
    (a, b) => orderOf(a.kind) - orderOf(b.kind) || a.created_at - b.created_at || (a.id < b.id ? -1 : 1),
  );
  for (const { id } of inOrder) {
    if (claimed.length >= limit) break;
    if (notNow.has(id)) continue;
    if ((await tx.first(lockPostedTask, { id })) === undefined) continue;
    const task = await claimIfPosted(work, agentId, id);
    if (task !== undefined) claimed.push(task);
  }
  await noteAndRecord(work, agentId, claimed);
  return claimed;
}
