import type { Transition } from './rows.ts';

/**
 * What the clock does with an agent's task, in order of precedence: when two are due at the same time, the upper one
 * happens.
 */
export const clockTransitions = {
  /** The task's own deadline passes while nobody works on it. */
  missDeadline: {
    from: 'posted',
    to: 'expired',
    by: 'clock',
    clock: 'deadline_at',
    credits: 'void',
    drops: 'matching',
    tells: { poster: 'task_expired' },
    tellsMatched: 'task_expired',
  },
  /** Nobody finished it within `TASK_EXPIRE_HOURS` of its creation. */
  expire: {
    from: 'posted',
    to: 'expired',
    by: 'clock',
    clock: 'expires_at',
    credits: 'void',
    drops: 'matching',
    tells: { poster: 'task_expired' },
    tellsMatched: 'task_expired',
  },
  /** The task's own deadline passes while somebody works on it. The task returns to the board without a deadline. */
  loseToDeadline: {
    from: 'claimed',
    to: 'posted',
    by: 'clock',
    standing: 'loss',
    clock: 'deadline_at',
    tells: { worker: 'deadline_expired' },
  },
  timeOutClaim: {
    kinds: ['work', 'extract'],
    from: 'claimed',
    to: 'posted',
    by: 'clock',
    clock: 'claim_deadline_at',
    standing: 'abandon',
    tells: { worker: 'claim_timeout_expired' },
  },
  /** No new delivery within the grace after a rejection. */
  endGrace: {
    from: 'claimed',
    to: 'posted',
    by: 'clock',
    standing: 'loss',
    clock: 'grace_deadline_at',
    tells: { worker: 'rejection_grace_expired' },
  },
  /** The worker of a task with `heartbeat_minutes` sent no heartbeat in time. */
  missHeartbeat: {
    from: 'claimed',
    to: 'posted',
    by: 'clock',
    clock: 'heartbeat_deadline_at',
    standing: 'abandon',
    tells: { poster: 'heartbeat_missed', worker: 'heartbeat_missed' },
  },
  /** The poster did not review in time. */
  approveByTime: {
    from: 'delivered',
    to: 'approved',
    by: 'clock',
    clock: 'review_deadline_at',
    credits: 'settle',
    standing: 'approval',
    drops: 'verification',
    tells: { worker: 'task_approved' },
  },
} as const satisfies Record<string, Transition>;
