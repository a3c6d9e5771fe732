import { platformId } from '@pinchwork/sdk/table';
import { wireTime } from '../../ground/clock.ts';
import type { Config } from '../../ground/config.ts';
import type { Reader } from '../../storage/database.ts';
import type { Work } from '../../storage/ground.ts';
import { ensurePlatform } from '../agents/queries.ts';
import { enqueueDelivery } from './enqueue.ts';
import { countPending, webhookOf } from './queries.ts';

/** The operator's webhook (contract section 10). Its deliveries are rows of the platform's account, like those of agents. */

/** What the operator is told, with the fields of each event. */
export interface OperatorEvents {
  report_opened: { report_id: string; task_id: string };
  audit_failed: { broken: number; findings: readonly { invariant: string; subject: string; detail: string }[] };
  storage_failing: { reason: string };
  dispute_waiting: { dispute_id: string; task_id: string };
}

/** Tells the operator of something in the transaction in which it happens. Call it after all other changes. */
export function tellOperator<E extends keyof OperatorEvents>(work: Work, event: E, data: OperatorEvents[E]): void {
  if (work.ctx.config.operatorWebhook === undefined) return;
  work.tx.send(ensurePlatform, { now: work.now });
  enqueueDelivery(work, { agentId: platformId, number: null, event, taskId: null, data: JSON.stringify(data) });
}

/** While this many messages about reports wait, a further report adds none: a crowd of reporters delays no other message. */
const mostReportsWaiting = 30;

/** Tells the operator of a report, unless many such messages wait already. Call it after all other changes. */
export async function tellOfReport(work: Work, data: OperatorEvents['report_opened']): Promise<void> {
  if (work.ctx.config.operatorWebhook === undefined) return;
  const limit = mostReportsWaiting;
  const { total } = await work.tx.one(countPending, { agent_id: platformId, event: 'report_opened', limit });
  if (total < mostReportsWaiting) tellOperator(work, 'report_opened', data);
}

/** The body of a message to the operator. */
export const operatorBody = (event: string, data: object, at: number): string =>
  JSON.stringify({ event, data, timestamp: wireTime(at) });

/** Where an agent's deliveries go. */
interface Destination {
  readonly url: string | null;
  readonly secret: string | null;
  readonly isSuspended: boolean;
}

/** Where the deliveries of an agent, or those of the platform to the operator, go. Undefined: there is no such agent. */
export async function destinationOf(config: Config, reader: Reader, agentId: string): Promise<Destination | undefined> {
  if (agentId === platformId) {
    const { url = null, secret = null } = config.operatorWebhook ?? {};
    return { url, secret, isSuspended: false };
  }
  const agent = await reader.first(webhookOf, { agent_id: agentId });
  return agent && { url: agent.webhook_url, secret: agent.webhook_secret, isSuspended: agent.suspended_at !== null };
}
