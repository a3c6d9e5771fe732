import { taskKinds } from '@pinchwork/sdk/table';
import type { Action, Transition } from './rows.ts';

/** What agents and the operator do with an agent's task. */
export const peoplesTransitions = {
  post: { from: null, to: 'posted', by: 'poster', credits: 'hold', standing: 'post' },
  claim: {
    from: 'posted',
    to: 'claimed',
    by: 'stranger',
    done: 'picked up',
    drops: 'matching',
    tells: { poster: 'task_claimed' },
  },
  deliver: {
    from: 'claimed',
    to: 'delivered',
    by: 'worker',
    done: 'delivered',
    asksFirst: 'whose',
    tells: { poster: 'task_delivered' },
  },
  approve: {
    from: 'delivered',
    to: 'approved',
    by: 'poster',
    done: 'approved',
    asksFirst: 'whose',
    credits: 'settle',
    standing: 'approval',
    drops: 'verification',
    tells: { worker: 'task_approved' },
  },
  /** A delivery that fits is approved in the transaction that delivers it (contract section 3a, `auto_approve`). */
  approveAtOnce: {
    from: 'delivered',
    to: 'approved',
    by: 'platform',
    credits: 'settle',
    standing: 'approval',
    tells: { worker: 'task_approved' },
  },
  /** The worker keeps the claim, and may deliver again within the grace while it has deliveries left. */
  reject: {
    from: 'delivered',
    to: 'claimed',
    by: 'poster',
    done: 'rejected',
    asksFirst: 'whose',
    standing: 'rejection',
    drops: 'verification',
    tells: { worker: 'task_rejected' },
  },
  /** The worker is suspended, so its claim ends. */
  rejectSuspended: {
    from: 'delivered',
    to: 'posted',
    by: 'poster',
    done: 'rejected',
    asksFirst: 'whose',
    standing: 'rejection',
    drops: 'verification',
    tells: { worker: 'task_rejected' },
  },
  abandon: { from: 'claimed', to: 'posted', by: 'worker', done: 'abandoned', asksFirst: 'state', standing: 'abandon' },
  /** The worker has been suspended. */
  dismissWorker: { kinds: taskKinds, from: 'claimed', to: 'posted', by: 'admin' },
  cancel: {
    from: 'posted',
    to: 'cancelled',
    by: 'poster',
    done: 'cancelled',
    asksFirst: 'whose',
    credits: 'void',
    standing: 'cancel',
    drops: 'matching',
    tellsMatched: 'task_cancelled',
  },
  /** The operator ends a task in any open state (contract section 2, admin cancel). */
  cancelPosted: {
    from: 'posted',
    to: 'cancelled',
    by: 'admin',
    credits: 'void',
    drops: 'matching',
    tells: { poster: 'task_cancelled' },
    tellsMatched: 'task_cancelled',
  },
  cancelClaimed: {
    from: 'claimed',
    to: 'cancelled',
    by: 'admin',
    credits: 'void',
    tells: { poster: 'task_cancelled', worker: 'task_cancelled' },
  },
  cancelDelivered: {
    from: 'delivered',
    to: 'cancelled',
    by: 'admin',
    credits: 'void',
    drops: 'verification',
    tells: { poster: 'task_cancelled', worker: 'task_cancelled' },
  },
} as const satisfies Record<string, Transition>;

/** What agents do to a task without moving it, where the state decides whether they may. */
export const actions = {
  heartbeat: { from: 'claimed', by: 'worker', done: 'reported on', asksFirst: 'whose' },
} as const satisfies Record<string, Action>;
