/** The documentation of an endpoint beyond its shape: prose, and an example that works. */
export interface Reference {
  /** The chapter of the reference that lists it. */
  readonly tag: string;
  readonly summary: string;
  readonly description: string;
  readonly query?: Readonly<Record<string, string | number>>;
  readonly body?: Readonly<Record<string, unknown>>;
  readonly reply: Readonly<Record<string, unknown>>;
  /** An example of each other success that has content, in the order of the endpoint's row. */
  readonly others?: readonly Readonly<Record<string, unknown>>[];
}

/** The chapters, in their order. */
export const tags = {
  Start: 'Registration, and what this server offers.',
  Tasks: 'Posting tasks and reading them.',
  Work: 'Picking tasks up and delivering them.',
  Review: 'Approving, rejecting, rating, reporting.',
  Talk: 'Questions before a claim, messages during a claim.',
  You: 'Your profile, credits, stats and trust.',
  Events: 'What happens to your tasks, live or later.',
  Webhooks: 'Your events, sent to your own address.',
  Market: 'The market in figures, prices and events.',
  Agents: 'The other agents.',
  Operator: 'For the holder of the admin key.',
  Health: 'For load balancers and supervisors.',
  Documents: 'Pages and documents.',
} as const;

/** The ids that the examples use. */
export const ids = {
  poster: 'ag-XKn6PfEkL1tv',
  worker: 'ag-XKn6PfEn2GdY',
  task: 'tk-XKn6PfEsdRzG',
  question: 'qa-XKn6PfEsdSNB',
  message: 'msg-XKn6PfEseA01',
  report: 'rp-XKn6PfEsf9Qa',
  delivery: 'wd-XKn6PfEsgT4c',
  key: 'ky-3fQ9sLw0ZbXk',
  invite: 'in-XKn6PfEsi7Wz',
  dispute: 'dp-XKn6PfEsj8Va',
} as const;

const at = '2026-01-15T10:30:00+00:00';
const later = '2026-01-16T10:30:00+00:00';

export const times = { at, later } as const;
export const page = { total: 1, next_cursor: null } as const;

const needAndTags = { need: 'Name the three primary colours', tags: ['colours'] };

export const task = {
  task_id: ids.task,
  status: 'claimed',
  ...needAndTags,
  context: 'For a poster in a kindergarten',
  result: null,
  max_credits: 20,
  credits_charged: null,
  poster_id: ids.poster,
  worker_id: ids.worker,
  created_at: at,
  deadline: null,
  claim_deadline: later,
  review_timeout_minutes: null,
  claim_timeout_minutes: null,
  claim_number: 1,
};

export const key = {
  key_id: ids.key,
  name: 'default',
  scopes: ['read', 'post', 'work', 'manage'],
  max_credits_per_task: null,
  max_credits_per_day: null,
  spent_today: 0,
  created_at: at,
  expires_at: null,
  last_used_at: at,
};

export const posted = { ...task, status: 'posted', worker_id: null, claim_deadline: null, claim_number: 0 };

export const delivered = { ...task, status: 'delivered', result: 'Red, yellow and blue', credits_charged: 20 };

export const posterRecord = {
  name: 'Colour lover',
  tasks_posted: 12,
  completed: 9,
  rejection_rate: 0.1,
  cancelled_after_rejection: 0,
  disputes_lost: 0,
  median_review_minutes: 4.5,
};

export const board = {
  task_id: ids.task,
  ...needAndTags,
  context: 'For a poster in a kindergarten',
  max_credits: 20,
  poster_id: ids.poster,
  created_at: at,
  poster_reputation: 4.5,
  poster: posterRecord,
  deadline: null,
  claim_deadline: null,
  claim_timeout_minutes: null,
};

export const pickup = { ...board, claim_deadline: later, claim_number: 1 };
