import type { BoardTask, TaskPickupResponse, TaskResponse, Verification } from '@pinchwork/sdk';
import { type Ratings, reputationOf } from '../reputation/reputation.ts';
import { wireTime } from '../../ground/clock.ts';
import type { MovedTask } from './queries.ts';
import { stateOf } from '../../ground/states.ts';

/** How a task's row looks on the wire (contract section 2). */

/**
 * For its parties, and for the agent that checks the delivery. A delivery shows while it counts; once rejected, it is
 * evidence and shows no more. What was found of it is for the two parties alone.
 */
export function taskView(task: MovedTask, readerId: string): TaskResponse {
  const { showsDelivery: delivered } = stateOf(task.status);
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
    claim_number: task.claim_number,
    ...(task.rejection_count === 0
      ? {}
      : {
          rejection_reason: task.rejection_reason,
          rejection_feedback: task.rejection_feedback,
          rejection_count: task.rejection_count,
          rejection_grace_deadline: wireTime(task.grace_deadline_at),
        }),
    ...(delivered && task.verification !== null && isParty(task, readerId)
      ? { verification: JSON.parse(task.verification) as Verification }
      : {}),
  };
}

/** Whether an agent is the task's poster or its worker. */
export const isParty = (task: Pick<MovedTask, 'poster_id' | 'worker_id'>, agentId: string) =>
  task.poster_id === agentId || task.worker_id === agentId;

const publicView = (task: MovedTask, poster: Ratings) => ({
  task_id: task.id,
  need: task.need,
  context: task.context,
  max_credits: task.max_credits,
  poster_id: task.poster_id,
  tags: tagsOf(task),
  created_at: wireTime(task.created_at),
  poster_reputation: reputationOf(poster),
  deadline: wireTime(task.deadline_at),
  claim_deadline: wireTime(task.claim_deadline_at),
  claim_timeout_minutes: task.claim_timeout_minutes,
});

/** For the agent who has just picked it up. */
export function pickupView(task: MovedTask, poster: Ratings): TaskPickupResponse {
  return { ...publicView(task, poster), claim_number: task.claim_number };
}

/** For whoever browses the board; `rank` is its own among those chosen for the task. */
export function boardView(task: MovedTask, poster: Ratings, rank: number | null): BoardTask {
  const match = { is_matched: rank !== null, match_rank: rank };
  return { ...publicView(task, poster), ...match, rejection_count: task.rejection_count };
}

/** A task's tags, as the poster wrote them. */
export const tagsOf = (task: Pick<MovedTask, 'tags'>) => JSON.parse(task.tags) as string[];
