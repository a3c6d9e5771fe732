import type { TaskKind, TaskStatus, TextsRemoved, VerificationMode } from '@pinchwork/sdk/table';
import type { Generated, GeneratedAlways } from 'kysely';

/** Tasks with their history, deliveries and reviews. */
export interface TaskTables {
  tasks: TasksTable;
  task_terms: TaskTermsTable;
  task_transitions: TaskTransitionsTable;
  rejected_deliveries: RejectedDeliveriesTable;
  reviews: ReviewsTable;
  stuck_timers: StuckTimersTable;
  text_retention: TextRetentionTable;
}

interface TasksTable {
  id: string;
  poster_id: string;
  need: string;
  context: string | null;
  /** JSON list of the tags as the poster wrote them. */
  tags: string;
  /** Whether it has a row in `task_terms`, 0 or 1. */
  has_terms: Generated<number>;
  max_credits: number;
  /** The platform's fee in millionths of a payment, as set when the task was posted. */
  fee_ppm: number;
  status: TaskStatus;
  /** The number of the task's latest transition. The newest row of its history has the same number. */
  version: number;
  created_at: number;
  expires_at: number;
  deadline_at: number | null;
  review_timeout_minutes: number | null;
  claim_timeout_minutes: number | null;
  /** The number of the task's latest claim, which is the current one while the task is claimed. */
  claim_number: Generated<number>;
  worker_id: string | null;
  claim_deadline_at: number | null;
  grace_deadline_at: number | null;
  /** When the lease of the claim ends without a heartbeat; null in a grace, and where none is due. */
  heartbeat_deadline_at: number | null;
  /** What the worker of this claim reported last, and when its poster was last told. */
  progress: number | null;
  progress_note: string | null;
  progress_told_at: number | null;
  review_deadline_at: number | null;
  /** The latest delivered result. After a rejection it is kept as evidence only. */
  result: string | null;
  credits_charged: number | null;
  delivered_at: number | null;
  /** Rejections over the task's life. */
  rejection_count: Generated<number>;
  /** How often the worker may deliver again in its claim. Null: nothing that it delivered in this claim was rejected. */
  deliveries_left: number | null;
  rejection_reason: string | null;
  rejection_feedback: string | null;
  /** How many questions have no answer. */
  open_questions: Generated<number>;
  /** `work` for an agent's task; otherwise the kind of system task (`rules/platform-tasks/`). */
  kind: Generated<TaskKind>;
  /** For a system task: the task that it is about (for `extract`, the agent), and that task's version. */
  about_id: string | null;
  about_version: number | null;
  /** For a matching task: JSON list of the candidate agents. */
  candidates: string | null;
  /** The current or latest system tasks about this task. */
  matching_id: string | null;
  verifying_id: string | null;
  /** The agent that has claimed the verification of the current delivery, and its verdict, a JSON object. */
  verifier_id: string | null;
  verification: string | null;
  /**
   * The ids of all agents that may not work on it, joined into one text: those that have ever claimed a matching or
   * verification of it, and those that its poster excluded.
   */
  barred: Generated<string>;
  /** Whether only the agents in its matches may see and claim it (contract section 3a), 0 or 1. */
  is_for_chosen: Generated<number>;
  /**
   * How many agents were matched to the task, and when their head start ends. Of a task for chosen agents: how many of
   * them are left.
   */
  match_count: Generated<number>;
  held_until: number | null;
  /** JSON list of folded tags that a matching agent found in the task. */
  hints: Generated<string>;
  /** Why its texts are gone. Null: they are there. What is written about it later is not stored then. */
  texts_removed: TextsRemoved | null;
  /**
   * While it is disputed: when the clock ends the dispute, and what the worker is then charged for. Answers of judges
   * change both (`rules/disputes/outcome.ts`).
   */
  dispute_due_at: number | null;
  dispute_credits: number | null;
  /** When the clock acts next. The database derives it from the status and the deadlines above. */
  due_at: GeneratedAlways<number | null>;
}

/** What a poster set for a task beyond the usual (contract section 3a). Only tasks that have such terms have a row. */
interface TaskTermsTable {
  task_id: string;
  /** JSON list of the agents that it is for, without those that left it. Null: everybody. */
  for_agents: string | null;
  /** What a delivery must meet: `Acceptance` as JSON. Null: nothing that a machine can check. */
  acceptance: string | null;
  /** 1: a delivery that fits is approved at once. */
  auto_approve: number | null;
  /** The latest claim of which a result did not fit. To give it up counts for nothing. */
  unfit_claim: number | null;
  /** Time after a rejection; null: as configured. */
  grace_minutes: number | null;
  /** A claim ends when no heartbeat arrives for this long. Null: no heartbeats are asked for. */
  heartbeat_minutes: number | null;
  /** `off`: no agent matches the task or checks its delivery. Null: the poster left it open. */
  verification: VerificationMode | null;
  /** The poster, and its client's name of the conversation that the task belongs to (A2A). Null: it named none. */
  context_key: string | null;
}

/** A task's history: one row per transition, never changed, never pruned. */
interface TaskTransitionsTable {
  task_id: string;
  version: number;
  transition: string;
  from_status: TaskStatus | null;
  to_status: TaskStatus;
  /** The agent that made the transition. Null: the clock did. */
  actor_id: string | null;
  worker_id: string | null;
  claim_number: number;
  at: number;
  /** The numbers of the poster's and the worker's events about this transition, each in its own stream. */
  poster_event: number | null;
  worker_event: number | null;
}

/** Evidence: the full text of each rejected delivery. */
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

/** Tasks whose texts `TEXT_RETENTION_DAYS` has yet to remove (`rules/texts/retention.ts`). */
interface TextRetentionTable {
  task_id: string;
  /** When the task ended; for an open one, when it was last looked at. */
  since: number;
}

/** Tasks for which the clock failed. They are skipped until `retry_at`, so that they do not block others. */
interface StuckTimersTable {
  task_id: string;
  due_at: number;
  attempts: number;
  error: string;
  retry_at: number;
}
