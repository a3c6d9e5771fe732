import type { IdKind } from '@pinchwork/sdk/table';
import type { Logger } from 'pino';
import type { Clock } from '../ground/clock.ts';
import type { Config } from '../ground/config.ts';
import type { Database, Tx } from './database.ts';

/**
 * The services that every rule, verb and job may use. `Ground` names no service that is built on it, so no import can
 * lead back to it.
 */
export interface Ground {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  readonly db: Database;
  /** Makes an id that is unique across servers and sorts by time. */
  readonly newId: (kind: IdKind) => string;
}

/** A running transaction: what it may use, and the one point in time (`now`) at which all its changes happen. */
export interface Work {
  readonly ctx: Pick<Ground, 'config' | 'newId'>;
  readonly tx: Tx;
  readonly now: number;
}
