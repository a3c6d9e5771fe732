import type { TaskKind, TaskStatus } from '@pinchwork/sdk/table';
import type { Action, ClockColumn, Transition } from './machine/rows.ts';
import { actions, states, transitions } from './machine.ts';
import { namesOf } from './present.ts';

/** Facts derived from the table of transitions. */
export type TransitionName = keyof typeof transitions;

/** What an agent does to a task without moving it. */
export type ActionName = keyof typeof actions;

/** The row of what an agent does to an existing task, with or without moving it. */
export const actOf = (name: PersonTransition | ActionName): Transition | (Action & { to?: undefined }) =>
  isAction(name) ? actions[name] : transitions[name];

export const isAction = (name: PersonTransition | ActionName): name is ActionName => name in actions;

export const transitionNames = namesOf(transitions);

export const transition = (name: TransitionName): Transition => transitions[name];

/** The kinds of tasks that can make this transition. */
export const kindsOf = (name: TransitionName): readonly TaskKind[] => transition(name).kinds ?? ['work'];

type NamesBy<Who extends Transition['by']> = {
  [N in TransitionName]: (typeof transitions)[N]['by'] extends Who ? N : never;
}[TransitionName];

/** A transition that an agent makes on an existing task. */
export type PersonTransition = Exclude<NamesBy<'poster' | 'worker' | 'stranger'>, 'post'>;
export type ClockTransition = NamesBy<'clock'>;
export type AdminTransition = NamesBy<'admin'>;
export type PlatformTransition = Exclude<NamesBy<'platform'>, 'postSystem'>;

const isClockTransition = (name: TransitionName): name is ClockTransition => transitions[name].by === 'clock';

/** The clock's transitions, in order of precedence. */
const clockTransitions = transitionNames.filter(isClockTransition);

/** The clock columns of the transitions that take precedence over `name` when both are due at the same time. */
export function takesPrecedence(name: ClockTransition): ClockColumn[] {
  const above = clockTransitions.slice(0, clockTransitions.indexOf(name));
  return above
    .filter((other) => transitions[other].from === transitions[name].from)
    .filter((other) => kindsOf(other).some((kind) => kindsOf(name).includes(kind)))
    .map((other): ClockColumn => transitions[other].clock)
    .filter((clock) => clock !== transitions[name].clock);
}

/** The transition that the clock makes on a task whose `due_at` has passed. */
export function dueTransition(
  task: { kind: TaskKind; status: TaskStatus; due_at: number | null; dispute_credits: number | null } & Record<
    ClockColumn,
    number | null
  >,
): ClockTransition | undefined {
  const isPaid = (task.dispute_credits ?? 0) > 0;
  return clockTransitions.find(
    (name) =>
      kindsOf(name).includes(task.kind) &&
      transitions[name].from === task.status &&
      (transition(name).pays ?? isPaid) === isPaid &&
      task.due_at !== null &&
      task[transitions[name].clock] === task.due_at,
  );
}

const isOfKind = (name: TransitionName, kind: TaskKind) => kindsOf(name).includes(kind);

/** The clock columns that can end a state, in order of precedence. */
export function clocksOf(status: TaskStatus): readonly ClockColumn[] {
  const rows = clockTransitions.filter((name) => transitions[name].from === status);
  return [...new Set(rows.map((name) => transitions[name].clock))];
}

type Cancellation = {
  [N in TransitionName]: (typeof transitions)[N] extends { by: 'admin'; credits: 'void' } ? N : never;
}[TransitionName];

const isCancellation = (name: TransitionName): name is Cancellation => {
  const { by, credits } = transition(name);
  return by === 'admin' && credits === 'void';
};

/** The operator's cancellations, one for each state that has one. */
export const cancellations = transitionNames.filter(isCancellation);

/** The transitions that deliver a result. */
export const deliveringTransitions = transitionNames.filter((name) => {
  const { from, to } = transition(name);
  return from !== null && !states[from].showsDelivery && states[to].showsDelivery;
});

/** The transitions by which a poster, or the clock in its place, reviews a delivery. */
export const reviewTransitions = transitionNames.filter((name) => {
  const { from, by, standing } = transition(name);
  const isReview = standing === 'approval' || standing === 'rejection';
  return isReview && by !== 'platform' && from !== null && states[from].showsDelivery;
});

/** The transitions that take a task away from its worker. */
export const claimEnds = transitionNames.filter((name) => endsClaim(transition(name)));

/** Whether the task has a worker before the transition and none after it. */
export function endsClaim({ from, to }: Transition): boolean {
  return from !== null && states[from].hasWorker && !states[to].hasWorker;
}

/** The states from which an agent's own task can no longer come onto the board. */
export const statesPastBoard: readonly TaskStatus[] = withoutPathTo((status) => states[status].isOnBoard);

function withoutPathTo(isGoal: (status: TaskStatus) => boolean): readonly TaskStatus[] {
  const names = namesOf(states);
  const found = new Set(names.filter(isGoal));
  for (let size = -1; size !== found.size;) {
    size = found.size;
    for (const name of transitionNames) {
      const { from, to } = transition(name);
      if (from !== null && isOfKind(name, 'work') && found.has(to)) found.add(from);
    }
  }
  return names.filter((status) => !found.has(status));
}
