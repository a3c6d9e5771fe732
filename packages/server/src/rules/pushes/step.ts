import { hourMs, minuteMs } from '../../ground/clock.ts';
import { isEnded, stateOf } from '../../ground/states.ts';
import type { Work } from '../../storage/ground.ts';
import { contextIdIn } from '../tasks/contexts.ts';
import { takeRequest } from '../webhooks/budget.ts';
import type { Outcome } from '../webhooks/deliverer.ts';
import { nextProbeAt } from '../webhooks/holding.ts';
import type { UrlHosts } from '../webhooks/hosts.ts';
import { isGone, restUntil, retryAt } from '../webhooks/schedule.ts';
import type { SendResult } from '../webhooks/sender.ts';
import type { Slot } from '../webhooks/slots.ts';
import type { News } from './payload.ts';
import * as queries from './queries.ts';

/** How long the configurations of an ended task can still be read, once all was told. */
export const keptMs = hourMs;
/** A notification that waits, because its agent is suspended, is dropped after this time. */
const longestMs = 7 * 24 * hourMs;
/** How often it is looked whether an agent is still suspended. */
const suspendedMs = minuteMs;

/** A period in which one configuration is served under a lease. */
export interface PushTurn {
  readonly taskId: string;
  readonly name: string;
  readonly slot: Slot;
  readonly leasedBy: string;
  leasedUntil: number;
  /** Where its requests go. */
  readonly target: UrlHosts;
}

/** A notification to send. */
export interface PushConsignment {
  readonly config: queries.PushRow;
  readonly news: News;
}

interface Attempted extends PushConsignment {
  readonly result: SendResult;
}

interface Step {
  readonly done: Attempted | undefined;
  /** Whether the turn ends with this step. */
  readonly isOver: boolean;
  readonly leaseEnd: number;
  /** Called with the outcome of an attempt after the commit. */
  readonly observe: (outcome: Outcome) => void;
}

/** Whether the last attempt failed or was slow. That ends the turn; such configurations have slots of their own. */
export const strains = ({ slot }: PushTurn, done: Attempted | undefined) =>
  slot.isSlow || (done !== undefined && done.result.error !== null);

/**
 * One step of a turn, in one transaction: writes the outcome of an attempt and chooses the next notification.
 *
 * @returns undefined if the turn is over. Nothing is written if another turn has the lease, or the configuration was
 *   replaced: its notification is sent again.
 */
export async function takePushStep(work: Work, turn: PushTurn, step: Step): Promise<PushConsignment | undefined> {
  const { tx, now } = work;
  const { done, isOver, leaseEnd } = step;
  const key = { task_id: turn.taskId, name: turn.name };
  const held = await tx.first(queries.holdPush, key);
  if (held?.leased_by !== turn.leasedBy) return undefined;
  const config = done === undefined ? held : outcomeOf(work, held, done, step);
  const { agent_id, budget_id } = held;
  if (config === undefined || (await tx.first(queries.keyOfBudget, { agent_id, budget_id, now })) === undefined) {
    tx.send(queries.deletePush, key);
    return undefined;
  }
  const failing = Number(done === undefined ? turn.slot.failing : strains(turn, done));
  const { due_at, forget_at, told_version, news } = await choose(work, config);
  const waitsUntil =
    news === undefined || isOver ? due_at : await takeRequest(tx, turn.target.hosts, { agentId: agent_id, now });
  const isNext = news !== undefined && !isOver && waitsUntil === undefined;
  const { status, since, tries } = config;
  tx.send(queries.keepPush, {
    ...{ ...key, status, since, tries, told_version, failing, forget_at },
    due_at: isNext ? now : (waitsUntil ?? due_at),
    leased_by: isNext ? turn.leasedBy : null,
    leased_until: isNext ? leaseEnd : 0,
  });
  if (!isNext) return undefined;
  tx.afterCommit(() => (turn.leasedUntil = leaseEnd));
  return { config, news };
}

/** A configuration after an attempt. Undefined: it ends. */
function outcomeOf(
  { ctx: { config }, tx, now }: Work,
  held: queries.PushRow,
  { news, result }: Attempted,
  { observe }: Step,
): queries.PushRow | undefined {
  const saw = (outcome: Outcome) => tx.afterCommit(() => observe(outcome));
  const told = { ...held, told_version: news.version, tries: 0, due_at: now };
  if (result.error === null) {
    saw('delivered');
    return held.status === 'active' ? told : { ...told, status: 'active', since: now };
  }
  const tries = held.tries + 1;
  const isTest = held.status === 'unconfirmed';
  const again = isTest
    ? nextProbeAt({ status: 'unconfirmed', since: held.since }, tries, now)
    : tries > config.webhooks.maxRetries
      ? null
      : retryAt(result, tries, { now, chance: Math.random() });
  const isDead = again === null || isGone(result);
  saw(isDead ? 'dead' : 'failed');
  // What was not accepted is left out, and the next change is told. An address that does not confirm itself gets nothing.
  if (isDead) return isTest || isGone(result) ? undefined : told;
  return { ...held, tries, due_at: Math.max(again, restUntil(result, now)) };
}

interface Choice {
  /** What to tell now. */
  readonly news: News | undefined;
  /** The transition that was told last, or is not told any more. */
  readonly told_version: number;
  /** When to look again; null: after the next transition. */
  readonly due_at: number | null;
  readonly forget_at: number | null;
}

/** Chooses what is told next. */
async function choose({ tx, now }: Work, config: queries.PushRow): Promise<Choice> {
  const { task_id, told_version, status } = config;
  const task = await tx.one(queries.pushedTask, { id: task_id });
  // A new address is told the state that the task is in.
  const version = status === 'unconfirmed' ? task.version : told_version + 1;
  const moved = await tx.first(queries.transitionFrom, { task_id, version });
  const forget_at = isEnded(task.status) ? now + keptMs : null;
  if (moved === undefined) return { news: undefined, told_version, due_at: null, forget_at };
  const waits = (due_at: number) => ({ news: undefined, told_version, due_at, forget_at: null });
  if (task.suspended_at !== null) return waits(now + suspendedMs);
  if (status === 'active' && moved.at < now - longestMs) {
    return { news: undefined, told_version: moved.version, due_at: now, forget_at: null };
  }
  if (config.due_at !== null && config.due_at > now) return waits(config.due_at);
  const isShown = stateOf(moved.to_status).showsDelivery && stateOf(task.status).showsDelivery;
  const news: News = {
    taskId: task_id,
    contextId: contextIdIn(task.context_key) ?? task_id,
    version: moved.version,
    status: moved.to_status,
    at: moved.at,
    result: isShown ? task.result : null,
  };
  return { news, told_version, due_at: now, forget_at: null };
}
