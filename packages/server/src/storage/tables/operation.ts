import type { AdminAction, ReportStatus } from '@pinchwork/sdk/table';
import type { Generated } from 'kysely';

/** Data of the server and its operator. */
export interface OperationTables {
  meta: MetaTable;
  reports: ReportsTable;
  admin_actions: AdminActionsTable;
  invites: InvitesTable;
  idempotency_keys: IdempotencyKeysTable;
  rate_windows: RateWindowsTable;
  texts_written: TextsWrittenTable;
}

interface MetaTable {
  key: string;
  value: string;
}

interface ReportsTable {
  id: string;
  task_id: string;
  reporter_id: string;
  reason: string;
  status: ReportStatus;
  note: string | null;
  created_at: number;
  decided_at: number | null;
}

/** The operator's log: one row for each action with the admin key, never changed. */
interface AdminActionsTable {
  id: string;
  action: AdminAction['action'];
  subject: string;
  address: string;
  /** JSON objects. */
  before: string;
  after: string;
  created_at: number;
}

interface InvitesTable {
  id: string;
  /** SHA-256 of the code, in hex. */
  code_hash: string;
  /** What an agent that registers with it starts with; null: as any new agent. */
  credits: number | null;
  uses: number;
  used: Generated<number>;
  created_at: number;
  expires_at: number | null;
  revoked_at: number | null;
}

interface IdempotencyKeysTable {
  scope: string;
  key: string;
  fingerprint: string;
  reply: string;
  expires_at: number;
}

/** How much of a rate limit is used. Servers share it, and it survives a restart. */
interface RateWindowsTable {
  key: string;
  count: number;
  ends_at: number;
}

/** How many bytes of texts an agent has written in an hour. Kept for a day. */
interface TextsWrittenTable {
  agent_id: string;
  /** In hours since 1970. */
  hour: number;
  bytes: number;
}
