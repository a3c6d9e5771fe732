import { adminAgent } from './operator.ts';
import { delivered, ids, page, type Reference, times } from './reference.ts';

const dispute = {
  dispute_id: ids.dispute,
  status: 'open',
  reason: 'All three colours that were asked for are there',
  deposit: 2,
  deadline: times.later,
  worker_share: null,
  explanation: null,
  task_id: ids.task,
  claim_number: 1,
  poster_id: ids.poster,
  worker_id: ids.worker,
  credits_claimed: 20,
  credits: null,
  judges: 3,
  answers: 1,
  waits_since: null,
  created_at: times.at,
  resolved_at: null,
};

const ruled = {
  ...dispute,
  status: 'ruled',
  worker_share: 80,
  explanation: 'The colours are right',
  credits: 16,
  resolved_at: times.later,
};

/** The operator's endpoints of disputes. */
export const disputeReference = {
  listDisputes: {
    tag: 'Operator',
    summary: 'List disputes',
    description:
      'All disputes. `search` finds a dispute’s id, the disputes of a task’s or an agent’s id, or a text in the worker’s reason. `sort_by=due` has the open disputes in the order in which their time is up. `waits_since` says which wait for you.',
    query: { status: 'open', sort_by: 'due', limit: 10 },
    reply: { disputes: [dispute], ...page },
  },
  showDispute: {
    tag: 'Operator',
    summary: 'See all about a dispute',
    description:
      'The task, the deliveries and the messages of the disputed claim, what each judge answered, both parties, and your own actions on it.',
    reply: {
      dispute,
      task: { ...delivered, status: 'disputed', result: null, credits_charged: null },
      deliveries: [
        {
          worker_id: ids.worker,
          claim_number: 1,
          result: 'Red, yellow and blue',
          credits_claimed: 20,
          delivered_at: times.at,
          rejected_at: times.at,
          rejection_reason: 'I do not like blue',
          rejection_feedback: null,
        },
      ],
      messages: [],
      seats: [
        {
          judge_id: 'ag-XKn6PfEqS4Lw',
          task_id: 'tk-XKn6PfEsk2Bc',
          status: 'answered',
          drawn_at: times.at,
          answered_at: times.at,
          worker_share: 80,
          explanation: 'The colours are right',
        },
      ],
      parties: [adminAgent],
      actions: [],
      capped: [],
    },
  },
  ruleDispute: {
    tag: 'Operator',
    summary: 'Rule on a dispute',
    description:
      'Ends an open dispute, whatever its judges have answered: the worker gets `worker_share` percent of its charge, less the fee. With 0 the task goes back to the board, and the worker loses its deposit. Both parties get your note as the explanation.',
    body: { worker_share: 80, note: 'The colours are right' },
    reply: ruled,
  },
} satisfies Record<string, Reference>;
