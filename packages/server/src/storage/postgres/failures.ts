import pg from 'pg';
import { DomainError, storageUnavailable } from '../../ground/errors.ts';
import { UniqueViolation } from '../unique.ts';
import { NotPrimary } from './session.ts';

/** What PostgreSQL's errors, by their SQLSTATE, mean for the session, the transaction and whoever asked. */

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';

/**
 * A node of a later version has added to a table since the statement was prepared on this connection, which refuses it
 * from then on ("cached plan must not change result type"). On another connection it runs.
 */
const isOutdated = (error: unknown) => codeOf(error) === '0A000';

/** The session is one of a standby, or of a server that has become one. */
const isReadOnly = (error: unknown) => codeOf(error) === '25006' || error instanceof NotPrimary;

/** The session knows other prepared statements than we do: somebody in between has given it to others. */
const isMixedUp = (error: unknown) => ['26000', '42P05'].includes(codeOf(error));

/** Whether the error belongs to the session: it is not used again, and the others are suspected of the same. */
export const isOfSession = (error: unknown) =>
  isConnectionLoss(error) || isOutdated(error) || isReadOnly(error) || isMixedUp(error);

/** Whether the transaction is sure to have changed nothing and may succeed in a session that is new. */
export const mayRunElsewhere = (error: unknown) => isOutdated(error) || isReadOnly(error) || isMixedUp(error);

/** Serialisation failure, deadlock, a lock that was not to be had: the transaction may succeed when it is run again. */
export const isConflict = (error: unknown) => ['40001', '40P01', '55P03'].includes(codeOf(error));

/** The detail of such an error begins `Key (task_id, version)=`. */
const toUniqueViolation = (error: pg.DatabaseError) =>
  new UniqueViolation(error.table ?? '', /\(([^)]*)\)/.exec(error.detail ?? '')?.[1]?.split(', ') ?? [], error);

/** A schema step that waited too long for a table, or in a circle. The migrator wraps what a step fails with. */
export const metOthers = (error: unknown): boolean =>
  ['55P03', '40P01'].includes(codeOf(error)) || (error instanceof Error && metOthers(error.cause));

/** Errors that `pg` reports without a code: the connection broke, or none was to be had. */
const connectionMessages =
  /^(Connection terminated|Query read timeout|timeout exceeded|Client (has encountered|was closed))/;

export function isConnectionLoss(error: unknown): boolean {
  const code = codeOf(error);
  if (code === '')
    return error instanceof Error && !(error instanceof DomainError) && connectionMessages.test(error.message);
  return /^(08|57P|E[A-Z]{3,})/.test(code);
}

/** Besides lost connections: out of resources (class 53, a full disk among them), I/O errors, a read-only standby. */
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

/** @param outcomeUnknown the commit itself was cut off. */
export const unavailable = (error: unknown, outcomeUnknown = false): DomainError =>
  storageUnavailable(error, { outcomeUnknown, reason: reasonOf(error) });

/** Why the storage takes no writes, for whoever asks whether the server is ready. */
function reasonOf(error: unknown): string {
  if (isReadOnly(error)) return 'The database takes no writes: it is a standby, or set to read only.';
  if (/^(53|58)/.test(codeOf(error))) return 'The database has no room left, or its disk fails.';
  if (isConnectionLoss(error)) return 'The database can not be reached.';
  return 'The database does not take writes.';
}
