import type { TaskKind, TaskStatus } from '@pinchwork/sdk';
import { type ClockColumn, states, type Transition, transitions } from './machine.ts';

/** What follows from the table of transitions. */
export type TransitionName = keyof typeof transitions;

export const transitionNames = Object.keys(transitions) as TransitionName[];

export const transition = (name: TransitionName): Transition => transitions[name];

/** The kinds of tasks that can go this way. */
export const kindsOf = (name: TransitionName): readonly TaskKind[] => transition(name).kinds ?? ['work'];

type NamesBy<Who extends Transition['by']> = {
  [N in TransitionName]: (typeof transitions)[N]['by'] extends Who ? N : never;
}[TransitionName];

/** What a person does to a task that is there already. */
export type PersonTransition = Exclude<NamesBy<'poster' | 'worker' | 'stranger'>, 'post'>;
export type ClockTransition = NamesBy<'clock'>;
export type AdminTransition = NamesBy<'admin'>;
export type PlatformTransition = Exclude<NamesBy<'platform'>, 'postSystem'>;

const isClockTransition = (name: TransitionName): name is ClockTransition => transitions[name].by === 'clock';

/** The clock's rows, upper first. */
const clockTransitions = transitionNames.filter(isClockTransition);

/** The clock rows that come before `name` when both are due at the same time. */
export function takesPrecedence(name: ClockTransition): ClockColumn[] {
  const above = clockTransitions.slice(0, clockTransitions.indexOf(name));
  return above
    .filter((other) => transitions[other].from === transitions[name].from)
    .filter((other) => kindsOf(other).some((kind) => kindsOf(name).includes(kind)))
    .map((other) => transitions[other].clock);
}

/** What the clock does to a task whose `due_at` has come. */
export function dueTransition(
  task: { kind: TaskKind; status: TaskStatus; due_at: number | null } & Record<ClockColumn, number | null>,
): ClockTransition | undefined {
  return clockTransitions.find(
    (name) =>
      kindsOf(name).includes(task.kind) &&
      transitions[name].from === task.status &&
      task.due_at !== null &&
      task[transitions[name].clock] === task.due_at,
  );
}

const isOfKind = (name: TransitionName, kind: TaskKind) => kindsOf(name).includes(kind);

/** The columns by which the clock ends a state, upper rows first. */
export function clocksOf(status: TaskStatus): readonly ClockColumn[] {
  const rows = clockTransitions.filter((name) => transitions[name].from === status);
  return [...new Set(rows.map((name) => transitions[name].clock))];
}

/** The transitions that take a task from its worker. */
export const claimEnds = transitionNames.filter((name) => endsClaim(transition(name)));

/** Whether a transition leaves the task without the worker that it had. */
export function endsClaim({ from, to }: Transition): boolean {
  return from !== null && states[from].hasWorker && !states[to].hasWorker;
}

/** The states from which an agent's own task can still come to the board, those on it included. */
export const statesBeforeBoard: readonly TaskStatus[] = leadingTo((status) => states[status].isOnBoard);

function leadingTo(isGoal: (status: TaskStatus) => boolean): readonly TaskStatus[] {
  const names = Object.keys(states) as TaskStatus[];
  const found = new Set(names.filter(isGoal));
  for (let size = -1; size !== found.size;) {
    size = found.size;
    for (const name of transitionNames) {
      const { from, to } = transition(name);
      if (from !== null && isOfKind(name, 'work') && found.has(to)) found.add(from);
    }
  }
  return names.filter((status) => found.has(status));
}
