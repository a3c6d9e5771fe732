import pg from 'pg';
import { DomainError, storageUnavailable } from '../../ground/errors.ts';
import { UniqueViolation } from '../unique.ts';
import { NotPrimary } from './session.ts';

/** What the errors of PostgreSQL (SQLSTATE codes) mean for the session, for the transaction and for the caller. */

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/**
 * "cached plan must not change result type": a newer node has added a column to a table since this connection prepared
 * the statement. The connection refuses the statement from then on; another connection runs it.
 */
const isOutdated = (error: unknown) => codeOf(error) === '0A000';

/** The session belongs to a standby, or to a server that has become one. */
const isReadOnly = (error: unknown) => codeOf(error) === '25006' || error instanceof NotPrimary;

/**
 * The session does not have the prepared statements that we expect: a pooler has given our session to another client.
 */
const isMixedUp = (error: unknown) => ['26000', '42P05'].includes(codeOf(error));

/** Whether the error is a fault of the session. That session is closed, and the other sessions are replaced too. */
export const isOfSession = (error: unknown) =>
  isConnectionLoss(error) || isOutdated(error) || isReadOnly(error) || isMixedUp(error);

/** Whether the transaction has certainly changed nothing and may succeed in a new session. */
export const mayRunElsewhere = (error: unknown) => isOutdated(error) || isReadOnly(error) || isMixedUp(error);

/**
 * Serialisation failure, deadlock, or a lock that was not available: the transaction may succeed when it is run again.
 */
export const isConflict = (error: unknown) => ['40001', '40P01', '55P03'].includes(codeOf(error));

/** The detail of a unique violation begins `Key (task_id, version)=`. */
const toUniqueViolation = (error: pg.DatabaseError) =>
  new UniqueViolation(error.table ?? '', /\(([^)]*)\)/.exec(error.detail ?? '')?.[1]?.split(', ') ?? [], error);

/**
 * Whether a schema step waited too long for a table, or deadlocked. The migrator wraps the error of a step, so causes
 * are checked too.
 */
export const metOthers = (error: unknown): boolean =>
  ['55P03', '40P01'].includes(codeOf(error)) || (error instanceof Error && metOthers(error.cause));

/** Errors that `pg` reports without a code: the connection broke, or none could be opened. */
const connectionMessages =
  /^(Connection terminated|Query read timeout|timeout exceeded|Client (has encountered|was closed))/;

export function isConnectionLoss(error: unknown): boolean {
  const code = codeOf(error);
  if (code === '')
    return error instanceof Error && !(error instanceof DomainError) && connectionMessages.test(error.message);
  return /^(08|57P|E[A-Z]{3,})/.test(code);
}

/**
 * Turns an error of PostgreSQL into the error for the caller. Counts as `storage_unavailable`: a lost connection, no
 * resources (class 53, with a full disk), an I/O error, a read-only standby, a session mixed up by a pooler. Other
 * errors stay as they are.
 */
export function storageError(error: unknown): unknown {
  if (error instanceof DomainError) return error;
  if (error instanceof pg.DatabaseError && error.code === '23505') return toUniqueViolation(error);
  return isConnectionLoss(error) ||
    isReadOnly(error) ||
    isMixedUp(error) ||
    /^(53|58|57014|55P03|XX001)/.test(codeOf(error))
    ? unavailable(error)
    : error;
}

/** @param outcomeUnknown true when the connection broke during the commit, so it may or may not have happened. */
export const unavailable = (error: unknown, outcomeUnknown = false): DomainError =>
  storageUnavailable(error, { outcomeUnknown, reason: reasonOf(error) });

/** Why the database does not accept writes. Shown by `/health/ready`. */
function reasonOf(error: unknown): string {
  if (isReadOnly(error)) return 'The database does not accept writes: it is a standby, or set to read only.';
  if (/^(53|58)/.test(codeOf(error))) return 'The database has no room left, or its disk fails.';
  if (isConnectionLoss(error)) return 'The database cannot be reached.';
  return 'The database does not accept writes.';
}
