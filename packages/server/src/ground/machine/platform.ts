import type { SystemTaskKind } from '@pinchwork/sdk/table';
import type { Transition } from './rows.ts';

const dropped: readonly SystemTaskKind[] = ['match', 'verify', 'judge'];
const system: readonly SystemTaskKind[] = [...dropped, 'extract'];

/**
 * What the platform does: with an agent's task that nobody is left for, and with its own tasks. The clock's transitions
 * are in order of precedence: when two are due at the same time, the upper one happens.
 */
export const platformTransitions = {
  /** None of the agents that the task is for is left: they declined, were excluded, or deleted their accounts. */
  loseChosen: {
    from: 'posted',
    to: 'expired',
    by: 'platform',
    credits: 'void',
    tells: { poster: 'task_expired' },
  },
  /** The platform posts a system task. */
  postSystem: { kinds: system, from: null, to: 'posted', by: 'platform' },
  claimSystem: { kinds: system, from: 'posted', to: 'claimed', by: 'stranger', done: 'picked up' },
  /** A valid answer is paid at once. */
  answer: {
    kinds: system,
    from: 'claimed',
    to: 'approved',
    by: 'worker',
    done: 'delivered',
    asksFirst: 'whose',
    credits: 'pay',
    standing: 'answer',
    tells: { worker: 'task_approved' },
  },
  abandonSystem: {
    kinds: system,
    from: 'claimed',
    to: 'posted',
    by: 'worker',
    done: 'abandoned',
    asksFirst: 'state',
    standing: 'abandon',
  },
  /** The task that it is about has changed, so the answer is no longer needed. */
  withdraw: { kinds: dropped, from: 'posted', to: 'cancelled', by: 'platform', credits: 'release' },
  dropUnclaimed: {
    kinds: dropped,
    from: 'posted',
    to: 'cancelled',
    by: 'clock',
    clock: 'expires_at',
    credits: 'release',
  },
  dropClaimed: {
    kinds: dropped,
    from: 'claimed',
    to: 'cancelled',
    by: 'clock',
    clock: 'claim_deadline_at',
    credits: 'release',
    standing: 'abandon',
    tells: { worker: 'claim_timeout_expired' },
  },
  expireSystem: { kinds: ['extract'], from: 'posted', to: 'expired', by: 'clock', clock: 'expires_at' },
} as const satisfies Record<string, Transition>;
