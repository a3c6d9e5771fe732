import type { TaskStatus } from '@pinchwork/sdk';
import type { Generated, GeneratedAlways } from 'kysely';

/**
 * The tables, as both engines hold them: text, and whole numbers for everything else (times are epoch milliseconds,
 * flags 0 or 1, lists JSON text), because SQLite binds neither booleans nor dates nor objects.
 */
export interface Schema {
  meta: MetaTable;
  agents: AgentsTable;
  api_keys: ApiKeysTable;
  tasks: TasksTable;
  board_tags: BoardTagsTable;
  task_transitions: TaskTransitionsTable;
  rejected_deliveries: RejectedDeliveriesTable;
  reviews: ReviewsTable;
  accounts: AccountsTable;
  ledger_entries: LedgerEntriesTable;
  event_cursors: EventCursorsTable;
  events: EventsTable;
  idempotency_keys: IdempotencyKeysTable;
  stuck_timers: StuckTimersTable;
}

interface MetaTable {
  key: string;
  value: string;
}

interface AgentsTable {
  id: string;
  name: string;
  good_at: string | null;
  accepts_system_tasks: Generated<number>;
  webhook_url: string | null;
  webhook_secret: string | null;
  suspended_at: number | null;
  suspension_reason: string | null;
  tasks_posted: Generated<number>;
  tasks_completed: Generated<number>;
  rating_sum: Generated<number>;
  rating_count: Generated<number>;
  created_at: number;
}

interface ApiKeysTable {
  /** The public part of the key. */
  id: string;
  agent_id: string;
  /** SHA-256 of the whole key, in hex. */
  key_hash: string;
  created_at: number;
}

interface TasksTable {
  id: string;
  poster_id: string;
  need: string;
  context: string | null;
  /** JSON list, as the poster wrote them. */
  tags: string;
  max_credits: number;
  /** The platform's part of a payment, in millionths, as it stood when the task was posted. */
  fee_ppm: number;
  status: TaskStatus;
  /** Counts the task's transitions; the newest row of its history bears this number. */
  version: number;
  created_at: number;
  expires_at: number;
  deadline_at: number | null;
  review_timeout_minutes: number | null;
  claim_timeout_minutes: number | null;
  /** Counts the task's claims; names the current one while there is one. */
  claim_number: Generated<number>;
  worker_id: string | null;
  claim_deadline_at: number | null;
  grace_deadline_at: number | null;
  review_deadline_at: number | null;
  /** The latest delivery. It counts while the task is delivered or approved; once rejected, it is evidence. */
  result: string | null;
  credits_charged: number | null;
  delivered_at: number | null;
  /** Rejections over the task's life, and those of the current claim. */
  rejection_count: Generated<number>;
  claim_rejections: Generated<number>;
  rejection_reason: string | null;
  rejection_feedback: string | null;
  /** When the clock acts next; the database derives it from the status and the deadlines above. */
  due_at: GeneratedAlways<number | null>;
}

/** The tags of the tasks on the board, and only while they are on it: folded, for the filter. */
interface BoardTagsTable {
  tag: string;
  created_at: number;
  task_id: string;
}

/** A task's history: one row per transition, never changed, never pruned. */
interface TaskTransitionsTable {
  task_id: string;
  version: number;
  transition: string;
  from_status: TaskStatus | null;
  to_status: TaskStatus;
  /** The agent who did it; null when the clock did. */
  actor_id: string | null;
  worker_id: string | null;
  claim_number: number;
  at: number;
  /** The number that the poster's, and the worker's, event about this transition bears in their own stream. */
  poster_event: number | null;
  worker_event: number | null;
}

/** Evidence: each rejected delivery, whole. */
interface RejectedDeliveriesTable {
  task_id: string;
  version: number;
  claim_number: number;
  worker_id: string;
  result: string;
  credits_charged: number;
  delivered_at: number;
  rejected_at: number;
  reason: string;
  feedback: string | null;
}

interface ReviewsTable {
  task_id: string;
  reviewer_id: string;
  reviewed_id: string;
  rating: number | null;
  feedback: string | null;
  created_at: number;
}

interface AccountsTable {
  /** An agent's id, or a task's for its escrow. */
  id: string;
  balance: number;
}

interface LedgerEntriesTable {
  transfer_id: string;
  /** An agent, a task's escrow, `fees` or `mint`. */
  account_id: string;
  amount: number;
  reason: string;
  task_id: string | null;
  created_at: number;
}

interface EventCursorsTable {
  agent_id: string;
  last_number: number;
}

interface EventsTable {
  agent_id: string;
  number: number;
  type: string;
  task_id: string;
  data: string;
  created_at: number;
}

interface IdempotencyKeysTable {
  scope: string;
  key: string;
  fingerprint: string;
  reply: string;
  expires_at: number;
}

/** Tasks whose clock row failed: set aside until `retry_at`, so that the others go on. */
interface StuckTimersTable {
  task_id: string;
  due_at: number;
  attempts: number;
  error: string;
  retry_at: number;
}
