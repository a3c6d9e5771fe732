import { webhookTestEvent, type WebhookStatus } from '@pinchwork/sdk/table';
import { hourMs, minuteMs } from '../../ground/clock.ts';
import type { Config } from '../../ground/config.ts';
import type { Work } from '../../storage/ground.ts';
import { deliveriesDue } from './enqueue.ts';
import { deliveryById, type DeliveryRow, insertDelivery, noteAttempt } from './queries.ts';
import * as receivers from './receivers.ts';
import { endUnsent, keptMs } from './schedule.ts';

/**
 * Receivers that are held (contract section 9): unconfirmed, because a new address has not answered a test yet, or
 * paused, because it accepted nothing for long. A held receiver gets nothing but tests; its deliveries wait.
 */

/** Deliveries in a row that ended dead, after which a receiver is paused. */
export const deadUntilPause = 20;

const dayMs = 24 * hourMs;

interface Hold {
  /** How long the receiver is tested, and how long a delivery waits. */
  readonly forMs: number;
  /** The pause after the `tries`-th test. */
  readonly pauseMs: (tries: number) => number;
  /** Why a delivery that has waited for so long ends. */
  readonly overdue: string;
}

const holds: Readonly<Record<Exclude<WebhookStatus, 'active'>, Hold>> = {
  unconfirmed: {
    forMs: dayMs,
    pauseMs: (tries) => Math.min(hourMs, minuteMs * 5 ** (tries - 1)),
    overdue: 'Not sent: your webhook_url did not answer the test with 2xx within 24 hours',
  },
  paused: {
    forMs: 7 * dayMs,
    pauseMs: () => hourMs,
    overdue: 'Not sent: your webhook was paused and did not answer the test with 2xx within 7 days',
  },
};

/** Maximum number of overdue deliveries that one transaction ends. */
const mostEnded = 100;

type Held = receivers.Receiver & { readonly status: keyof typeof holds };

/** The status of a receiver. Where private networks are allowed, no receiver has to confirm itself. */
export function statusOf({ webhooks }: Config, stored: WebhookStatus | null | undefined): WebhookStatus {
  return stored === 'unconfirmed' && !webhooks.confirmsReceivers ? 'active' : (stored ?? 'active');
}

/** Whether a receiver is stored as held. */
export const hasHold = (receiver: receivers.Receiver): receiver is Held => receiver.status !== 'active';

/** Whether a receiver gets nothing but tests. */
export const isHeld = (config: Config, receiver: receivers.Receiver): receiver is Held =>
  statusOf(config, receiver.status) !== 'active';

/** Adds the test of a held receiver. The delivery is tried again until the receiver accepts it. */
function insertProbe({ ctx, tx, now }: Work, agentId: string, firstAt: number): string {
  const id = ctx.newId('delivery');
  tx.send(insertDelivery, {
    agent_id: agentId,
    id,
    event_number: null,
    event: webhookTestEvent,
    task_id: null,
    data: '{}',
    created_at: now,
    status: 'pending',
    next_at: firstAt,
  });
  return id;
}

/** Ends the test of a receiver that needs it no more. One that was never sent leaves no trace. */
function closeProbe({ tx, now }: Work, agentId: string, id: string | null): void {
  if (id === null) return;
  tx.send(receivers.deleteUntried, { agent_id: agentId, id });
  tx.send(receivers.endTried, { agent_id: agentId, id, forget_at: now + keptMs.dead });
}

/**
 * Prepares the receiver for another address: a new one is tested at once, and gets nothing else until it has answered.
 * The agent's event cursor must be locked.
 *
 * @param url the new address; null: the agent has no webhook any more.
 */
export async function replaceReceiver(work: Work, agentId: string, url: string | null): Promise<void> {
  const { ctx, tx, now } = work;
  const before = await tx.first(receivers.holdReceiver, { agent_id: agentId });
  const isTested = url !== null && ctx.config.webhooks.confirmsReceivers;
  if (before === undefined && !isTested) return;
  closeProbe(work, agentId, before?.probe_id ?? null);
  tx.send(receivers.setReceiver, {
    agent_id: agentId,
    status: isTested ? 'unconfirmed' : 'active',
    now,
    probe_id: isTested ? insertProbe(work, agentId, now) : null,
    due_at: isTested ? now : null,
  });
  tx.signal(deliveriesDue);
}

/** Pauses a receiver. @returns the id of the delivery that tests it. */
export function pause(work: Work, agentId: string): string {
  const { tx, now } = work;
  const probe_id = insertProbe(work, agentId, now + hourMs);
  tx.send(receivers.pauseReceiver, { agent_id: agentId, probe_id, now });
  return probe_id;
}

/** Lets a held receiver, which has answered a test, have its deliveries. */
export function activate(work: Work, { agent_id, probe_id }: receivers.Receiver): void {
  const { tx, now } = work;
  closeProbe(work, agent_id, probe_id);
  tx.send(receivers.activateReceiver, { agent_id, now });
  tx.signal(deliveriesDue);
}

/** When the test of a held receiver that failed for the `tries`-th time is sent again; null: no more. */
export function nextProbeAt(
  { status, since }: Pick<Held, 'status' | 'since'>,
  tries: number,
  now: number,
): number | null {
  const { forMs, pauseMs } = holds[status];
  const at = now + pauseMs(tries);
  return at > since + forMs ? null : at;
}

/** What a held receiver waits for. */
interface Waiting {
  /** Its test, if it is due. */
  readonly row: DeliveryRow | undefined;
  readonly dueAt: number;
  /** When it must be looked at again. Deliveries that are added before do not change this. */
  readonly restsUntil: number;
}

/**
 * Ends the deliveries of a held receiver that have waited too long, and finds its test.
 *
 * @returns undefined if nothing waits and the receiver is tested no more.
 */
export async function tend({ tx, now }: Work, receiver: Held): Promise<Waiting | undefined> {
  const { agent_id, since, probe_id } = receiver;
  const { forMs, overdue } = holds[receiver.status];
  const [waiting, probe] = await Promise.all([
    tx.all(receivers.oldestWaiting, { agent_id, limit: mostEnded + 1 }),
    probe_id === null ? undefined : tx.first(deliveryById, { agent_id, id: probe_id }),
  ]);
  const until = (row: DeliveryRow) => Math.max(row.created_at, since) + forMs;
  const others = waiting.filter(({ id }) => id !== probe_id);
  for (const row of others) {
    if (until(row) <= now) tx.send(noteAttempt, { agent_id, id: row.id, ...endUnsent(row, overdue, now) });
  }
  const left = others.find((row) => until(row) > now);
  const times = [probe?.next_at ?? Infinity, left === undefined ? Infinity : until(left)];
  // All that were read are overdue, and there may be more.
  if (left === undefined && waiting.length > mostEnded) times.push(now);
  const nextAt = Math.min(...times);
  if (nextAt === Infinity) return undefined;
  const isDue = probe !== undefined && probe.next_at !== null && probe.next_at <= now;
  return { row: isDue ? probe : undefined, dueAt: now, restsUntil: isDue ? now : nextAt };
}
