/** The type and the task say it all. */
type NoData = Record<string, never>;

/** The events that an agent can be told of about its tasks (contract section 8), with the fields each carries. */
export interface EventData {
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

export type EventType = keyof EventData;
