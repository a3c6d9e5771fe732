import type { TaskStatus } from '@pinchwork/sdk';
import type { Colour, Style } from './style.ts';

/** What a view is drawn on. */
export interface Page {
  /** Undefined where nothing need fit: a pipe, a file. */
  readonly columns: number | undefined;
  readonly style: Style;
  readonly nowMs: number;
}

/** How a reply is shown to people, and what of it programs may ask for. */
export interface View<R> {
  /** The field of a list's reply that has its rows. */
  readonly rows?: string;
  /** The id of the reply, or of one of its rows. Without: there are none, and -q is refused. */
  readonly id?: (row: never) => string | null | undefined;
  /** For people. Lines without a line's end at their end. */
  draw(reply: R, page: Page): string;
  /** What else to tell people, on stderr: that there is more, for example. */
  note?(reply: R): string | undefined;
}

const taskColours: Readonly<Record<TaskStatus, Colour>> = {
  posted: 'blue',
  claimed: 'yellow',
  delivered: 'magenta',
  disputed: 'red',
  approved: 'green',
  expired: 'dim',
  cancelled: 'dim',
};

/** The states of a task (contract section 3). `Object.keys` forgets their names. */
export const taskStatuses = Object.keys(taskColours) as TaskStatus[];

const stateColours: Readonly<Record<string, Colour>> = {
  ...taskColours,
  active: 'green',
  suspended: 'red',
  paused: 'red',
  unconfirmed: 'yellow',
  open: 'yellow',
  pending: 'yellow',
  dead: 'red',
};

export const stateColour = (state: string): Colour | undefined => stateColours[state];
