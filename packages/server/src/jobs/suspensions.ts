import { suspendedSince } from '../rules/agents/queries.ts';
import { bar, type Open, releaseMs } from '../rules/operator/suspension.ts';
import type { Ground } from '../storage/ground.ts';
import { LookBack } from './look-back.ts';

/**
 * Ends the long polls and streams of agents that another server on the same database has suspended. Their keys stop
 * working without this: `Credentials` reads them again after half a second.
 */
export function lookForSuspensions(ground: Ground, open: Open): LookBack {
  return new LookBack(ground, {
    what: 'suspensions',
    lateMs: releaseMs,
    look: async (since) => {
      // An embedded database has no other servers.
      if (!ground.db.shared) return;
      for (const { id } of await ground.db.all(suspendedSince, { since })) bar(open, id);
    },
  });
}
