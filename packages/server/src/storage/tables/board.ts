/** What the board, the matcher and the search keep about tasks that can be found. */
export interface BoardTables {
  board_tags: BoardTagsTable;
  board_hints: BoardTagsTable;
  matches: MatchesTable;
  system_tasks_posted: SystemTasksPostedTable;
  system_spending: SystemSpendingTable;
  search_texts: SearchTextsTable;
  search_progress: SearchProgressTable;
}

/** The tags of the tasks on the board, and only while they are on it: folded, for the filter. */
interface BoardTagsTable {
  tag: string;
  created_at: number;
  task_id: string;
}

/** An agent that was chosen for a task. */
interface MatchesTable {
  task_id: string;
  agent_id: string;
  /** From 0, the best. */
  rank: number;
  task_created_at: number;
  /** Whether the task is on the board now, 0 or 1. */
  on_board: number;
  /** The number of the agent's event about this, and about the task's end without a claim. */
  matched_event: number | null;
  ended_event: number | null;
}

/** The platform's tasks about a poster's tasks, without those cancelled. */
interface SystemTasksPostedTable {
  task_id: string;
  poster_id: string;
  posted_at: number;
}

/** What the platform's tasks that were posted in a short period cost, without those cancelled. */
interface SystemSpendingTable {
  period: number;
  credits: number;
}

/**
 * The tasks whose texts are in the index of trigrams, and some that have ended since: numbered by age, so that the order
 * of the numbers is the order of the board. The index itself is the engine's own (`db/*-texts.ts`).
 */
interface SearchTextsTable {
  doc: number;
  task_id: string;
  created_at: number;
  /** Too long for the index, 0 or 1: looked through each time. */
  is_long: number;
}

/** One row. By age, up to where the index has come, and up to where it has been compared with the tasks. */
interface SearchProgressTable {
  id: number;
  reached_created_at: number;
  reached_id: string;
  swept_created_at: number;
  swept_id: string;
}
