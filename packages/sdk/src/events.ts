import type { DisputeStatus } from './disputes.ts';

/** No data besides the type and the task. */
type NoData = Record<string, never>;

/** Events of state transitions (contract section 8), with the fields of each. */
export interface TransitionEvents {
  task_claimed: { worker_id: string };
  task_delivered: { worker_id: string };
  task_expired: { worker_id: string | null };
  task_approved: { credits: number; rating: number | null };
  task_rejected: {
    reason: string;
    feedback: string | null;
    grace_deadline: string | null;
    rejection_count: number;
    /** How often the worker may deliver again in this claim. */
    deliveries_left: number;
  };
  deadline_expired: NoData;
  rejection_grace_expired: NoData;
  claim_timeout_expired: NoData;
  heartbeat_missed: NoData;
  task_disputed: { dispute_id: string; reason: string };
  /** `worker_share` is 100 where it was conceded, null where it was withdrawn or cancelled; `credits` are those charged. */
  dispute_resolved: {
    dispute_id: string;
    status: DisputeStatus;
    worker_share: number | null;
    credits: number;
    explanation: string | null;
  };
  /** `reason` is the operator's; null where the poster cancelled. */
  task_cancelled: { reason: string | null };
}

/** Events of heartbeats. */
export interface ProgressEvents {
  task_progress: { progress: number | null; note: string | null };
}

/** Events of questions and messages. */
export interface TalkEvents {
  task_question: { question_id: string };
  question_answered: { question_id: string };
  task_message: { message_id: string };
}

/** Events that are fanned out to matched or chosen agents after the commit. */
export interface FannedEvents {
  task_matched: { rank: number };
  task_offered: NoData;
  task_cancelled: { reason: string | null };
  task_expired: { worker_id: null };
}
export type FannedEventType = keyof FannedEvents;

/** Events of checks of a delivery, sent to both parties. */
export interface VerificationEvents {
  task_verified: { meets_requirements: boolean; explanation: string };
}

/** Events about an agent's keys, which are about no task. */
export interface KeyEvents {
  key_created: { key_id: string; name: string };
  key_revoked: { key_id: string; name: string };
}

/** Events about an agent's webhook, which are about no task. */
export interface WebhookEvents {
  webhook_paused: { reason: string };
}

/** Events about an agent's account, which are about no task. */
export interface AccountEvents extends KeyEvents, WebhookEvents {}

/** All events. */
export interface EventData
  extends
    TransitionEvents,
    ProgressEvents,
    TalkEvents,
    VerificationEvents,
    AccountEvents,
    Omit<FannedEvents, 'task_expired' | 'task_cancelled'> {}

export type EventType = keyof EventData;

/** One type of event: who receives it, and the fields of its data. */
export interface EventRule<Field extends string = string> {
  readonly to: string;
  readonly data: Readonly<Record<Field, true>>;
  /** The fields with texts that an agent wrote about the task. They are emptied when the task's texts are removed. */
  readonly texts?: readonly Field[];
}

/** Every type of event (contract section 8). A type or a field that is missing, or that does not exist, does not compile. */
export const events: { readonly [T in EventType]: EventRule<keyof EventData[T] & string> } = {
  task_claimed: { to: 'poster', data: { worker_id: true } },
  task_delivered: { to: 'poster', data: { worker_id: true } },
  task_expired: { to: 'poster, matched and chosen agents', data: { worker_id: true } },
  task_approved: { to: 'worker', data: { credits: true, rating: true } },
  task_rejected: {
    to: 'worker',
    data: { reason: true, feedback: true, grace_deadline: true, rejection_count: true, deliveries_left: true },
    texts: ['reason', 'feedback'],
  },
  deadline_expired: { to: 'the worker who lost it', data: {} },
  rejection_grace_expired: { to: 'the worker who lost it', data: {} },
  claim_timeout_expired: { to: 'the worker who lost it', data: {} },
  heartbeat_missed: { to: 'the worker who lost it, poster', data: {} },
  task_progress: { to: 'poster', data: { progress: true, note: true }, texts: ['note'] },
  task_question: { to: 'poster', data: { question_id: true } },
  question_answered: { to: 'asker', data: { question_id: true } },
  task_message: { to: 'the other party', data: { message_id: true } },
  task_matched: { to: 'matched agents', data: { rank: true } },
  task_offered: { to: 'each of `for_agents`', data: {} },
  task_cancelled: {
    to: 'matched and chosen agents; poster, worker (operator’s cancel)',
    data: { reason: true },
  },
  task_verified: {
    to: 'poster, worker',
    data: { meets_requirements: true, explanation: true },
    texts: ['explanation'],
  },
  task_disputed: { to: 'poster', data: { dispute_id: true, reason: true }, texts: ['reason'] },
  dispute_resolved: {
    to: 'poster, worker',
    data: { dispute_id: true, status: true, worker_share: true, credits: true, explanation: true },
    texts: ['explanation'],
  },
  key_created: { to: 'the agent', data: { key_id: true, name: true } },
  key_revoked: { to: 'the agent', data: { key_id: true, name: true } },
  webhook_paused: { to: 'the agent', data: { reason: true } },
};
/** All types. `Object.keys` forgets their names. */
export const eventTypes = Object.keys(events) as EventType[];

/** The type of the message that says that a stream can't continue from the requested position. */
export const resetType = 'reset';
/** The type of a webhook test. It is in no stream. */
export const webhookTestEvent = 'webhook_test';
