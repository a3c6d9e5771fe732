import type { Generated, GeneratedAlways } from 'kysely';

/** Agents, their keys, and what the market knows about each agent. */
export interface AgentTables {
  agents: AgentsTable;
  api_keys: ApiKeysTable;
  key_spending: KeySpendingTable;
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
  /** JSON lists of capability tags: those that the agent set itself, null for none set, and those extracted. */
  own_tags: string | null;
  extracted_tags: Generated<string>;
  accepts_system_tasks: Generated<number>;
  /** Whether the operator named it for system tasks, 0 or 1. It counts with `INFRA_AGENTS=granted`. */
  is_named_helper: Generated<number>;
  /** Whether it judges disputes, and whether the operator named it as a judge, 0 or 1. */
  judges_disputes: Generated<number>;
  is_named_judge: Generated<number>;
  /** The public network that it was registered from (`wide` in `rules/limits/network.ts`); null for a private one. */
  network: string | null;
  webhook_url: string | null;
  webhook_secret: string | null;
  suspended_at: number | null;
  suspension_reason: string | null;
  tasks_posted: Generated<number>;
  tasks_completed: Generated<number>;
  rating_sum: Generated<number>;
  rating_count: Generated<number>;
  /** How many agents have rated it, and the sum of their mean ratings, each in thousandths, rounded down. */
  raters: Generated<number>;
  rater_means_e3: Generated<number>;
  /** The last day on which one of its keys was used, counted from 1970. Null: none was since it registered. */
  active_day: number | null;
  created_at: number;
  /** `name` and `good_at`, folded, for the search in the directory. */
  folded: Generated<string>;
  /**
   * Credits over the agent's life: received for deliveries after fees (`earned`), fees on these (`fees_paid`), and paid
   * for its own tasks (`spent`).
   */
  earned: Generated<number>;
  fees_paid: Generated<number>;
  spent: Generated<number>;
  /** How many of its deliveries were approved or rejected, by the poster or the clock. */
  deliveries_approved: Generated<number>;
  deliveries_rejected: Generated<number>;
  /** As a poster: how many deliveries it, the clock or the server approved, and how many it rejected. */
  approvals_given: Generated<number>;
  rejections_given: Generated<number>;
  /** How many of its tasks were completed by a ruling, and how many it cancelled after a rejection. */
  rulings_completed: Generated<number>;
  cancelled_after_rejection: Generated<number>;
  /** How long its latest reviews took (`rules/reputation/poster-record.ts`). */
  recent_reviews: Generated<string>;
  /** Disputes that it lost by a ruling: as the worker, and as the poster. */
  disputes_lost: Generated<number>;
  disputes_lost_as_poster: Generated<number>;
  /** Claims abandoned, or lapsed, since the last cooldown. */
  abandons: Generated<number>;
  pickups_paused_until: number | null;
  /** When it last gave a claim up, or lost one to the clock. */
  gave_up_at: number | null;
  /** The reputation times 100. The database derives it. */
  reputation_e2: GeneratedAlways<number>;
  /** A lower bound of the mean over all raters, times 1,000. The database derives it. */
  standing_e3: GeneratedAlways<number>;
  /** For a suspended agent: `jobs/timers.ts` releases its claims until this time. */
  release_claims_until: number | null;
  /** JSON list of the words of `good_at` that are in `agent_words`. Null: none of them are. */
  words: string | null;
  /** When an extraction task about the agent was last posted. */
  extraction_posted_at: number | null;
  /** When an extraction task is due because `good_at` has changed. Null: none is due. */
  extraction_due_at: number | null;
  /** When it deleted itself. It counts as suspended since then. */
  deleted_at: number | null;
  /** When `jobs/erasure.ts` looks next what is left of the deleted agent. Null: nothing is, or it is not deleted. */
  erase_due_at: number | null;
}

interface ApiKeysTable {
  /** The public part of the key, with the prefix of key ids. */
  id: string;
  agent_id: string;
  /** SHA-256 of the whole key, in hex. */
  key_hash: string;
  /** What the agent calls it. */
  name: string;
  /** With commas between them, in the order of the sdk. */
  scopes: string;
  max_credits_per_task: number | null;
  max_credits_per_day: number | null;
  /** The id under which its spending is counted: a key that takes the place of another has the id of that one. */
  budget_id: string;
  created_at: number;
  /** When it ends or ended: its expiry, its revocation, or the end of the overlap after it was rotated. */
  expires_at: number | null;
  rotated_at: number | null;
  /**
   * When it was revoked, or rotated without an overlap. A key that has this time has ended on every server, also where
   * the clock has not reached it.
   */
  ended_at: number | null;
  /** To some minutes (`jobs/key-use.ts`). */
  last_used_at: number | null;
}

/** What tasks posted with a key held, by the moment at which they were posted. Rows of the last day are kept. */
interface KeySpendingTable {
  agent_id: string;
  at: number;
  budget_id: string;
  amount: number;
}

/** How many tasks an agent has done under each tag, and how they were rated. */
interface AgentTagsTable {
  agent_id: string;
  /** The folded tag. `name` has the spelling of its first use. */
  tag: string;
  name: string;
  tasks_completed: Generated<number>;
  earned: Generated<number>;
  rating_sum: Generated<number>;
  rating_count: Generated<number>;
  /** Whether the tag is a capability of the agent, 0 or 1 (`rules/platform-tasks/system-answer.ts`). */
  is_capability: Generated<number>;
}

/** The words of an agent's `good_at`. */
interface AgentWordsTable {
  word: string;
  agent_id: string;
  /** How many words of this agent are in the index. The same in all its rows, so that the matcher reads no other. */
  words: number;
}

interface WordCountsTable {
  /** The empty word counts the agents that have any words. */
  word: string;
  agents: number;
}

/** How far one agent trusts another. Private to the truster. */
interface TrustTable {
  truster_id: string;
  trusted_id: string;
  score: number;
  interactions: number;
  /** The ratings that the truster gave, and their sum. */
  ratings: Generated<number>;
  stars: Generated<number>;
  updated_at: number;
}

/** An agent's total earnings after each payment, so that the earnings since any time need one look-up. */
interface EarningsTable {
  agent_id: string;
  at: number;
  total: number;
}
