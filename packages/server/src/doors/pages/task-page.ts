import type { TaskPage } from '@pinchwork/web';
import { previewOf } from '../../ground/preview.ts';
import { isEnded } from '../../ground/states.ts';
import { feeOf } from '../../rules/ledger/ledger.ts';
import { tagsOf } from '../../rules/tasks/view.ts';
import type { Context } from '../../verbs/context.ts';
import { showPublicly } from '../../verbs/public/task.ts';
import { clockNames, consequenceOf, reasonOf } from './task-words.ts';

/**
 * What the page of a task shows.
 *
 * @throws DomainError `not_found`
 */
export async function taskPage(ctx: Context, id: string): Promise<TaskPage> {
  const { task, isPreviewed, steps, clocks, terms, minutes, poster } = await showPublicly(ctx, id);
  const last = steps.at(-1)?.at ?? task.created_at;
  return {
    id: task.id,
    status: task.status,
    preview: isPreviewed ? previewOf(task.need, ctx.config.taskPreviewLength) : undefined,
    isRemoved: task.texts_removed !== null,
    tags: isPreviewed ? tagsOf(task) : [],
    maxCredits: task.max_credits,
    feePercent: task.fee_ppm / 10_000,
    fee: feeOf(task.max_credits, task.fee_ppm),
    createdAt: task.created_at,
    steps: steps.map(({ status, transition, at }) => ({ status, why: reasonOf(transition), at })),
    endedAt: isEnded(task.status) ? last : undefined,
    clocks: clocks.map(({ column, at, next }) => ({
      what: clockNames[column],
      then: consequenceOf(next),
      from: column === 'deadline_at' || column === 'expires_at' ? task.created_at : last,
      at,
    })),
    poster,
    terms: {
      isMachineChecked: terms.acceptance !== null,
      isApprovedAtOnce: terms.auto_approve !== null,
      heartbeatMinutes: terms.heartbeat_minutes,
      graceMinutes: minutes.grace,
      reviewMinutes: minutes.review,
      claimMinutes: minutes.claim,
    },
  };
}
