import type { TaskKind, TaskStatus } from '@pinchwork/sdk';
import type { Generated, GeneratedAlways } from 'kysely';

/** Tasks and all that is recorded about one: its history, its deliveries, its reviews. */
export interface TaskTables {
  tasks: TasksTable;
  task_transitions: TaskTransitionsTable;
  rejected_deliveries: RejectedDeliveriesTable;
  reviews: ReviewsTable;
  stuck_timers: StuckTimersTable;
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

/** Tasks whose clock row failed: set aside until `retry_at`, so that the others go on. */
interface StuckTimersTable {
  task_id: string;
  due_at: number;
  attempts: number;
  error: string;
  retry_at: number;
}
