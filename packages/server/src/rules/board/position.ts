import { idLength, idPrefixes } from '@pinchwork/sdk';
import { z } from 'zod';
import { encodeCursor, notACursor, type PageRequest, readCursor } from '../../ground/paging.ts';
import { type Age, bestRank, type RankedAge } from './scan.ts';

/** So many of everyone's tasks, the best of the window, come in the agent's own order: a page of the largest size. */
export const rankedTasks = 100;

/**
 * Where a page of an agent's board begins, in one of its three parts. Of the window it holds what has been shown: as others
 * claim, tasks move into the window, and a place in it changes with its poster's reputation. Only what a reader has seen
 * may be left out of what follows.
 */
export type Position = AmongMatched | InWindow | InRest;

export interface AmongMatched extends RankedAge {
  readonly part: 'matched';
}

interface InWindow {
  readonly part: 'window';
  readonly shown: readonly string[];
}

export interface InRest extends Age {
  readonly part: 'rest';
  /** What was shown in the window and may lie ahead. */
  readonly shown: readonly string[];
}

export const start: Position = { part: 'matched', ...bestRank };

/** @param skip how many tasks behind it are still to be passed over. */
export function encodePosition(position: Position, skip = 0): string {
  return encodeCursor('board', valuesOf(position), skip);
}

function valuesOf(position: Position): (string | number)[] {
  const { part } = position;
  if (part === 'matched') return [part, position.rank, position.created_at, position.id];
  const shown = position.shown.map((id) => id.slice(idPrefixes.task.length)).join('');
  return part === 'window' ? [part, shown] : [part, position.created_at, position.id, shown];
}

/** @throws DomainError like `decodeCursor`. */
export function decodePosition(query: PageRequest): { from: Position; offset: number } {
  const { position, offset } = readCursor('board', query);
  if (position === undefined) return { from: start, offset };
  const { data } = encoded.safeParse(position);
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
]);
