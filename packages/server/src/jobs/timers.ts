import { minuteMs, secondMs } from '../ground/clock.ts';
import { present } from '../ground/present.ts';
import type { Ground } from '../storage/ground.ts';
import { SignalledJob } from '../storage/signalled-job.ts';
import type { Tx } from '../storage/database.ts';
import { isStorageFailure } from '../ground/errors.ts';
import { dueTransition } from '../ground/transitions.ts';
import { clearStuckTimer, clockDue, dueTasks, lockDueTask, nextDueAt, setAside } from '../rules/tasks/due.ts';
import { clockStatements } from '../rules/tasks/statements.ts';
import { endDueDispute, endsDispute } from '../rules/disputes/end.ts';
import { releaseClaims } from '../rules/lifecycle/release.ts';
import { moveCreditsAndRecord } from '../rules/lifecycle/transition.ts';
import { messageOf } from '../ground/unknown-error.ts';

const batch = 100;
/** The longest sleep. Tasks that another node created, or that a dead node left, are noticed within this time. */
const longestSleepMs = secondMs;
/** How long a task whose transition failed is skipped. */
const retryAfterMs = 5 * minuteMs;

/**
 * The clock: makes the transitions that are due. Deadlines are columns in the database, and the verbs' statements
 * enforce them. The pass uses guarded transitions of the same kind, so it may be late or run on several nodes at once
 * without harm.
 */
export class TaskTimers extends SignalledJob {
  #observe: ((latenessMs: number) => void) | undefined;

  constructor(ctx: Ground) {
    super(ctx, clockDue, 'the task timer failed');
  }

  /** Calls `observe` with the lateness of each transition that this job makes. */
  observe(observe: (latenessMs: number) => void): void {
    this.#observe = observe;
  }

  /** Does everything that is due now. @returns after how many milliseconds to look again. */
  async pass(): Promise<number> {
    await this.runDue();
    await releaseClaims(this.ctx);
    const now = this.ctx.clock.now();
    const next = await this.ctx.db.first(nextDueAt, { after: now });
    return Math.min(longestSleepMs, (next?.due_at ?? Infinity) - now);
  }

  /** Makes all transitions that are due, the longest overdue first, each in its own transaction. */
  async runDue(): Promise<void> {
    for (;;) {
      const now = this.ctx.clock.now();
      const due = await this.ctx.db.all(dueTasks, { now, limit: batch });
      const moved = await Promise.all(due.map(({ id }) => this.#act(id)));
      // A task can have another transition due after this one. Tasks that another node has locked are left to that
      // node.
      if (!moved.includes(true)) return;
    }
  }

  /** Makes the due transition of a task. @returns whether the task moved or was set aside. */
  async #act(taskId: string): Promise<boolean> {
    const { db, log } = this.ctx;
    try {
      return await db.transact('timer', (tx) => this.#transition(tx, taskId));
    } catch (error) {
      // A storage failure is not the task's fault. The task stays due, and the loop tries again.
      if (isStorageFailure(error) && error.code === 'overloaded') return false;
      if (isStorageFailure(error)) throw error;
      log.error({ taskId, err: error }, 'a timer failed; the task is set aside');
      await this.#setAside(taskId, error);
      return true;
    }
  }

  async #transition(tx: Tx, taskId: string): Promise<boolean> {
    const now = this.ctx.clock.now();
    const due = await tx.first(lockDueTask, { id: taskId, now });
    if (due === undefined) return false;
    const name = dueTransition(due);
    if (name === undefined) throw new Error(`Nothing in the state machine is due for ${taskId} (${due.status})`);
    const task = await tx.first(clockStatements[name], { id: taskId, now, claim_number: due.claim_number });
    if (task === undefined) throw new Error(`${taskId} is due for "${name}", but its guard does not hold`);
    tx.send(clearStuckTimer, { task_id: taskId });
    tx.afterCommit(() => this.#observe?.(now - present(due.due_at, 'The deadline')));
    const work = { ctx: this.ctx, tx, now };
    if (endsDispute(name)) await endDueDispute(work, name, task);
    else await moveCreditsAndRecord(work, name, task, { actorId: null, workerId: due.worker_id });
    return true;
  }

  async #setAside(taskId: string, error: unknown): Promise<void> {
    const now = this.ctx.clock.now();
    await this.ctx.db.transact('set aside', async (tx) => {
      tx.send(setAside, {
        task_id: taskId,
        due_at: now,
        error: messageOf(error),
        retry_at: now + retryAfterMs,
      });
    });
  }
}
