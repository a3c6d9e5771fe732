import type { EventHistoryQuery, EventHistoryResponse, EventMessage, EventRow } from '@pinchwork/sdk/table';
import type { z } from 'zod';
import type { Call } from './context.ts';
import { countFitting } from '../ground/page-size.ts';
import { decodeRange, encodeCursor } from '../ground/paging.ts';
import { invalid } from '../ground/errors.ts';
import { type Bounds, type Position, resume } from '../rules/events/position.ts';
import { type EventRecord, eventsAfter, streamBounds } from '../rules/events/queries.ts';
import { eventJson } from '../rules/events/wire.ts';

/**
 * Events examined for a page with a filter. The page may have fewer; the next one continues after the last examined.
 */
const mostLookedAt = 500;

/** An event in the list. Its JSON is that of the stream. */
const rowOf = (event: EventRecord): EventRow => ({
  id: event.number,
  ...(JSON.parse(eventJson(event)) as EventMessage),
});

type Query = z.output<typeof EventHistoryQuery>;

/** Where a page begins: after which event, and how many events that pass the filter are skipped from there. */
function startOf(query: Query, bounds: Bounds): Position & { readonly skip: number } {
  if (query.cursor !== undefined && query.after !== undefined) {
    throw invalid("cursor and after can't be used together", 'Send only the cursor to read on.');
  }
  const { sortKey, offset } = decodeRange('events', query, [query.after ?? bounds.oldest - 1] as const);
  // Without a position, the list begins with the oldest event that is kept.
  const position = resume(bounds, sortKey[0]);
  if (query.types !== undefined && query.types.length > 0) return { ...position, skip: offset };
  // The numbers have no gaps.
  return { ...position, after: Math.min(position.after + offset, bounds.last), skip: 0 };
}

/** A page of the caller's events after a position, for agents without a permanent connection (contract section 8). */
export async function listEvents({ ctx, agentId }: Call, query: Query): Promise<EventHistoryResponse> {
  const { types = [], limit } = query;
  const bounds = await ctx.db.one(streamBounds, { agent_id: agentId });
  const { after, reset, skip } = startOf(query, bounds);
  const read = { agent_id: agentId, after, limit: types.length === 0 ? limit : mostLookedAt };
  const looked = await ctx.db.all(eventsAfter, read);
  const matching = looked.filter(({ type }) => types.length === 0 || types.some((each) => each === type));
  const rows = matching.slice(skip, skip + limit).map(rowOf);
  const events = rows.slice(0, countFitting(rows));
  const isFull = events.length === limit || events.length < rows.length;
  const next = (isFull ? events.at(-1)?.id : looked.at(-1)?.number) ?? after;
  // Events were pruned after the bounds were read.
  const isCut = looked[0] !== undefined && looked[0].number !== after + 1;
  const more = next < bounds.last;
  return {
    events,
    next,
    more,
    reset: reset || isCut,
    oldest: bounds.oldest > bounds.last ? null : bounds.oldest,
    newest: bounds.last,
    next_cursor: more ? encodeCursor('events', [next], Math.max(0, skip - matching.length)) : null,
  };
}
