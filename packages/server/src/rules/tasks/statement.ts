import type { TaskKind } from '@pinchwork/sdk/table';
import { type AliasedRawBuilder, sql, type UpdateObject } from 'kysely';
import { actions, transitions } from '../../ground/machine.ts';
import { present } from '../../ground/present.ts';
import {
  type ActionName,
  type ClockTransition,
  endsClaim,
  kindsOf,
  type PersonTransition,
  takesPrecedence,
  transition,
  type TransitionName,
} from '../../ground/transitions.ts';
import { type Params, prepared } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';
import { movedColumns, type TaskExpressions } from './queries.ts';

/** The columns that a transition changes in addition to the state and the version. */
export type TaskUpdate = UpdateObject<Schema, 'tasks'>;

/** The column of a statement that says in passing what its verb needs next, which saves a query. */
type Told = AliasedRawBuilder<number, 'claims_left'> | AliasedRawBuilder<number | boolean, 'has_helper'>;

interface Particulars<P> {
  /** Conditions in addition to id, state and kind. */
  readonly guard: (eb: TaskExpressions, params: P) => ReturnType<TaskExpressions['and']>;
  /** The guard in words, for the name of the prepared statement. */
  readonly condition: string;
  /** A column to return in addition to those of the task. */
  readonly tells?: ((params: P) => Told) | undefined;
}

/** The value of a column plus one. */
export const plusOne = (column: 'version' | 'claim_number' | 'rejection_count') => (eb: TaskExpressions) =>
  eb(column, '+', 1);

/** The columns that change with every transition that ends a claim. */
const releaseClaim: TaskUpdate = {
  worker_id: null,
  matching_id: null,
  held_until: null,
  claim_deadline_at: null,
  grace_deadline_at: null,
  heartbeat_deadline_at: null,
  progress: null,
  progress_note: null,
  progress_told_at: null,
  review_deadline_at: null,
  deliveries_left: null,
};

/**
 * Builds the guarded statement of a transition from its row in `machine.ts`: the guard is the WHERE clause, the next
 * state and the other changes are the SET clause. It changes one row or none. If several requests run it at once,
 * only one changes the row.
 *
 * @param set the columns to change in addition to the state and the version.
 */
export function transitionStatement<P extends { id: string; now: number }>(
  name: TransitionName,
  set: (params: P) => TaskUpdate,
  { guard, condition, tells }: Particulars<P>,
) {
  const row = transition(name);
  // Kysely takes literals in a list, but its types ask for values.
  const kinds = kindsOf(name).map((kind) => sql.lit(kind) as unknown as TaskKind);
  return prepared(
    `${name}${condition}`,
    (db, p: P & Params) =>
      db
        .updateTable('tasks')
        // One object, because a column may be set only once in a statement.
        .set({
          status: sql.lit(row.to),
          version: plusOne('version'),
          ...(endsClaim(row) ? releaseClaim : {}),
          ...set(p),
        })
        .where('id', '=', p.id)
        .where('status', '=', sql.lit(present(row.from, `The state before ${name}`)))
        .where('kind', 'in', kinds)
        .where((eb) => guard(eb, p))
        .returning(movedColumns)
        .$if(tells !== undefined, (query) => query.returning(tells === undefined ? [] : [tells(p)])),
    { key: 'id' },
  );
}

/**
 * A transition by an agent. The agent must have the role, and no deadline may have passed, even if the clock is late.
 */
export function byPerson<P extends { id: string; now: number; actor: string }>(
  name: PersonTransition,
  set: (params: P) => TaskUpdate,
  guard?: (eb: TaskExpressions, params: P) => ReturnType<TaskExpressions['and']>,
  tells?: (params: P) => Told,
) {
  const row = transition(name);
  const owner = row.by === 'worker' ? 'worker_id' : 'poster_id';
  return transitionStatement<P>(name, set, {
    guard: (eb, p) =>
      eb.and([
        eb(owner, row.by === 'stranger' ? '<>' : '=', p.actor),
        eb('due_at', '>', p.now),
        ...(guard === undefined ? [] : [guard(eb, p)]),
      ]),
    condition: `If${row.from}`,
    tells,
  });
}

/**
 * What a worker does to its task without moving it: state and version stay. No deadline may have passed.
 */
export function byAction<P extends { id: string; now: number; actor: string }>(
  name: ActionName,
  set: (params: P) => TaskUpdate,
  guard: (eb: TaskExpressions, params: P) => ReturnType<TaskExpressions['and']>,
) {
  const { from } = actions[name];
  return prepared(
    `${name}If${from}`,
    (db, p: P & Params) =>
      db
        .updateTable('tasks')
        .set(set(p))
        .where('id', '=', p.id)
        .where('status', '=', sql.lit(from))
        .where('kind', '=', sql.lit('work'))
        .where('worker_id', '=', p.actor)
        .where('due_at', '>', p.now)
        .where((eb) => guard(eb, p))
        .returning(movedColumns),
    { key: 'id' },
  );
}

/** A transition by the clock: its deadline must be the one that is due, in the claim that the timer read. */
export function byClock(
  name: ClockTransition,
  set: TaskUpdate = {},
  guard?: (eb: TaskExpressions) => ReturnType<TaskExpressions['or']>,
) {
  const column = transitions[name].clock;
  return transitionStatement<{ id: string; now: number; claim_number: number }>(name, () => set, {
    guard: (eb, p) =>
      eb.and([
        eb('claim_number', '=', p.claim_number),
        eb('due_at', '<=', p.now),
        eb(column, '=', eb.ref('due_at')),
        ...(guard === undefined ? [] : [guard(eb)]),
        ...takesPrecedence(name).map((other) => eb.or([eb(other, 'is', null), eb(other, '>', eb.ref('due_at'))])),
      ]),
    condition: 'IfDue',
  });
}
