import type { BoardQuery, BoardResponse, BoardTask } from '@pinchwork/sdk/table';
import type { z } from 'zod';
import type { Call } from '../context.ts';
import { excerpt, fitTexts } from '../../ground/page-size.ts';
import { counted, searchBudgetMs } from '../../ground/paging.ts';
import { readExcerpts } from '../../rules/tasks/page.ts';
import { readTerms, readTermsOfAll } from '../../rules/tasks/terms.ts';
import { boardView } from '../../rules/tasks/view.ts';
import { Board, type PageOf } from '../../rules/board/board.ts';
import { setBackWhileBrowsing } from '../../rules/agents/given-up.ts';
import { boardFilter } from '../../rules/board/filter.ts';
import { searchingAs } from '../../rules/search/apart.ts';
import { patient } from '../../rules/search/pace.ts';
import { decodeBoardCursor, encodeBoardCursor, start } from '../../rules/board/cursor.ts';
import { taskNotFound } from '../../ground/errors.ts';
import { at } from '../../ground/present.ts';
import { openTask } from '../../rules/board/queries.ts';
import { stateOf } from '../../ground/states.ts';

/**
 * A page of the board as the caller sees it: the tasks that it may pick up, in the order of pickup (contract section
 * 6). It is never shorter than asked for because of long texts: those are cut.
 */
export async function listBoard(call: Call, query: z.output<typeof BoardQuery>): Promise<BoardResponse> {
  const { ctx, agentId } = call;
  const now = ctx.clock.now();
  const filter = { ...boardFilter(query), setBack: await setBackWhileBrowsing(ctx.db, agentId, now) };
  const { from, offset } = decodeBoardCursor(query);
  const source = { reader: ctx.db, searchApart: searchingAs(ctx, { agentId }) };
  const board = new Board(source, { agent: agentId, now }, filter, patient(searchBudgetMs));
  const [{ tasks, met, cut, rows }, count] = await Promise.all([
    readPage(call, board, { from, offset, limit: query.limit }),
    board.count(),
  ]);
  const isWhole = from === start && cut === null && tasks.length <= query.limit;
  const { total, isCapped } = isWhole ? { total: met, isCapped: false } : count;
  const next = tasks.length > query.limit ? at(tasks, query.limit - 1).cursor : cut;
  const termsOf = await readTermsOfAll(ctx.db, rows);
  const ranks = new Map(tasks.map(({ id, rank }) => [id, rank]));
  return {
    tasks: fitTexts(rows.map((task) => excerpt(boardView(task, termsOf(task), ranks.get(task.id) ?? null)))),
    // The count examines a bounded number of tasks, so the page may have found more.
    ...counted(from === start ? Math.max(total, met) : total),
    ...(isCapped || cut !== null ? { total_capped: true as const } : {}),
    ...(cut === null ? {} : { search_partial: true as const }),
    next_cursor: next === null ? null : encodeBoardCursor(next, Math.max(0, offset - met)),
  };
}

/** Reads the tasks of a page, with the beginnings of their texts. */
async function readPage({ ctx }: Call, board: Board, { limit, ...range }: PageOf) {
  const page = await board.page({ ...range, limit: limit + 1 });
  // On PostgreSQL, the tasks are read a moment later: leave out those that were picked up in between.
  const found = await readExcerpts(ctx.db, page.tasks.slice(0, limit));
  return { ...page, rows: found.filter(({ status }) => stateOf(status).isOnBoard) };
}

/**
 * One task of the caller's board, with its texts whole.
 *
 * @throws DomainError `not_found` if the caller can't pick it up.
 */
export async function showBoardTask({ ctx, agentId }: Call, taskId: string): Promise<BoardTask> {
  const task = await ctx.db.first(openTask, { id: taskId, agent: agentId, now: ctx.clock.now() });
  if (task === undefined) throw taskNotFound();
  return boardView(task, await readTerms(ctx.db, task), task.rank);
}
