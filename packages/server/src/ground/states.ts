import type { TaskStatus } from '@pinchwork/sdk/table';
import type { State } from './machine/rows.ts';
import { states } from './machine.ts';
import { namesOf } from './present.ts';

/** Facts derived from the table of states. */

/** The row of a state. */
export const stateOf = (status: TaskStatus): State => states[status];

/** All states, in the order of a task's life. */
export const allStates = namesOf(states);

const statesWhere = (holds: (state: State) => boolean): readonly TaskStatus[] =>
  allStates.filter((status) => holds(states[status]));

/** Open: the credits are in escrow. */
export const openStates = statesWhere(({ credits }) => credits === 'escrow');
/** Ended: a task never leaves these states. */
export const endedStates = statesWhere(({ credits }) => credits !== 'escrow');
export const paidStates = statesWhere(({ credits }) => credits === 'paid');
export const boardStates = statesWhere(({ isOnBoard }) => isOnBoard);
export const workerStates = statesWhere(({ hasWorker }) => hasWorker);
/** Open, with a delivery that waits for review. */
export const reviewStates = statesWhere(({ credits, showsDelivery }) => credits === 'escrow' && showsDelivery);
/** Open, with a worker that still has to deliver. */
export const workingStates = statesWhere(
  ({ credits, hasWorker, showsDelivery }) => credits === 'escrow' && hasWorker && !showsDelivery,
);
export const questionStates = statesWhere(({ talk }) => talk === 'questions');
export const messageStates = statesWhere(({ talk }) => talk === 'messages');

/** Whether a task in this state has ended. */
export const isEnded = (status: TaskStatus) => endedStates.includes(status);

/** The states as part of a sentence: `claimed or delivered`. */
export const wordsFor = (statuses: readonly TaskStatus[]) =>
  new Intl.ListFormat('en-GB', { type: 'disjunction' }).format(statuses);

/** The states with an article, before the noun `task`: `an approved task`. */
export const aTask = (statuses: readonly TaskStatus[]) =>
  `${/^[aeiou]/.test(statuses[0] ?? '') ? 'an' : 'a'} ${wordsFor(statuses)} task`;
