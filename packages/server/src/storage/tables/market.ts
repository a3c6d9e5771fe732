/** The figures of the market (`rules/market/`). */
export interface MarketTables {
  market_progress: MarketProgressTable;
  market_hours: MarketHoursTable;
  market_prices: MarketPricesTable;
}

interface Figures {
  /** Registered agents. */
  agents: number;
  tasks_approved: number;
  /** What posters paid for them, in credits. */
  credits_paid: number;
  /** Tasks whose credits are in escrow, and these credits: what was added, less what has left. */
  tasks_held: number;
  credits_held: number;
}

/** How far the figures reach, and their sums up to there. One row, from the first count on. */
interface MarketProgressTable extends Figures {
  id: number;
  /** The last transfer of credits that is counted, and the last agent. */
  transfer_id: string;
  agent_id: string;
}

/** The figures of one hour since 1970, for the hours in which there were any. */
interface MarketHoursTable extends Figures {
  hour: number;
  /** Tasks on the board, as they were counted last in this hour. */
  open_tasks: number | null;
}

/** What an approved task cost and how long it took: a row for each of its tags, of one poster and worker, and of a tag, the newest few. */
interface MarketPricesTable {
  /** The tag, folded. */
  tag: string;
  approved_at: number;
  task_id: string;
  poster_id: string;
  worker_id: string;
  /** What the worker charged. */
  credits: number;
  /** From the posting to the first claim, from the last claim to its delivery, and from there to the approval. */
  to_claim_ms: number;
  to_delivery_ms: number;
  to_approval_ms: number;
}
