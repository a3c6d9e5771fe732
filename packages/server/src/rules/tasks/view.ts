import type { BoardTask, TaskPickupResponse, TaskResponse, Verification } from '@pinchwork/sdk/table';
import { posterRecord, type PosterRow } from '../reputation/poster-record.ts';
import { reputationOf } from '../reputation/reputation.ts';
import { wireTime } from '../../ground/clock.ts';
import type { Review } from './lists.ts';
import { isMatched } from './offers.ts';
import type { MovedTask } from './queries.ts';
import { stateOf } from '../../ground/states.ts';
import { openTermsView, type Terms, termsView } from './terms.ts';
import { storedTexts } from '../../ground/stored.ts';

/** The wire format of tasks (contract section 2). */

/**
 * A task as its parties and its verifier see it. The delivery is shown until it is rejected; after that it is only
 * kept as evidence. The verification is shown to the two parties only: a verifier reads the task until it has answered,
 * and a judge reads it while it is disputed, which is when there is no valid delivery.
 *
 * @param review what the poster gave with the approval of a paid task, if it gave anything.
 */
export function taskView(task: MovedTask, terms: Terms, review?: Review): TaskResponse {
  const { showsDelivery: delivered, credits } = stateOf(task.status);
  return {
    task_id: task.id,
    status: task.status,
    need: task.need,
    context: task.context,
    result: delivered ? task.result : null,
    max_credits: task.max_credits,
    credits_charged: delivered ? task.credits_charged : null,
    poster_id: task.poster_id,
    worker_id: task.worker_id,
    tags: tagsOf(task),
    created_at: wireTime(task.created_at),
    deadline: wireTime(task.deadline_at),
    claim_deadline: wireTime(task.claim_deadline_at),
    review_timeout_minutes: task.review_timeout_minutes,
    claim_timeout_minutes: task.claim_timeout_minutes,
    ...termsView(terms),
    claim_number: task.claim_number,
    ...(terms.heartbeat_minutes === null ? {} : { heartbeat_deadline: wireTime(task.heartbeat_deadline_at) }),
    ...(task.progress === null && task.progress_note === null
      ? {}
      : { progress: task.progress, progress_note: task.progress_note }),
    ...(task.rejection_count === 0
      ? {}
      : {
          rejection_reason: task.rejection_reason,
          rejection_feedback: task.rejection_feedback,
          rejection_count: task.rejection_count,
          rejection_grace_deadline: wireTime(task.grace_deadline_at),
          ...(delivered || task.deliveries_left === null ? {} : { deliveries_left: task.deliveries_left }),
        }),
    ...(delivered && task.verification !== null
      ? // Stored by this server, from a checked answer.
        { verification: JSON.parse(task.verification) as Verification }
      : {}),
    ...(credits === 'paid' ? { rating: review?.rating ?? null, feedback: review?.feedback ?? null } : {}),
    ...(task.texts_removed === null ? {} : { texts_removed: task.texts_removed }),
  };
}

/** Whether an agent is the task's poster or its worker. */
export const isParty = (task: Pick<MovedTask, 'poster_id' | 'worker_id'>, agentId: string) =>
  task.poster_id === agentId || task.worker_id === agentId;

const publicView = (task: MovedTask, poster: PosterRow, terms: Terms) => ({
  task_id: task.id,
  need: task.need,
  context: task.context,
  max_credits: task.max_credits,
  poster_id: task.poster_id,
  tags: tagsOf(task),
  created_at: wireTime(task.created_at),
  poster_reputation: reputationOf(poster),
  poster: posterRecord(poster, poster.poster_name),
  deadline: wireTime(task.deadline_at),
  claim_deadline: wireTime(task.claim_deadline_at),
  claim_timeout_minutes: task.claim_timeout_minutes,
  ...openTermsView(terms),
});

/** A task as the agent sees it that has just picked it up. */
export function pickupView(task: MovedTask, poster: PosterRow, terms: Terms): TaskPickupResponse {
  return { ...publicView(task, poster, terms), claim_number: task.claim_number };
}

/**
 * A task on the board. `rank`: the reader's rank among the matched agents; `offered` if the poster has chosen it, null if
 * neither.
 */
export function boardView(task: MovedTask & PosterRow, terms: Terms, rank: number | null): BoardTask {
  const match = isMatched(rank) ? { is_matched: true, match_rank: rank } : { is_matched: false, match_rank: null };
  return { ...publicView(task, task, terms), ...match, rejection_count: task.rejection_count };
}

/** A task's tags, as the poster wrote them. */
export const tagsOf = (task: Pick<MovedTask, 'tags'>) => storedTexts(task.tags);
