import { minuteMs } from '../ground/clock.ts';
import { keysEndedSince, keysExpired } from '../rules/agents/key-queries.ts';
import { barKey, type Open } from '../rules/operator/suspension.ts';
import type { Ground } from '../storage/ground.ts';
import { LookBack } from './look-back.ts';

/** How far back to look: a wait may begin after its key has ended, when its request was let in just before. */
const lateMs = minuteMs;

/**
 * Ends the long polls and streams whose key has ended: it was revoked or rotated, here or on another server, or it has
 * expired. `Credentials` refuses their next requests by itself.
 */
export function lookForEndedKeys(ground: Ground, open: Open): LookBack {
  return new LookBack(ground, {
    what: 'ended keys',
    lateMs,
    look: async (since, now) => {
      if (open.watch.count + open.streams.count === 0) return;
      // What was ended by a request has ended here too, though the clock of the server that did it may be ahead.
      const [ended, expired] = await Promise.all([
        ground.db.all(keysEndedSince, { since }),
        ground.db.all(keysExpired, { since, upto: now }),
      ]);
      for (const { id, agent_id } of [...ended, ...expired]) barKey(open, agent_id, id);
    },
  });
}
