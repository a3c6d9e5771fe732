import type { AgentTables } from './tables/agents.ts';
import type { BoardTables } from './tables/board.ts';
import type { DisputeTables } from './tables/disputes.ts';
import type { EventTables } from './tables/events.ts';
import type { LedgerTables } from './tables/ledger.ts';
import type { MarketTables } from './tables/market.ts';
import type { OperationTables } from './tables/operation.ts';
import type { TalkTables } from './tables/talk.ts';
import type { TaskTables } from './tables/tasks.ts';

/**
 * The tables of both engines. Every value is text or a whole number, except trust: times are epoch milliseconds, flags
 * 0 or 1, lists JSON text. SQLite binds neither booleans nor dates nor objects.
 */
export interface Schema
  extends
    AgentTables,
    TaskTables,
    DisputeTables,
    BoardTables,
    LedgerTables,
    EventTables,
    TalkTables,
    OperationTables,
    MarketTables {}
