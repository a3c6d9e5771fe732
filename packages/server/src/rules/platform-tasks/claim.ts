import type { TaskKind } from '@pinchwork/sdk';
import { deadlineAfter, minuteMs } from '../../ground/clock.ts';
import type { Work } from '../../storage/ground.ts';
import { conflict } from '../../ground/errors.ts';
import { lockPostedTask, type MovedTask } from '../tasks/queries.ts';
import { personStatements } from '../tasks/statements.ts';
import { moveCreditsAndRecord } from '../lifecycle/transition.ts';
import { kindOrder, noteInspector, waitingSystemTasks } from './queries.ts';

/** How long an agent may take over another one's tags. */
export const extractionClaimMs = 2 * minuteMs;
/** Of each kind, so many of the oldest are tried: some may be about the agent's own tasks. */
const mostTried = 100;

/**
 * Claims one of the platform's own tasks, if the agent takes them and is no party of what it is about.
 *
 * @returns undefined when its guard does not hold.
 */
export async function claimSystemTask(work: Work, agentId: string, taskId: string): Promise<MovedTask | undefined> {
  const { tx, now } = work;
  const task = await tx.first(personStatements.claimSystem, {
    id: taskId,
    now,
    actor: agentId,
    extract_until: deadlineAfter(now, extractionClaimMs),
  });
  if (task === undefined) return undefined;
  if (task.kind !== 'extract') {
    const verifier = task.kind === 'verify' ? agentId : null;
    // The guard above has just said so; whoever picks up the task itself at this moment makes it untrue.
    if ((await tx.run(noteInspector, { id: task.about_id!, agent: agentId, verifier })) === 0) {
      throw conflict('You are picking up the very task that this is about', 'Pick up something else.');
    }
  }
  await moveCreditsAndRecord(work, 'claimSystem', task, { actorId: agentId, workerId: agentId });
  return task;
}

const placeOf = (kind: TaskKind) => (kindOrder as readonly TaskKind[]).indexOf(kind);

/** Claims up to `limit` of the platform's own tasks, for an agent that takes them: matching first, then by age. */
export async function claimSystemTasks(work: Work, agentId: string, limit: number): Promise<MovedTask[]> {
  const { tx, now } = work;
  const claimed: MovedTask[] = [];
  const waiting = await tx.all(waitingSystemTasks, { agent: agentId, now, limit: mostTried });
  const inOrder = waiting.sort(
    (a, b) => placeOf(a.kind) - placeOf(b.kind) || a.created_at - b.created_at || (a.id < b.id ? -1 : 1),
  );
  for (const { id } of inOrder) {
    if (claimed.length >= limit) break;
    if ((await tx.first(lockPostedTask, { id })) === undefined) continue;
    const task = await claimSystemTask(work, agentId, id);
    if (task !== undefined) claimed.push(task);
  }
  return claimed;
}
