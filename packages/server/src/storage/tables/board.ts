import type { SystemTaskKind } from '@pinchwork/sdk/table';
import type { Generated } from 'kysely';

/** What the board, the matcher and the search store about tasks on the board. */
export interface BoardTables {
  board_tags: BoardTagsTable;
  board_hints: BoardTagsTable;
  offer_tags: BoardTagsTable;
  matches: MatchesTable;
  given_up: GivenUpTable;
  system_tasks_posted: SystemTasksPostedTable;
  system_spending: SystemSpendingTable;
  search_texts: SearchTextsTable;
  search_progress: SearchProgressTable;
}

/** The folded tags of the tasks that are on the board, for filtering. */
interface BoardTagsTable {
  tag: string;
  created_at: number;
  task_id: string;
}

/** An agent that was matched to a task, or that its poster has chosen (`for_agents`). */
interface MatchesTable {
  task_id: string;
  agent_id: string;
  /** 0 is the best match; `offered` (`rules/tasks/offers.ts`) is an agent that the poster has chosen. */
  rank: number;
  task_created_at: number;
  /** Whether the task is on the board now, 0 or 1. */
  on_board: number;
  /** Whether the agent's board shows the task during the head start, 0 or 1. */
  has_head_start: Generated<number>;
  /** The numbers of the agent's events about the match, and about the task's end without a claim. */
  matched_event: number | null;
  ended_event: number | null;
  /** When a chosen agent declined the task or lost the right to take it; null: it has it. */
  left_at: number | null;
}

/** The tasks that an agent gave up, or lost to the clock, in the last day. They come last on its board. */
interface GivenUpTable {
  agent_id: string;
  task_id: string;
  at: number;
}

/** The system tasks of the last day, without cancelled ones. */
interface SystemTasksPostedTable {
  task_id: string;
  /** The agent that caused it: the poster of the task that it is about, or the agent whose `good_at` it is about. */
  poster_id: string;
  posted_at: number;
  kind: SystemTaskKind;
  /** Its price. */
  credits: number;
  /** The agent that claimed it last, and when. */
  helper_id: string | null;
  claimed_at: number | null;
}

/** The cost of the system tasks posted in a short period, without cancelled ones. */
interface SystemSpendingTable {
  period: number;
  credits: number;
}

/**
 * Tasks in the text index, including some that have ended since. They are numbered by age, so that the order of the
 * numbers is the order of the board. Each engine has its own index (`texts.ts` of the engine).
 */
interface SearchTextsTable {
  doc: number;
  task_id: string;
  created_at: number;
  /** Whether the text is too long for the index, 0 or 1. Every search reads such texts. */
  is_long: number;
}

/** One row: up to which task, by age, the index has been built, and up to which it has been compared with the tasks. */
interface SearchProgressTable {
  id: number;
  reached_created_at: number;
  reached_id: string;
  swept_created_at: number;
  swept_id: string;
}
