import { limits, platformId, type SystemTaskKind } from '@pinchwork/sdk';
import { deadlineAfter, hourMs, secondMs } from '../../ground/clock.ts';
import type { Ground, Work } from '../../storage/ground.ts';
import { candidates, findAgents } from '../matching/matcher.ts';
import { setMatches } from '../matching/matches.ts';
import type { RecordedTask } from '../tasks/queries.ts';
import { moveCreditsAndRecord } from '../lifecycle/transition.ts';
import { tagsOf } from '../tasks/view.ts';
import { insertPosted, reserve } from '../ledger/budget.ts';
import * as queries from './queries.ts';

/** Agents that the built-in matcher chooses. */
export const mostMatched = 5;
/** An agent's capabilities are asked about once in this time. */
const extractionMs = hourMs;

interface Question {
  readonly kind: SystemTaskKind;
  /** The task that it is about, or for `extract` the agent. */
  readonly aboutId: string;
  readonly aboutVersion?: number;
  readonly candidates?: readonly string[];
  /** Whose day it counts against; null: nobody's. */
  readonly posterId: string | null;
}

/**
 * Posts one of the platform's own tasks, if both caps allow it.
 *
 * @returns its id; undefined when a cap is reached.
 */
async function ask(work: Work, question: Question): Promise<string | undefined> {
  const { ctx, tx, now } = work;
  const { kind, aboutId, aboutVersion, candidates, posterId } = question;
  const { prices, timeoutSeconds } = ctx.config.systemTasks;
  const price = prices[kind];
  // Its row is the purse that a reservation holds.
  tx.send(queries.ensurePlatform, { now });
  if (!(await reserve(work, { posterId, price }))) return undefined;
  const id = ctx.newId('task');
  const periodMs = kind === 'extract' ? ctx.config.taskExpireHours * hourMs : timeoutSeconds[kind] * secondMs;
  const task = await tx.first(queries.insertSystemTask, {
    id,
    kind,
    poster_id: platformId,
    about_id: aboutId,
    about_version: aboutVersion ?? null,
    candidates: candidates === undefined ? null : JSON.stringify(candidates),
    max_credits: price,
    created_at: now,
    expires_at: deadlineAfter(now, periodMs),
  });
  if (posterId !== null) tx.send(insertPosted, { task_id: id, poster_id: posterId, posted_at: now });
  await moveCreditsAndRecord(work, 'postSystem', task!, { actorId: platformId, workerId: null });
  return id;
}

/**
 * Looks for the agents that suit a task just posted: by asking an agent that takes the platform's tasks, or else, and
 * when the caps are reached, by the built-in matcher (contract section 6, "Matching").
 *
 * @param task as it was inserted, with whether somebody could be asked, and whether agents say anything of themselves.
 */
export async function arrangeMatching(
  work: Work,
  task: RecordedTask & { need: string; has_helper: number | boolean; has_words: number | boolean },
): Promise<void> {
  const { tx } = work;
  const wanted = { need: task.need, tags: tagsOf(task), posterId: task.poster_id };
  const found = task.has_words ? await findAgents(tx, wanted, task.has_helper ? limits.candidates : mostMatched) : [];
  if (task.has_helper) {
    const matching_id = await ask(work, {
      kind: 'match',
      aboutId: task.id,
      candidates: await candidates(tx, found, wanted),
      posterId: task.poster_id,
    });
    if (matching_id !== undefined) {
      tx.send(queries.noteMatching, { id: task.id, matching_id });
      return;
    }
  }
  if (found.length > 0) await setMatches(work, task, { agents: found.slice(0, mostMatched) });
}

/** Has a delivery checked, if somebody can be asked and the caps allow it. It is advice, shown to both parties. */
export async function arrangeVerification(
  work: Work,
  task: RecordedTask & { has_helper?: number | boolean },
): Promise<void> {
  if (!task.has_helper) return;
  const { id, version: aboutVersion, poster_id: posterId } = task;
  const verifying_id = await ask(work, { kind: 'verify', aboutId: id, aboutVersion, posterId });
  if (verifying_id !== undefined) work.tx.send(queries.noteVerifying, { id, verifying_id });
}

/**
 * Has the tags of an agent read out of its `good_at`, at most once an hour. What can't be asked now, because the hour is
 * not over, nobody is there or a cap is reached, is asked later. Agents that take the platform's tasks themselves are not
 * asked about. The agent's row must be held already.
 *
 * @returns whether anybody is there to be asked; not looked up before the hour is over.
 */
export async function arrangeExtraction(
  work: Work,
  { id, extraction_posted_at: posted_at }: { id: string; extraction_posted_at: number | null },
): Promise<boolean> {
  const { tx, now } = work;
  const from = posted_at === null ? now : posted_at + extractionMs;
  const hasHelper = from <= now && (await tx.first(queries.anyOtherHelper, { id })) !== undefined;
  const isAsked = hasHelper && (await ask(work, { kind: 'extract', aboutId: id, posterId: null })) !== undefined;
  const later = { id, posted_at, due_at: hasHelper ? now + extractionMs : from };
  tx.send(queries.noteExtraction, isAsked ? { id, posted_at: now, due_at: null } : later);
  return hasHelper;
}

/**
 * Asks about one agent that could not be asked about when its text changed.
 *
 * @returns whether to look for another one: while nobody is there to be asked, all wait, however many they are.
 */
export function askLater(ctx: Ground): Promise<boolean> {
  return ctx.db.transact('ask later', async (tx) => {
    const now = ctx.clock.now();
    const agent = await tx.first(queries.nextDueExtraction, { now });
    if (agent === undefined) return false;
    if (agent.good_at && agent.accepts_system_tasks === 0) return arrangeExtraction({ ctx, tx, now }, agent);
    tx.send(queries.noteExtraction, { id: agent.id, posted_at: agent.extraction_posted_at, due_at: null });
    return true;
  });
}
