import { type RawBuilder, sql } from 'kysely';
import { type EngineClauses, type Params, type Prepared, preparedSql } from '../storage/prepared.ts';

/**
 * The invariants as queries that return violations (docs/decisions/0016). Each query checks some subjects in one
 * statement, so that it sees one moment of a live database; rows that must agree change in one transaction.
 */
export interface Range extends Params {
  /** Ids greater than this … */
  after: string;
  /** … up to and including this. */
  upto: string;
  /** No webhook delivery of an event younger than this has been deleted. */
  deliveries_since: number;
}

/** Subjects by their ids, as a JSON list. */
export interface Listed extends Params {
  ids: string;
  deliveries_since: number;
}

/** The subjects of a statement while it is built: a range, or those in a list. */
interface Scope {
  contains(id: string): RawBuilder<unknown>;
  readonly deliveries_since: number;
}

export interface Finding {
  readonly subject: string;
  readonly detail: string;
}

export interface Check {
  readonly invariant: string;
  /** The findings among the subjects of a range. */
  readonly findings: Prepared<Range, Finding>;
  /** The findings among subjects in a list. */
  readonly findingsAmong: Prepared<Listed, Finding>;
}

/** Declares a report in SQL, which is clearer here than the query builder. */
export function report<P extends Params, R>(
  name: string,
  build: (params: P, engine: EngineClauses) => RawBuilder<R>,
): Prepared<P, R> {
  return preparedSql(name, build, { replan: true, scans: 'the audit reads all rows, one range of ids at a time' });
}

const inRange = ({ after, upto, deliveries_since }: Range): Scope => ({
  contains: (id) => sql`${sql.ref(id)} > ${after} and ${sql.ref(id)} <= ${upto}`,
  deliveries_since,
});

const inList = ({ ids, deliveries_since }: Listed, engine: EngineClauses): Scope => ({
  contains: (id) => engine.isListed(id, ids),
  deliveries_since,
});

export const check = (invariant: string, build: (scope: Scope) => RawBuilder<Finding>): Check => ({
  invariant,
  findings: report(invariant, (range: Range) => build(inRange(range))),
  findingsAmong: report(`${invariant} (listed)`, (listed: Listed, engine) => build(inList(listed, engine))),
});

/** Declares a report on all subjects of a range. */
export const total = <R>(name: string, build: (scope: Scope) => RawBuilder<R>): Prepared<Range, R> =>
  report(name, (range: Range) => build(inRange(range)));

export const within = (id: string, scope: Scope) => scope.contains(id);
export const list = (values: readonly string[]) => sql.join(values.map((value) => sql.lit(value)));

/** Whether a task `t` is an agent's own, not a system task. */
export const isWork = sql`t.kind = 'work'`;

/**
 * Whether an agent did not get an event that it should have: its stream has no event of this number and type about the
 * task, and the event was not pruned from the front of the stream.
 */
export const isUntold = (
  recipient: RawBuilder<unknown>,
  number: RawBuilder<unknown>,
  type: RawBuilder<unknown>,
) => sql`(
  ${number} is null or (
    not exists (
      select 1 from events e
      where e.agent_id = ${recipient} and e.number = ${number} and e.task_id = t.id and e.type = ${type})
    and ${number} >= coalesce(
      (select min(e.number) from events e where e.agent_id = ${recipient}),
      (select c.last_number + 1 from event_cursors c where c.agent_id = ${recipient}), 0)))`;
