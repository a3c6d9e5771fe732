import type { AdminAction, DeliveryStatus, FannedEventType, ReportStatus, TaskKind, TaskStatus } from '@pinchwork/sdk';
import type { Generated, GeneratedAlways } from 'kysely';

/**
 * The tables, as both engines hold them: text, and whole numbers for everything else but trust (times are epoch milliseconds,
 * flags 0 or 1, lists JSON text), because SQLite binds neither booleans nor dates nor objects.
 */
export interface Schema {
  meta: MetaTable;
  agents: AgentsTable;
  api_keys: ApiKeysTable;
  tasks: TasksTable;
  board_tags: BoardTagsTable;
  board_hints: BoardTagsTable;
  matches: MatchesTable;
  outbox: OutboxTable;
  system_tasks_posted: SystemTasksPostedTable;
  system_spending: SystemSpendingTable;
  agent_words: AgentWordsTable;
  word_counts: WordCountsTable;
  task_transitions: TaskTransitionsTable;
  rejected_deliveries: RejectedDeliveriesTable;
  reviews: ReviewsTable;
  accounts: AccountsTable;
  ledger_entries: LedgerEntriesTable;
  event_cursors: EventCursorsTable;
  events: EventsTable;
  idempotency_keys: IdempotencyKeysTable;
  stuck_timers: StuckTimersTable;
  agent_tags: AgentTagsTable;
  trust: TrustTable;
  earnings: EarningsTable;
  questions: QuestionsTable;
  messages: MessagesTable;
  reports: ReportsTable;
  admin_actions: AdminActionsTable;
  rate_windows: RateWindowsTable;
  webhook_deliveries: WebhookDeliveriesTable;
  webhook_endpoints: WebhookEndpointsTable;
  search_texts: SearchTextsTable;
  search_progress: SearchProgressTable;
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
  /** Name and good_at, folded, for the directory's search. */
  folded: Generated<string>;
  /** Credits over the agent's life: got for deliveries after fees, the fees of these, and paid for its own tasks. */
  earned: Generated<number>;
  fees_paid: Generated<number>;
  spent: Generated<number>;
  /** Its deliveries that were reviewed, by the poster or the clock. */
  deliveries_approved: Generated<number>;
  deliveries_rejected: Generated<number>;
  /** Claims given up since the last pause; and until when it may not pick up. */
  abandons: Generated<number>;
  pickups_paused_until: number | null;
  /** A hundred times its reputation; the database derives it. */
  reputation_e2: GeneratedAlways<number>;
  /** Of a suspended agent: its claims are taken away until then, see `tasks/timers.ts`. */
  release_claims_until: number | null;
  /** JSON list of the words of `good_at` that stand in `agent_words`; null while they do not. */
  words: string | null;
  /** When a task about its capabilities was last posted. */
  extraction_posted_at: number | null;
  /** When one is to be posted because its text has changed since; null when none is. */
  extraction_due_at: number | null;
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
  /** Questions without an answer. */
  open_questions: Generated<number>;
  /** An agent's task, or one of the platform's own (`system/`). */
  kind: Generated<TaskKind>;
  /** Of a platform's task: the task, or for `extract` the agent, that it is about; and the version of that task. */
  about_id: string | null;
  about_version: number | null;
  /** Of a matching task: JSON list of the agents to choose from. */
  candidates: string | null;
  /** The platform's tasks about this one that are under way, or were last. */
  matching_id: string | null;
  verifying_id: string | null;
  /** Who has claimed the verification of the current delivery; and what it said, a JSON object. */
  verifier_id: string | null;
  verification: string | null;
  /** The ids of all agents that ever claimed a matching or verification of this task, one after the other. */
  inspectors: Generated<string>;
  /** How many agents were chosen for it, and until when it is kept for them. */
  match_count: Generated<number>;
  held_until: number | null;
  /** JSON list of the tags that a matching agent read out of it, folded. */
  hints: Generated<string>;
  /** When the clock acts next; the database derives it from the status and the deadlines above. */
  due_at: GeneratedAlways<number | null>;
}

/** The tags of the tasks on the board, and only while they are on it: folded, for the filter. */
interface BoardTagsTable {
  tag: string;
  created_at: number;
  task_id: string;
}

/** An agent that was chosen for a task. */
interface MatchesTable {
  task_id: string;
  agent_id: string;
  /** From 0, the best. */
  rank: number;
  task_created_at: number;
  /** Whether the task is on the board now, 0 or 1. */
  on_board: number;
  /** The number of the agent's event about this, and about the task's end without a claim. */
  matched_event: number | null;
  ended_event: number | null;
}

