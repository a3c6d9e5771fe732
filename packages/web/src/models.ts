import type { MarketEvent, PosterRecord, TaskStatus } from '@pinchwork/sdk/table';

/** What the pages show. The server fills these in; the pages only lay them out. Times are milliseconds since 1970. */

/** What is true of every page of one server. */
export interface Site {
  /** The origin of this server's addresses, as the reader sees it. */
  readonly origin: string;
  /** Whether the market is a demonstration, which every page says. */
  readonly isDemo: boolean;
  readonly now: number;
  readonly assets: Assets;
}

/** The addresses of the files that pages load. */
export interface Assets {
  readonly style: string;
  readonly script: string;
  readonly card: string;
}

export interface Named {
  readonly id: string;
  readonly name: string;
}

/** A total with its last 24 hours, the oldest first. */
export interface Series {
  readonly total: number;
  readonly hours: readonly number[];
}

/** The same, where some hours are not known. */
export interface Samples {
  readonly total: number;
  readonly hours: readonly (number | null)[];
}

export interface MarketPage {
  readonly figures: {
    readonly open: Samples;
    readonly held: Series & { readonly tasks: number };
    readonly approved: Series;
    readonly charged: Series;
    readonly agents: Series;
    /** The median time from a claim to its delivery, now and by the hour; null where nothing is known. */
    readonly delivery: { readonly medianMs: number | null; readonly hours: readonly (number | null)[] };
  };
  readonly board: BoardPage;
  /** The latest changes of tasks, newest first. */
  readonly changes: readonly MarketEvent[];
  readonly flow: Flow | undefined;
  readonly prices: readonly Price[];
  readonly signupCredits: number;
  readonly feePercent: number;
  readonly reviewHours: number;
}

export interface BoardPage {
  readonly tasks: readonly BoardRow[];
  readonly total: number;
  readonly search: string;
  readonly tags: readonly string[];
  /** The tags that most open tasks bear. */
  readonly commonTags: readonly { readonly tag: string; readonly count: number }[];
  /** How many tasks come before those of this page. */
  readonly before: number;
  readonly nextCursor: string | null;
  /** The search has not examined all tasks yet. */
  readonly isPartial: boolean;
}

export interface BoardRow {
  readonly id: string;
  readonly preview: string;
  readonly tags: readonly string[];
  readonly poster: Named;
  readonly maxCredits: number;
  readonly createdAt: number;
  readonly deadlineAt: number | null;
  readonly isMachineChecked: boolean;
  readonly heartbeatMinutes: number | null;
}

export interface Price {
  readonly tag: string;
  readonly count: number;
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly deliveryMinutes: number;
}

/** What became of the credits of one tag, or of all. */
export interface Outcomes {
  readonly paid: number;
  readonly fee: number;
  readonly unspent: number;
  readonly returned: number;
  readonly held: number;
}

export interface Flow {
  readonly rows: readonly {
    /** Undefined: the tags that are not named. */
    readonly tag: string | undefined;
    readonly outcomes: Outcomes;
  }[];
  /** How many tags are not named. */
  readonly others: number;
  readonly tasks: number;
}

export interface TaskPage {
  readonly id: string;
  readonly status: TaskStatus;
  /** Undefined: the text is not public. */
  readonly preview: string | undefined;
  readonly isRemoved: boolean;
  readonly tags: readonly string[];
  readonly maxCredits: number;
  readonly feePercent: number;
  /** The platform's part of `maxCredits`. */
  readonly fee: number;
  readonly createdAt: number;
  /** The states that it has been in, the oldest first. */
  readonly steps: readonly Step[];
  readonly endedAt: number | undefined;
  readonly clocks: readonly TaskClock[];
  /** While it is on the board for everybody. */
  readonly poster: (Named & { readonly record: PosterRecord }) | undefined;
  readonly terms: {
    readonly isMachineChecked: boolean;
    readonly isApprovedAtOnce: boolean;
    readonly heartbeatMinutes: number | null;
    readonly graceMinutes: number;
    readonly reviewMinutes: number;
    readonly claimMinutes: number;
  };
}

export interface Step {
  readonly status: TaskStatus;
  /** Why, in words; empty where the state says it all. */
  readonly why: string;
  readonly at: number;
}

export interface TaskClock {
  readonly what: string;
  /** What happens then. */
  readonly then: string;
  readonly from: number;
  readonly at: number;
}

export interface AgentsPage {
  readonly agents: readonly AgentRow[];
  readonly total: number;
  readonly isCapped: boolean;
  readonly search: string;
  readonly tags: readonly string[];
  readonly sort: AgentSort;
  readonly before: number;
  readonly nextCursor: string | null;
  readonly isPartial: boolean;
}

export const agentSorts = ['reputation', 'tasks_completed', 'rating_count', 'newest'] as const;
export type AgentSort = (typeof agentSorts)[number];

export interface AgentRow extends Named {
  readonly about: string;
  readonly tags: readonly string[];
  readonly reputation: number;
  readonly ratings: number;
  readonly done: number;
  readonly activeDay: string;
}

export interface AgentPage extends Named {
  readonly about: string;
  readonly tags: readonly string[];
  readonly reputation: number;
  readonly ratings: number;
  readonly raters: number;
  readonly done: number;
  readonly disputesLost: number;
  readonly createdAt: number;
  readonly activeDay: string;
  readonly reputationByTag: readonly {
    readonly tag: string;
    readonly mean: number | null;
    readonly ratings: number;
  }[];
  /** Tasks finished on each of the last 84 days, the oldest first; the first day is a Monday. */
  readonly days: readonly number[];
  /** The first of these days, since 1970. */
  readonly firstDay: number;
  /** More tasks than are counted. */
  readonly isCapped: boolean;
  readonly record: PosterRecord;
}

export interface ErrorPage {
  readonly status: number;
  readonly code: string;
  readonly error: string;
  readonly hint: string | undefined;
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
}

/** A page by its name, with what it shows. */
export type Page =
  | { readonly name: 'market'; readonly shown: MarketPage }
  | { readonly name: 'task'; readonly shown: TaskPage }
  | { readonly name: 'agents'; readonly shown: AgentsPage }
  | { readonly name: 'agent'; readonly shown: AgentPage }
  | { readonly name: 'text'; readonly shown: { readonly title: string; readonly paragraphs: readonly TextBlock[] } }
  | { readonly name: 'error'; readonly shown: ErrorPage };

export interface TextBlock {
  readonly level: number | undefined;
  readonly text: string;
}
