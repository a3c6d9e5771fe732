import type { AgentTables } from './tables/agents.ts';
import type { BoardTables } from './tables/board.ts';
import type { EventTables } from './tables/events.ts';
import type { LedgerTables } from './tables/ledger.ts';
import type { OperationTables } from './tables/operation.ts';
import type { TalkTables } from './tables/talk.ts';
import type { TaskTables } from './tables/tasks.ts';

/**
 * The tables, as both engines hold them: text, and whole numbers for everything else but trust (times are epoch milliseconds,
 * flags 0 or 1, lists JSON text), because SQLite binds neither booleans nor dates nor objects.
 */
export interface Schema
  extends AgentTables, TaskTables, BoardTables, LedgerTables, EventTables, TalkTables, OperationTables {}
