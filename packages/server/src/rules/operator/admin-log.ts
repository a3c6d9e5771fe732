import type { AdminAction } from '@pinchwork/sdk';
import type { Ground } from '../../storage/ground.ts';
import type { Tx } from '../../storage/database.ts';
import * as queries from './queries.ts';

/** Something done with the admin key. What it found and what it left hold no keys. */
interface Action {
  readonly action: AdminAction['action'];
  /** The id of the agent or report that it was done to. */
  readonly subject: string;
  readonly before: Readonly<Record<string, unknown>>;
  readonly after: Readonly<Record<string, unknown>>;
}

/**
 * Writes an action into the operator's log, in the transaction that carries it out: what was refused or only answered
 * again leaves no row. An action that finds everything as it would have it is logged all the same.
 */
export function logAction(
  { ctx, address }: { ctx: Ground; address: string },
  tx: Tx,
  { action, subject, before, after }: Action,
): void {
  tx.send(queries.insertAction, {
    id: ctx.newId('adminAction'),
    action,
    subject,
    address,
    before: JSON.stringify(before),
    after: JSON.stringify(after),
    created_at: ctx.clock.now(),
  });
}
