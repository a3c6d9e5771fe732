import { minuteMs } from '../../ground/clock.ts';
import type { EventStreams } from '../events/streams.ts';
import type { TaskWatch } from '../tasks/watch.ts';

/**
 * How long after a suspension its claims are still looked for: a claim that was under way may commit after the
 * suspension, but no transaction lasts this long.
 */
export const releaseMs = minuteMs;

/** What agents have open on this server: requests that wait. */
export interface Open {
  readonly watch: TaskWatch;
  readonly streams: EventStreams;
}

/** Ends the long polls and streams of an agent on this server. */
export function bar({ watch, streams }: Open, agentId: string): void {
  watch.bar(agentId);
  streams.bar(agentId);
}
