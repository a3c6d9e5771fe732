import { minuteMs, secondMs } from '../ground/clock.ts';
import { isStorageFailure } from '../ground/errors.ts';
import { disputeDue } from '../rules/lifecycle/seats.ts';
import { disputesToLookAt, lookAtDispute, nextLookAt, putOffLook } from '../rules/platform-tasks/judges.ts';
import type { Ground } from '../storage/ground.ts';
import { SignalledJob } from '../storage/signalled-job.ts';
import type { Job } from './job.ts';

/** Disputes of one pass. Each is looked at in a transaction of its own. */
const batch = 50;
/** The longest sleep. Disputes of another server are noticed within this time. */
const longestSleepMs = 5 * secondMs;
/** How long a dispute whose judges could not be drawn is skipped. */
const retryAfterMs = 5 * minuteMs;

/** Draws the judges of disputes, and tells the operator of those that wait for a ruling. */
export class Judging extends SignalledJob implements Job {
  constructor(ctx: Ground) {
    super(ctx, disputeDue, 'the judges of disputes could not be drawn');
  }

  /** Looks at all disputes that are due. @returns after how many milliseconds to look again. */
  async pass(): Promise<number> {
    const { db, clock, log } = this.ctx;
    const due = await db.all(disputesToLookAt, { now: clock.now(), limit: batch });
    for (const dispute of due) {
      try {
        await lookAtDispute(this.ctx, dispute);
      } catch (error) {
        // A storage failure is not the dispute's fault. Any other must not keep judges from the disputes after it.
        if (isStorageFailure(error)) throw error;
        log.error({ disputeId: dispute.id, err: error }, 'the judges of a dispute could not be drawn; it is put off');
        await putOffLook(this.ctx, dispute, clock.now() + retryAfterMs);
      }
    }
    if (due.length === batch) return 0;
    const now = clock.now();
    const next = await db.first(nextLookAt, { after: now });
    return Math.min(longestSleepMs, (next?.look_at ?? Infinity) - now);
  }
}
