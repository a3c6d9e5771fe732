import type { IdKind } from '@pinchwork/sdk';
import type { Logger } from 'pino';
import type { Clock } from '../ground/clock.ts';
import type { Config } from '../ground/config.ts';
import type { Database, Tx } from './database.ts';

/** What every rule, verb and job stands on. It names no service, so nothing built on it can lead back to it. */
export interface Ground {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Logger;
  readonly db: Database;
  /** Draws an id that no other server draws and that sorts by time. */
  readonly newId: (kind: IdKind) => string;
}

/** A transaction at work: what it stands on, and the one moment in which all of it happens. */
export interface Work {
  readonly ctx: Pick<Ground, 'config' | 'newId'>;
  readonly tx: Tx;
  readonly now: number;
}
