import type { BoardQuery, BoardResponse } from '@pinchwork/sdk';
import type { z } from 'zod';
import type { Call } from '../context.ts';
import { counted, searchBudgetMs } from '../../ground/paging.ts';
import { cutBySize, readByIds, withSizes } from '../../rules/tasks/page.ts';
import { boardView } from '../../rules/tasks/view.ts';
import { Board, type PageOf } from '../../rules/board/board.ts';
import { boardFilter } from '../../rules/board/filter.ts';
import { patient } from '../../rules/search/pace.ts';
import { decodeBoardCursor, encodeBoardCursor, start } from '../../rules/board/cursor.ts';
import { stateOf } from '../../ground/states.ts';

/**
 * A page of the board as the caller sees it: the tasks that it may pick up, in the order of pickup (contract section
 * 6).
 */
export async function listBoard(call: Call, query: z.output<typeof BoardQuery>): Promise<BoardResponse> {
  const { ctx, agentId } = call;
  const filter = boardFilter(query);
  const { from, offset } = decodeBoardCursor(query);
  const board = new Board(ctx.db, { agent: agentId, now: ctx.clock.now() }, filter, patient(searchBudgetMs));
  const [{ tasks, met, cut, kept, isLast, rows }, count] = await Promise.all([
    readPage(call, board, { from, offset, limit: query.limit }),
    board.count(),
  ]);
  const isWhole = from === start && cut === null && tasks.length <= query.limit;
  const { total, isCapped } = isWhole ? { total: met, isCapped: false } : count;
  const next = isLast ? cut : (kept.at(-1)?.cursor ?? cut);
  const ranks = new Map(kept.map(({ id, rank }) => [id, rank]));
  return {
    tasks: rows.map((task) => boardView(task, task, ranks.get(task.id) ?? null)),
    // The count examines a bounded number of tasks, so the page may have found more.
    ...counted(from === start ? Math.max(total, met) : total),
    ...(isCapped || cut !== null ? { total_capped: true as const } : {}),
    ...(cut === null ? {} : { search_partial: true as const }),
    next_cursor: next === null ? null : encodeBoardCursor(next, Math.max(0, offset - met)),
  };
}

/** Reads the tasks of a page, cut to what one reply may hold. */
async function readPage({ ctx }: Call, board: Board, { limit, ...range }: PageOf) {
  const page = await board.page({ ...range, limit: limit + 1 });
  const { kept, isLast } = cutBySize(await withSizes(ctx.db, page.tasks), limit);
  // On PostgreSQL, the tasks are read a moment later: leave out those that were picked up in between.
  const rows = (await readByIds(ctx.db, kept)).filter(({ status }) => stateOf(status).isOnBoard);
  return { ...page, kept, isLast, rows };
}
