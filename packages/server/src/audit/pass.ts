import type { Reader } from '../storage/database.ts';
import { type AuditInput, auditWhole } from './audit.ts';
import type { LedgerPosition } from './positions.ts';
import { auditRecent, type RecentlyAudited } from './recent.ts';

export interface PassInput extends AuditInput {
  /** Checks only what can have changed since then. Undefined: everything. */
  readonly since?: LedgerPosition | undefined;
}

/** An audit whose outcome the next one can go on from. Runs as a separate job (`Database.runApart`). */
export default async function pass(reader: Reader, { since, ...input }: PassInput): Promise<RecentlyAudited> {
  if (since !== undefined) return auditRecent(reader, input, since);
  return { ...(await auditWhole(reader, input)), sums: [], outdated: [] };
}
