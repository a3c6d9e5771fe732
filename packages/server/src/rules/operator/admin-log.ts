import type { AdminAction } from '@pinchwork/sdk/table';
import type { Ground } from '../../storage/ground.ts';
import type { Tx } from '../../storage/database.ts';
import * as queries from './queries.ts';

/** An action with the admin key. `before` and `after` must not contain API keys. */
interface Action {
  readonly action: AdminAction['action'];
  /** Id of the agent or report that was changed. */
  readonly subject: string;
  readonly before: Readonly<Record<string, unknown>>;
  readonly after: Readonly<Record<string, unknown>>;
}

/**
 * Writes an action into the operator's log, in the transaction that carries it out. So refused requests and repeated
 * replies leave no row. An action that changes nothing, because everything is already so, is logged too.
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
