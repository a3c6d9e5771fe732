import { hourMs, minuteMs } from '../ground/clock.ts';
import { isStorageFailure } from '../ground/errors.ts';
import { close, resumeMs, textsDue } from '../rules/deletion/close.ts';
import { eraseTexts } from '../rules/deletion/erase.ts';
import { endOffers } from '../rules/deletion/offers.ts';
import { agentsToErase, holdForDeletion, openTaskOf, setErasure } from '../rules/deletion/queries.ts';
import type { Ground } from '../storage/ground.ts';
import { SignalledJob } from '../storage/signalled-job.ts';
import type { Job } from './job.ts';

const lookMs = minuteMs;
const atOnce = 10;
/** How soon after the deletion to look again: no request that was let in before it lasts this long. */
const lateMs = minuteMs;
/** How often to look whether a report that keeps texts has been decided. */
const reportedMs = hourMs;

/**
 * Removes the texts of deleted agents, soon after the deletion. It looks again a minute later, for what was written or
 * claimed at the moment of the deletion, and later for texts that an open report has kept.
 */
export class Erasure extends SignalledJob implements Job {
  constructor(ctx: Ground) {
    super(ctx, textsDue, 'removing the texts of deleted agents failed');
  }

  async pass(): Promise<number> {
    await this.run();
    return lookMs;
  }

  /** Does all that is due now. */
  async run(): Promise<void> {
    const { db, clock, log } = this.ctx;
    for (;;) {
      const due = await db.all(agentsToErase, { now: clock.now(), limit: atOnce });
      for (const { id, erase_due_at, deleted_at } of due) {
        try {
          await this.#erase(id, erase_due_at ?? 0, deleted_at ?? 0);
        } catch (error) {
          // A storage failure is not the agent's fault. Any other must not keep the texts of the agents after it.
          if (isStorageFailure(error)) throw error;
          log.error({ agentId: id, err: error }, 'removing the texts of a deleted agent failed; it is put off');
          await this.#putOff(id, erase_due_at ?? 0);
        }
      }
      if (due.length < atOnce) return;
    }
  }

  /** Looks at an agent later. Has no effect if the failed attempt has set a time itself. */
  async #putOff(id: string, was: number): Promise<void> {
    const { db, clock } = this.ctx;
    await db.transact('put off erasure', async (tx) => {
      tx.send(setErasure, { id, was, due_at: clock.now() + resumeMs });
    });
  }

  async #erase(id: string, due: number, deletedAt: number): Promise<void> {
    const { db, clock } = this.ctx;
    const began = clock.now();
    const resumeAt = began + resumeMs;
    const isMine = await db.transact('close again', async (tx) => {
      if ((await tx.run(setErasure, { id, was: due, due_at: resumeAt })) === 0) return false;
      await close({ ctx: this.ctx, tx, now: clock.now() }, await tx.one(holdForDeletion, { id }), resumeAt);
      return true;
    });
    // Another server has taken it.
    if (!isMine) return;
    await endOffers(this.ctx, id);
    const isLeft = await eraseTexts(this.ctx, id);
    const [posted, held] = [
      await db.first(openTaskOf('poster_id'), { agent: id }),
      await db.first(openTaskOf('worker_id'), { agent: id }),
    ];
    const isOpen = posted !== undefined || held !== undefined;
    const next = began < deletedAt + lateMs ? deletedAt + lateMs : isOpen ? began + lookMs : began + reportedMs;
    const isOver = began >= deletedAt + lateMs && !isOpen && !isLeft;
    await db.transact('end erasure', async (tx) => {
      tx.send(setErasure, { id, was: resumeAt, due_at: isOver ? null : next });
    });
  }
}
