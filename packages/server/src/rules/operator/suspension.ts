import { minuteMs } from '../../ground/clock.ts';
import type { EventStreams } from '../events/streams.ts';
import type { TaskWatch } from '../tasks/watch.ts';

/**
 * The time after a suspension in which the agent's claims are still released: a claim in progress may commit after the
 * suspension. No transaction lasts this long.
 */
export const releaseMs = minuteMs;

/** The requests of agents that wait on this server. */
export interface Open {
  readonly watch: TaskWatch;
  readonly streams: EventStreams;
}

/** Ends the long polls and streams of a key on this server. */
export function barKey({ watch, streams }: Open, agentId: string, keyId: string): void {
  watch.barKey(agentId, keyId);
  streams.barKey(agentId, keyId);
}

/** Ends the long polls and streams of an agent on this server. */
export function bar({ watch, streams }: Open, agentId: string): void {
  watch.bar(agentId);
  streams.bar(agentId);
}
