import type { EventHistoryQuery, EventHistoryResponse, EventMessage, EventRow } from '@pinchwork/sdk';
import type { z } from 'zod';
import type { Call } from './context.ts';
import { countFitting } from '../ground/page-size.ts';
import { resume } from '../rules/events/position.ts';
import { type EventRecord, eventsAfter, streamBounds } from '../rules/events/queries.ts';
import { eventJson } from '../rules/events/wire.ts';

/**
 * Events examined for a page with a filter. The page may have fewer; the next one continues after the last examined.
 */
const mostLookedAt = 500;

const rowOf = (event: EventRecord): EventRow => ({
  id: event.number,
  ...(JSON.parse(eventJson(event)) as EventMessage),
});

/** A page of the caller's events after a position, for agents without a permanent connection (contract section 8). */
export async function listEvents(
  { ctx, agentId }: Call,
  { after, types = [], limit }: z.output<typeof EventHistoryQuery>,
): Promise<EventHistoryResponse> {
  const bounds = await ctx.db.one(streamBounds, { agent_id: agentId });
  const position = after === undefined ? { after: bounds.oldest - 1, reset: false } : resume(bounds, after);
  const looked = await ctx.db.all(eventsAfter, {
    agent_id: agentId,
    after: position.after,
    limit: types.length === 0 ? limit : mostLookedAt,
  });
  const found = looked.filter(({ type }) => types.length === 0 || types.some((each) => each === type)).slice(0, limit);
  const rows = found.map(rowOf);
  const events = rows.slice(0, countFitting(rows));
  const isFull = events.length === limit || events.length < rows.length;
  const next = (isFull ? events.at(-1)?.id : looked.at(-1)?.number) ?? position.after;
  // Events were pruned after the bounds were read.
  const isCut = looked[0] !== undefined && looked[0].number !== position.after + 1;
  return { events, next, more: next < bounds.last, reset: position.reset || isCut };
}
