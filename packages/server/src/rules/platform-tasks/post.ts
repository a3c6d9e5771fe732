import { limits, platformId, type SystemTaskKind } from '@pinchwork/sdk/table';
import { deadlineAfter, hourMs, secondMs } from '../../ground/clock.ts';
import type { Ground, Work } from '../../storage/ground.ts';
import { freeHelper, helpParams, leastNamed } from '../agents/helpers.ts';
import { candidates, choose, findAgents, mostMatched } from '../matching/matcher.ts';
import { setMatches } from '../matching/matches.ts';
import type { RecordedTask } from '../tasks/queries.ts';
import { moveCreditsAndRecord } from '../lifecycle/transition.ts';
import { tagsOf } from '../tasks/view.ts';
import { insertPosted, reserve } from '../ledger/budget.ts';
import { ensurePlatform } from '../agents/queries.ts';
import * as queries from './queries.ts';

/** At most one extract task about an agent is posted in this time. */
const extractionMs = hourMs;

interface Question {
  readonly kind: Exclude<SystemTaskKind, 'judge'>;
  /** Id of the task that the system task is about; for `extract`, of the agent. */
  readonly aboutId: string;
  readonly aboutVersion?: number;
  readonly candidates?: readonly string[];
  /** The poster of the task that it is about, or the agent whose `good_at` it is about: its caps count. */
  readonly cause: string;
  /** Another agent that may not do it: the worker. */
  readonly other?: string | null;
}

/**
 * Posts a system task, if the platform's budget and the caps of its cause allow it, and an infra agent has a share left
 * for it.
 *
 * @returns its id; undefined if a cap is reached.
 */
async function ask(work: Work, question: Question): Promise<string | undefined> {
  const { ctx, tx, now } = work;
  const { kind, aboutId, aboutVersion, candidates, cause, other } = question;
  const { prices, timeoutSeconds } = ctx.config.systemTasks;
  const price = prices[kind];
  const free = { cause, other: other ?? cause, price, ...helpParams(ctx.config, now) };
  if ((await tx.first(freeHelper, free)) === undefined) return undefined;
  const periodMs = kind === 'extract' ? ctx.config.taskExpireHours * hourMs : timeoutSeconds[kind] * secondMs;
  return postSystemTask(work, {
    kind,
    cause,
    about_id: aboutId,
    about_version: aboutVersion ?? null,
    candidates: candidates === undefined ? null : JSON.stringify(candidates),
    max_credits: price,
    expires_at: deadlineAfter(now, periodMs),
  });
}

interface NewSystemTask {
  readonly kind: SystemTaskKind;
  /** The agent whose caps count. */
  readonly cause: string;
  readonly about_id: string;
  readonly about_version: number | null;
  /** As JSON. */
  readonly candidates: string | null;
  readonly max_credits: number;
  readonly expires_at: number;
}

/** Posts a system task, if the platform's budget and the caps of its cause allow it. @returns its id; else undefined. */
export async function postSystemTask(work: Work, { cause, ...columns }: NewSystemTask): Promise<string | undefined> {
  const { ctx, tx, now } = work;
  const { kind, max_credits: price } = columns;
  // `reserve` locks the platform's row, so it must exist.
  tx.send(ensurePlatform, { now });
  if (!(await reserve(work, { kind, cause, price }))) return undefined;
  const id = ctx.newId('task');
  const task = await tx.one(queries.insertSystemTask, { id, poster_id: platformId, created_at: now, ...columns });
  tx.send(insertPosted, { task_id: id, poster_id: cause, posted_at: now, kind, credits: price });
  await moveCreditsAndRecord(work, 'postSystem', task, { actorId: platformId, workerId: null });
  return id;
}

/**
 * A task just inserted, with `has_helper` (an infra agent can be asked) and `has_words` (an agent has words in the index,
 * or a capability tag).
 */
export type NewTask = RecordedTask & { need: string; has_helper: number | boolean; has_words: number | boolean };

/**
 * Starts matching for a task just posted. Posts a match task if an infra agent can be asked and the caps allow it; else
 * the built-in matcher chooses at once (contract section 6, "Matching").
 *
 */
export async function arrangeMatching(work: Work, task: NewTask): Promise<void> {
  const { tx } = work;
  const wanted = { need: task.need, tags: tagsOf(task), posterId: task.poster_id };
  const found = task.has_words ? await findAgents(tx, wanted, task.has_helper ? limits.candidates : mostMatched) : [];
  if (task.has_helper) {
    const matching_id = await ask(work, {
      kind: 'match',
      aboutId: task.id,
      candidates: await candidates(tx, found, wanted),
      cause: task.poster_id,
    });
    if (matching_id !== undefined) {
      tx.send(queries.noteMatching, { id: task.id, matching_id });
      return;
    }
  }
  if (found.length > 0) await setMatches(work, task, choose(found));
}

/**
 * Posts a verify task about a delivery, if an infra agent can be asked and the caps allow it. Its answer is advice,
 * shown to both parties; it decides nothing (contract section 6).
 */
export async function arrangeVerification(
  work: Work,
  task: RecordedTask & { has_helper?: number | boolean },
): Promise<void> {
  // Nobody can check a delivery without its text.
  if (!task.has_helper || task.texts_removed !== null) return;
  const { id, version: aboutVersion, poster_id: cause, worker_id: other } = task;
  const verifying_id = await ask(work, { kind: 'verify', aboutId: id, aboutVersion, cause, other });
  if (verifying_id !== undefined) work.tx.send(queries.noteVerifying, { id, verifying_id });
}

/**
 * Posts an extract task about an agent's `good_at`, at most once an hour. If that is not possible now, because the hour
 * is not over, no infra agent can be asked or a cap is reached, it is noted for later (`askLater`). The caller must
 * already hold a lock on the agent's row, and must not call this for infra agents.
 *
 * @returns whether an infra agent can be asked; false without a look before the hour is over.
 */
export async function arrangeExtraction(
  work: Work,
  { id, extraction_posted_at: posted_at }: { id: string; extraction_posted_at: number | null },
): Promise<boolean> {
  const { tx, now } = work;
  const from = posted_at === null ? now : posted_at + extractionMs;
  const hasHelper =
    from <= now &&
    (await tx.first(queries.anyOtherHelper, { id, least_named: leastNamed(work.ctx.config) })) !== undefined;
  const isAsked = hasHelper && (await ask(work, { kind: 'extract', aboutId: id, cause: id })) !== undefined;
  const later = { id, posted_at, due_at: hasHelper ? now + extractionMs : from };
  tx.send(queries.noteExtraction, isAsked ? { id, posted_at: now, due_at: null } : later);
  return hasHelper;
}

/**
 * Posts the extract task about one agent whose task could not be posted when its `good_at` changed.
 *
 * @returns whether to call this again at once: false if no agent is due, or if no infra agent can be asked.
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
