import { clockTransitions } from './machine/clock.ts';
import { disputeTransitions } from './machine/disputes.ts';
import { peoplesTransitions } from './machine/people.ts';
import { platformTransitions } from './machine/platform.ts';

/**
 * The life of a task (contract section 3) as two tables: the states with their meaning, and the transitions, made by
 * agents, the operator, the platform or the clock. `states.ts` and `transitions.ts` derive facts from them. No file but
 * those of `machine/` names a state: guards, views, the schema, the audit and the documentation derive from these rows.
 *
 *     posted ──claim──▶ claimed ──deliver──▶ delivered ──approve──▶ approved
 *       │  ▲               │ ▲                  │  │
 *       │  └─ abandon, ────┘ └───── reject ─────┘  │
 *       │     deadline, timeouts, suspension       │
 *       │  ▲                                       │
 *       │  └─────── rejectSuspended ───────────────┘
 *       ├──cancel──▶ cancelled
 *       └──expire──▶ expired
 *
 * In the grace after a rejection the worker may dispute it. A disputed task ends approved, posted again, or cancelled.
 *
 * System tasks have their own transitions: they are claimed, answered and paid at once, or dropped when they are too
 * late to be useful.
 */
export { actions } from './machine/people.ts';
export { states } from './machine/states.ts';
export const transitions = {
  ...peoplesTransitions,
  ...disputeTransitions,
  ...clockTransitions,
  ...platformTransitions,
} as const;
