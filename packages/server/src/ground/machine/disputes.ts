import type { Transition } from './rows.ts';

const tells = { poster: 'dispute_resolved', worker: 'dispute_resolved' } as const;

/**
 * The life of a disputed task (contract section 3a). A ruling of the judges is made by the clock: the answer that decides
 * the dispute sets `dispute_due_at`. Without a ruling, that column is the time at which the dispute ends by default.
 */
export const disputeTransitions = {
  /** The worker disputes a rejection, in the grace. */
  dispute: {
    from: 'claimed',
    to: 'disputed',
    by: 'worker',
    done: 'disputed',
    asksFirst: 'whose',
    tells: { poster: 'task_disputed' },
  },
  withdrawDispute: {
    from: 'disputed',
    to: 'posted',
    by: 'worker',
    done: 'abandoned',
    asksFirst: 'state',
    drops: 'judging',
    tells,
  },
  /** The poster pays after all, in full. */
  concede: {
    from: 'disputed',
    to: 'approved',
    by: 'poster',
    done: 'approved',
    asksFirst: 'whose',
    credits: 'settle',
    standing: 'approval',
    drops: 'judging',
    tells,
  },
  /** The operator rules: the worker is paid. */
  decideForWorker: {
    from: 'disputed',
    to: 'approved',
    by: 'admin',
    credits: 'settle',
    standing: 'ruling',
    drops: 'judging',
    tells,
  },
  /** The operator rules: the worker gets nothing. */
  decideForPoster: { from: 'disputed', to: 'posted', by: 'admin', standing: 'ruling', drops: 'judging', tells },
  cancelDisputed: { from: 'disputed', to: 'cancelled', by: 'admin', credits: 'void', drops: 'judging', tells },
  /** The judges' ruling, or the end by default: the worker is paid. */
  ruleForWorker: {
    from: 'disputed',
    to: 'approved',
    by: 'clock',
    clock: 'dispute_due_at',
    pays: true,
    credits: 'settle',
    standing: 'ruling',
    drops: 'judging',
    tells,
  },
  /** The judges' ruling, or the end by default: the worker gets nothing. */
  ruleForPoster: {
    from: 'disputed',
    to: 'posted',
    by: 'clock',
    clock: 'dispute_due_at',
    pays: false,
    standing: 'ruling',
    drops: 'judging',
    tells,
  },
} as const satisfies Record<string, Transition>;
