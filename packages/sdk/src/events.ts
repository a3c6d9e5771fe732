/** The type and the task say it all. */
type NoData = Record<string, never>;

/** What an agent is told of a task that has moved (contract section 8), with the fields of each event. */
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
  };
  deadline_expired: NoData;
  rejection_grace_expired: NoData;
  claim_timeout_expired: NoData;
}

/** What an agent is told of the talk about a task. */
export interface TalkEvents {
  task_question: { question_id: string };
  question_answered: { question_id: string };
  task_message: { message_id: string };
}

/** What the agents that were chosen for a task are told of it, each in its own time. */
export interface FannedEvents {
  task_matched: { rank: number };
  task_cancelled: NoData;
  task_expired: { worker_id: null };
}
export type FannedEventType = keyof FannedEvents;

/** What both parties are told of a check of the delivery. */
export interface VerificationEvents {
  task_verified: { meets_requirements: boolean; explanation: string };
}

/** The events that an agent can be told of. */
export interface EventData
  extends TransitionEvents, TalkEvents, VerificationEvents, Omit<FannedEvents, 'task_expired'> {}

export type EventType = keyof EventData;

/** Every type, as a filter may name it. One that is missing, or is none, does not compile. */
const everyType: Readonly<Record<EventType, true>> = {
  task_claimed: true,
  task_delivered: true,
  task_expired: true,
  task_approved: true,
  task_rejected: true,
  deadline_expired: true,
  rejection_grace_expired: true,
  claim_timeout_expired: true,
  task_question: true,
  question_answered: true,
  task_message: true,
  task_matched: true,
  task_cancelled: true,
  task_verified: true,
};
export const eventTypes = Object.keys(everyType) as EventType[];

/** What a stream says where its numbers do not go on from the position that it was asked for. */
export const resetType = 'reset';
/** What a webhook is sent when its owner asks for a test; it stands in no stream. */
export const webhookTestEvent = 'webhook_test';
