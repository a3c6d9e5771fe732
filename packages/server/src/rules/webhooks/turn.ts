import { platformId } from '@pinchwork/sdk/table';
import type { Ground, Work } from '../../storage/ground.ts';
import { takeRequest } from './budget.ts';
import { firstDue } from './first-due.ts';
import { activate, deadUntilPause, hasHold, isHeld, nextProbeAt, pause, tend } from './holding.ts';
import * as leases from './leases.ts';
import type { UrlHosts } from './hosts.ts';
import { destinationOf } from './operator.ts';
import * as queries from './queries.ts';
import { endProbe, holdCursor, holdReceiver, noteDeadInRow, type Receiver } from './receivers.ts';
import { type Aftermath, aftermath, aftermathOfProbe, restUntil } from './schedule.ts';
import type { SendResult } from './sender.ts';
import type { Slot } from './slots.ts';

/** A period in which one receiver is served under a lease. */
export interface Turn {
  readonly agentId: string;
  readonly slot: Slot;
  /** Id of the lease, new each time, because a server may take a receiver again after its own lease has expired. */
  readonly leasedBy: string;
  leasedUntil: number;
  /** Where its requests go; undefined: its agent has no webhook, or it has not been looked up. */
  target?: UrlHosts | undefined;
}

/** A delivery to send, and its destination. */
export interface Consignment {
  readonly row: queries.DeliveryRow;
  readonly url: string | null;
  readonly secret: string | null;
}

/** A delivery that was sent, and what came of it. */
export interface Attempted extends Consignment {
  readonly result: SendResult;
}

/** The result of a delivery whose agent has no webhook any more. */
export const noWebhook: SendResult = {
  statusCode: null,
  error: 'Your profile has no webhook_url any more',
  retryAfter: undefined,
  durationMs: 0,
};

/**
 * Whether a receiver's last attempt failed or was slow. That ends the turn; such receivers have slots of their own.
 */
export const strains = ({ slot }: Turn, done: Attempted | undefined) =>
  slot.isSlow || (done !== undefined && done.result.error !== null);

/** What the steps of a turn use. */
export interface Serving extends Work {
  readonly ctx: Pick<Ground, 'config' | 'newId'>;
  /** Appends the event `webhook_paused`. */
  readonly tellPaused: (work: Work, agentId: string, reason: string) => Promise<unknown>;
  /** Called with the outcome of an attempt after the commit. */
  readonly observe: (after: Aftermath) => void;
}

interface Step {
  readonly done: Attempted | undefined;
  /** Whether the turn ends with this step. */
  readonly isOver: boolean;
  /** The end of the lease from now on. */
  readonly leaseEnd: number;
}

/**
 * One step of a turn, in one transaction: writes the outcome of an attempt and chooses the next delivery.
 *
 * @returns undefined if the turn is over. Nothing is written if another turn has the lease: that turn sends the
 *   delivery again, and its outcome counts.
 */
export async function takeStep(serving: Serving, turn: Turn, step: Step): Promise<Consignment | undefined> {
  const { tx, now } = serving;
  const { done, isOver, leaseEnd } = step;
  const { agentId, leasedBy } = turn;
  const key = { agent_id: agentId };
  const after = done && aftermathOf(serving, done);
  // The event of a pause needs the cursor, which comes before the receiver in the order of locks.
  if (after?.status === 'dead') await tx.first(holdCursor, key);
  const failing = done === undefined ? turn.slot.failing : Number(strains(turn, done));
  // Lock the receiver first: then no delivery can be added that the choice below does not see.
  const lease = { ...key, leased_by: leasedBy };
  const receiver = await tx.first(leases.renewLease, { ...lease, leased_until: leaseEnd, failing });
  if (receiver === undefined) return undefined;
  tx.afterCommit(() => (turn.leasedUntil = leaseEnd));
  const changed = done && after && (await noteOutcome(serving, receiver, done, after));
  const { next, dueAt, rest } = await choose(serving, changed ?? receiver, done);
  // The address has changed since it was looked up: the next turn looks up the new one.
  const isElsewhere = next !== undefined && next.url !== null && next.url !== turn.target?.url;
  if (next !== undefined && !isOver && !isElsewhere) {
    const waitsUntil = await takeRoom(serving, turn, next);
    if (waitsUntil === undefined) return next;
    tx.send(leases.releaseReceiver, { ...lease, due_at: now, rest_until: Math.max(rest, waitsUntil) });
    return undefined;
  }
  // Not before now, so that receivers that have waited longer come first.
  const due_at = dueAt === undefined ? null : Math.max(dueAt, now);
  tx.send(leases.releaseReceiver, { ...lease, due_at, rest_until: rest });
  return undefined;
}

/** Takes the room for a request from the budgets. @returns when to try again if there is none. */
async function takeRoom(
  { tx, now }: Work,
  { agentId, target }: Turn,
  { url }: Consignment,
): Promise<number | undefined> {
  if (url === null || target === undefined) return undefined;
  return takeRequest(tx, target.hosts, { agentId, now });
}

