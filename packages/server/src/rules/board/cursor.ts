import { idLength, idPrefixes } from '@pinchwork/sdk/table';
import { z } from 'zod';
import { encodeCursor, notACursor, type PageRequest, readCursor } from '../../ground/paging.ts';
import { type Age, bestRank, type RankedAge } from './scan.ts';

/** At most this many tasks, the best of the window, come in the agent's own order: one page of the largest size. */
export const rankedTasks = 100;

/**
 * Where a page of an agent's board begins, in one of its four parts. For the window it lists the tasks already shown,
 * because a place in the window is not stable: tasks move in as others are claimed, and the order changes with the
 * posters' reputation. Later pages leave out only tasks that the reader has seen.
 */
export type BoardCursor = AmongMatched | InWindow | InRest | AmongLast;

export interface AmongMatched extends RankedAge {
  readonly part: 'matched';
}

interface InWindow {
  readonly part: 'window';
  readonly shown: readonly string[];
}

export interface InRest extends Age {
  readonly part: 'rest';
  /** Tasks that were shown in the window and may come again in the rest. */
  readonly shown: readonly string[];
}

/** Among the tasks that come last, because the agent has given them up. */
interface AmongLast extends Age {
  readonly part: 'last';
}

export const start: BoardCursor = { part: 'matched', ...bestRank };

/**
 * Writes a cursor as text.
 *
 * @param skip number of tasks after the cursor that are still to be skipped.
 */
export function encodeBoardCursor(cursor: BoardCursor, skip = 0): string {
  return encodeCursor('board', valuesOf(cursor), skip);
}

function valuesOf(cursor: BoardCursor): (string | number)[] {
  const { part } = cursor;
  if (part === 'matched') return [part, cursor.rank, cursor.created_at, cursor.id];
  if (part === 'last') return [part, cursor.created_at, cursor.id];
  const shown = cursor.shown.map((id) => id.slice(idPrefixes.task.length)).join('');
  return part === 'window' ? [part, shown] : [part, cursor.created_at, cursor.id, shown];
}

/**
 * Reads the cursor and the offset of a request; without a cursor, the start of the board.
 *
 * @throws DomainError `invalid_request` if the cursor is not one that `encodeBoardCursor` wrote.
 */
export function decodeBoardCursor(query: PageRequest): { from: BoardCursor; offset: number } {
  const { values, offset } = readCursor('board', query);
  if (values === undefined) return { from: start, offset };
  const { data } = encoded.safeParse(values);
  if (data === undefined) throw notACursor();
  return { from: data, offset };
}

const shown = z
  .string()
  .regex(new RegExp(`^([0-9A-Za-z]{${idLength}}){0,${rankedTasks}}$`))
  .transform((ids) => (ids.match(new RegExp(`.{${idLength}}`, 'g')) ?? []).map((id) => idPrefixes.task + id));

const encoded = z.union([
  z
    .tuple([z.literal('matched'), z.int(), z.int(), z.string()])
    .transform(([part, rank, created_at, id]) => ({ part, rank, created_at, id })),
  z.tuple([z.literal('window'), shown]).transform(([part, shown]) => ({ part, shown })),
  z
    .tuple([z.literal('rest'), z.int(), z.string(), shown])
    .transform(([part, created_at, id, shown]) => ({ part, created_at, id, shown })),
  z.tuple([z.literal('last'), z.int(), z.string()]).transform(([part, created_at, id]) => ({ part, created_at, id })),
]);
