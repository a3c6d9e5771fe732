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

/** The events that an agent can be told of. */
export interface EventData extends TransitionEvents, TalkEvents {}

export type EventType = keyof EventData;

/** What a webhook is sent when its owner asks for a test; it stands in no stream. */
export const webhookTestEvent = 'webhook_test';
