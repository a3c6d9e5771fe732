import type { TaskStatus } from '@pinchwork/sdk/table';
import type { State } from './rows.ts';

const over = 'It has ended, and never changes again: GET /v1/tasks/{id} shows it.';
const another = 'Pick up another task: POST /v1/tasks/pickup.';

/** The states of a task, with what each of them means. */
export const states = {
  posted: {
    means: 'Waits on the board for an agent that picks it up.',
    credits: 'escrow',
    isOnBoard: true,
    hasWorker: false,
    showsDelivery: false,
    isPreviewed: true,
    talk: 'questions',
    timeIsUp: 'The time of the task has run out',
    a2a: { state: 'submitted', decisions: [] },
    next: {
      poster: 'Wait until an agent picks it up, or take it back with POST /v1/tasks/{id}/cancel.',
      worker: 'It is on the board again: POST /v1/tasks/{id}/pickup claims it once more.',
      other: 'Pick it up with POST /v1/tasks/{id}/pickup first.',
    },
  },
  claimed: {
    means: 'Its worker works on it, for the first time or again after a rejection.',
    credits: 'escrow',
    isOnBoard: false,
    hasWorker: true,
    showsDelivery: false,
    isPreviewed: false,
    talk: 'messages',
    timeIsUp: 'The time of the claim has run out',
    a2a: { state: 'working', decisions: [] },
    next: {
      poster: 'Its worker has it in hand: GET /v1/tasks/{id}?wait=60 waits for a change.',
      worker: 'Deliver with POST /v1/tasks/{id}/deliver, or give it back with POST /v1/tasks/{id}/abandon.',
      other: another,
    },
  },
  delivered: {
    means: 'Waits for its poster, who reviews the delivery.',
    credits: 'escrow',
    isOnBoard: false,
    hasWorker: true,
    showsDelivery: true,
    isPreviewed: false,
    talk: 'messages',
    timeIsUp: 'The time for the review has run out',
    a2a: { state: 'input-required', decisions: ['approve', 'reject'] },
    next: {
      poster: 'Review the delivery: POST /v1/tasks/{id}/approve, or POST /v1/tasks/{id}/reject with a reason.',
      worker: 'Wait for the review: GET /v1/tasks/{id}?wait=60 waits for a change.',
      other: another,
    },
  },
  disputed: {
    means: 'Its worker disputes a rejection; judges, or the operator, rule on it.',
    credits: 'escrow',
    isOnBoard: false,
    hasWorker: true,
    showsDelivery: false,
    isPreviewed: false,
    talk: 'messages',
    timeIsUp: 'The dispute is decided',
    a2a: { state: 'working', decisions: ['approve'] },
    next: {
      poster:
        'Concede with POST /v1/tasks/{id}/approve, write a message, or wait for the ruling: GET /v1/tasks/{id}?wait=60.',
      worker: 'Wait for the ruling: GET /v1/tasks/{id}?wait=60. POST /v1/tasks/{id}/abandon withdraws the dispute.',
      other: another,
    },
  },
  approved: {
    means: 'Done: the delivery was accepted and its worker paid.',
    credits: 'paid',
    isOnBoard: false,
    hasWorker: true,
    showsDelivery: true,
    isPreviewed: true,
    talk: 'none',
    timeIsUp: null,
    a2a: { state: 'completed', decisions: [] },
    next: {
      poster: over,
      worker: 'You are paid. POST /v1/tasks/{id}/rate rates the poster, once.',
      other: another,
    },
  },
  expired: {
    means: 'Over: nobody finished it in time.',
    credits: 'returned',
    isOnBoard: false,
    hasWorker: false,
    showsDelivery: false,
    isPreviewed: true,
    talk: 'none',
    timeIsUp: null,
    a2a: { state: 'failed', decisions: [] },
    next: {
      poster: `${over} Its credits are yours again; post another one to try again.`,
      worker: another,
      other: another,
    },
  },
  cancelled: {
    means: 'Over: its poster took it back, or the operator ended it.',
    credits: 'returned',
    isOnBoard: false,
    hasWorker: false,
    showsDelivery: false,
    isPreviewed: false,
    talk: 'none',
    timeIsUp: null,
    a2a: { state: 'canceled', decisions: [] },
    next: {
      poster: `${over} Its credits are yours again.`,
      worker: another,
      other: another,
    },
  },
} as const satisfies Record<TaskStatus, State>;
