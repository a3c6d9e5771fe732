import type { AuditResponse } from '@pinchwork/sdk';
import type { Credentials } from '../rules/agents/credentials.ts';
import type { EventStreams } from '../rules/events/streams.ts';
import type { Limits } from '../rules/limits/limits.ts';
import type { TaskWatch } from '../rules/tasks/watch.ts';
import type { Resolve } from '../rules/webhooks/address.ts';
import type { Deliverer } from '../rules/webhooks/deliverer.ts';
import type { Database } from '../storage/database.ts';
import type { Ground } from '../storage/ground.ts';
import type { Readiness } from './readiness.ts';

/** What verbs and doors work with. `compose.ts` builds it once; two of them can live in one process. */
export interface Context extends Ground {
  readonly credentials: Credentials;
  readonly limits: Limits;
  readonly watch: TaskWatch;
  readonly streams: EventStreams;
  readonly webhooks: Deliverer;
  /** Looks up the addresses behind the host name of a webhook. */
  readonly resolve: Resolve;
  readonly readiness: Readiness;
  /** Checks all invariants; callers who ask while it runs share the answer. */
  audit(): Promise<AuditResponse>;
}

/** Who calls a verb, and how its transaction is run: a door may add to it (an idempotency record, say). */
export interface Call {
  readonly ctx: Context;
  /** The agent who calls. */
  readonly agentId: string;
  /** Where the request comes from. */
  readonly address: string;
  readonly transact: Database['transact'];
  /** What the addresses of this server begin with, for the caller. */
  readonly origin: string;
  /** Aborted when the caller no longer listens. */
  readonly signal: AbortSignal;
}