/** Events for all agents chosen for a task, still to be told one by one (`events/outbox.ts`). */
interface OutboxTable {
  id: string;
  task_id: string;
  type: FannedEventType;
  /** JSON object. */
  data: string;
  created_at: number;
  /** The agents up to this id have been told. */
  told_upto: Generated<string>;
}

/** The platform's tasks about a poster's tasks, without those cancelled. */
interface SystemTasksPostedTable {
  task_id: string;
  poster_id: string;
  posted_at: number;
}

/** What the platform's tasks that were posted in a short period cost, without those cancelled. */
interface SystemSpendingTable {
  period: number;
  credits: number;
}

/** The words of what an agent says it is good at. */
interface AgentWordsTable {
  word: string;
  agent_id: string;
}

interface WordCountsTable {
  /** Empty: the number of agents that have any words. */
  word: string;
  agents: number;
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
  /** Events from this number on go to the agent's webhook; null: it has none. Beside the number, so that one lock covers both. */
  webhook_from: number | null;
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

/** What an agent has done, and how that was rated, under each tag. */
interface AgentTagsTable {
  agent_id: string;
  /** Folded; `name` is how it was first written. */
  tag: string;
  name: string;
  tasks_completed: Generated<number>;
  earned: Generated<number>;
  rating_sum: Generated<number>;
  rating_count: Generated<number>;
  /** Whether it says what the agent can do, 0 or 1 (`system/answer.ts`). */
  is_capability: Generated<number>;
}

/** How far one agent trusts another; nobody else sees it. */
interface TrustTable {
  truster_id: string;
  trusted_id: string;
  score: number;
  interactions: number;
  updated_at: number;
}

/** What an agent had earned in all after each payment: so what it earned since any moment is one look-up. */
interface EarningsTable {
  agent_id: string;
  at: number;
  total: number;
}

interface QuestionsTable {
  id: string;
  task_id: string;
  asker_id: string;
  question: string;
  answer: string | null;
  created_at: number;
  answered_at: number | null;
  /** The number of the poster's event about the question, and of the asker's about the answer. */
  asked_event: number;
  answered_event: number | null;
}

interface MessagesTable {
  id: string;
  task_id: string;
  /** The claim it belongs to, and whose that is. */
  claim_number: number;
  worker_id: string;
  sender_id: string;
  message: string;
  created_at: number;
  /** The number of the other party's event about it. */
  event: number;
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

/** The operator's log: one row for everything done with the admin key, never changed. */
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

/** How much of a limit is used up, where several servers or several runs must agree. */
interface RateWindowsTable {
  key: string;
  count: number;
  ends_at: number;
}

/** The outbox: a row for each event and webhook, which holds all that is sent, so that the event may be pruned. */
interface WebhookDeliveriesTable {
  agent_id: string;
  id: string;
  /** The event's number in the agent's stream; null: a test. */
  event_number: number | null;
  event: string;
  task_id: string | null;
  /** JSON, as the event has it. */
  data: string;
  /** When the event happened. */
  created_at: number;
  status: DeliveryStatus;
  /** Attempts since it was made, or last asked for again. */
  tries: Generated<number>;
  /** When the next attempt is due, while there is one to come. */
  next_at: number | null;
  /** Until when it is kept, once it has ended. */
  forget_at: number | null;
  /** JSON list of the latest attempts. */
  attempts: Generated<string>;
}

/** When an agent's webhook is to be served, and by which server. */
interface WebhookEndpointsTable {
  agent_id: string;
  /** When its first waiting delivery is due, or earlier; null: nothing waits. */
  due_at: number | null;
  /** The receiver has asked to be left alone until then. */
  rest_until: Generated<number>;
  /** A server serves it until then, unless it says otherwise before. */
  leased_until: Generated<number>;
  leased_by: Generated<string | null>;
  /** 1: its last attempt failed, or was slow. */
  failing: Generated<number>;
  /** The latest of the three times; the database derives it. */
  ready_at: GeneratedAlways<number | null>;
}

/**
 * The tasks whose texts are in the index of trigrams, and some that have ended since: numbered by age, so that the order
 * of the numbers is the order of the board. The index itself is the engine's own (`db/*-texts.ts`).
 */
interface SearchTextsTable {
  doc: number;
  task_id: string;
  created_at: number;
  /** Too long for the index, 0 or 1: looked through each time. */
  is_long: number;
}

/** One row. By age, up to where the index has come, and up to where it has been compared with the tasks. */
interface SearchProgressTable {
  id: number;
  reached_created_at: number;
  reached_id: string;
  swept_created_at: number;
  swept_id: string;
}