/** The state of a delivery after an attempt, if it does not test a held receiver. */
function aftermathOf({ ctx, now }: Serving, { row, result }: Attempted): Aftermath {
  const maxRetries = result === noWebhook ? 0 : ctx.config.webhooks.maxRetries;
  return aftermath(row, result, { now, maxRetries, chance: Math.random() });
}

/** Writes the outcome of an attempt. @returns the receiver after it. */
async function noteOutcome(serving: Serving, receiver: Receiver, done: Attempted, after: Aftermath): Promise<Receiver> {
  const { tx, now } = serving;
  const { row, result } = done;
  const isProbe = hasHold(receiver) && receiver.probe_id === row.id;
  const noted = isProbe ? aftermathOfProbe(row, result, now, nextProbeAt(receiver, row.tries + 1, now)) : after;
  tx.send(queries.noteAttempt, { agent_id: row.agent_id, id: row.id, ...noted });
  serving.observe(noted);
  if (isProbe) return noteProbe(serving, receiver, noted);
  if (noted.status === 'pending' || queries.isTest(row) || result === noWebhook) return receiver;
  return countDead(serving, receiver, done, noted.status);
}

/** What the outcome of a test changes for a held receiver. */
function noteProbe(work: Work, receiver: Receiver, { status }: Aftermath): Receiver {
  if (status === 'delivered') {
    activate(work, receiver);
    return { ...receiver, status: 'active', probe_id: null };
  }
  if (status === 'pending') return receiver;
  work.tx.send(endProbe, { agent_id: receiver.agent_id });
  return { ...receiver, probe_id: null };
}

/** Counts deliveries in a row that ended dead, and pauses the receiver after many. */
async function countDead(
  serving: Serving,
  receiver: Receiver,
  { url, result }: Attempted,
  status: 'delivered' | 'dead',
): Promise<Receiver> {
  const { tx, now } = serving;
  const { agent_id } = receiver;
  const dead_in_row = status === 'dead' ? receiver.dead_in_row + 1 : 0;
  if (dead_in_row === receiver.dead_in_row || receiver.status !== 'active') return receiver;
  const counted = { ...receiver, dead_in_row };
  tx.send(noteDeadInRow, { agent_id, dead_in_row });
  if (dead_in_row < deadUntilPause || agent_id === platformId) return counted;
  // The address may have changed while the old one was asked.
  if ((await tx.first(queries.webhookOf, { agent_id }))?.webhook_url !== url) return counted;
  const probe_id = pause(serving, agent_id);
  await serving.tellPaused(
    serving,
    agent_id,
    `${dead_in_row} deliveries in a row ended dead; the last: ${result.error}`,
  );
  return { ...counted, status: 'paused', since: now, probe_id };
}

interface Choice {
  /** What to send now. */
  readonly next: Consignment | undefined;
  /** When the receiver is due; undefined: no delivery waits. */
  readonly dueAt: number | undefined;
  /** Nothing may be sent before this time. */
  readonly rest: number;
}

/** Chooses what is sent to a receiver next. */
async function choose(serving: Serving, receiver: Receiver, done: Attempted | undefined): Promise<Choice> {
  const { ctx, tx, now } = serving;
  const { agent_id } = receiver;
  const rest = done === undefined ? 0 : restUntil(done.result, now);
  const [found, agent] = await Promise.all([
    isHeld(ctx.config, receiver) ? tend(serving, receiver) : firstDue(tx, agent_id, now),
    destinationOf(ctx.config, tx, agent_id),
  ]);
  if (agent === undefined) throw new Error(`The agent ${agent_id} of a webhook is not there`);
  // A suspended agent gets no deliveries. They are sent after the suspension.
  if (found === undefined || agent.isSuspended) return { next: undefined, dueAt: undefined, rest };
  const { row, dueAt, restsUntil = 0 } = found;
  const isDue = row !== undefined && dueAt <= now;
  return {
    next: isDue ? { row, url: agent.url, secret: agent.secret } : undefined,
    dueAt,
    rest: Math.max(rest, restsUntil),
  };
}

/**
 * Writes the outcome of a test that the agent asked for. A held receiver that accepts it gets its deliveries again.
 */
export async function noteTest(serving: Serving, done: Attempted): Promise<void> {
  const { tx } = serving;
  const key = { agent_id: done.row.agent_id };
  const receiver = await tx.first(holdReceiver, key);
  const after = aftermathOf(serving, done);
  tx.send(queries.noteAttempt, { ...key, id: done.row.id, ...after });
  serving.observe(after);
  if (after.status !== 'delivered' || receiver === undefined || !hasHold(receiver)) return;
  // The address may have changed while the old one was asked.
  if ((await tx.first(queries.webhookOf, key))?.webhook_url === done.url) activate(serving, receiver);
}
