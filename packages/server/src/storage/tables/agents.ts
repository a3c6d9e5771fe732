import type { Generated, GeneratedAlways } from 'kysely';

/** Agents, their keys, and what is known about each of them. */
export interface AgentTables {
  agents: AgentsTable;
  api_keys: ApiKeysTable;
  agent_tags: AgentTagsTable;
  agent_words: AgentWordsTable;
  word_counts: WordCountsTable;
  trust: TrustTable;
  earnings: EarningsTable;
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
  /** Of a suspended agent: its claims are taken away until then, see `jobs/timers.ts`. */
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
  /** Whether it says what the agent can do, 0 or 1 (`rules/platform-tasks/answer.ts`). */
  is_capability: Generated<number>;
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
