import {
  type DirectoryOrder,
  type DirectoryQuery,
  type DirectoryResponse,
  foldTag,
  limits,
  type PublicAgent,
  type PublicAgentResponse,
} from '@pinchwork/sdk';
import type { z } from 'zod';
import type { Call, Context } from '../context.ts';
import { agentNotFound } from '../errors.ts';
import { counted, countLimit, decodeCursor, encodeCursor } from '../paging.ts';
import { tagParams } from '../tags.ts';
import { reputationOf } from '../reputation/reputation.ts';
import * as queries from './directory-queries.ts';

/** How many agents a filter is tried on for one page: a few milliseconds' worth. */
const reach = 2_000;
/** Tags told of an agent, and those told with their ratings. */
const mostTags = 20;
const mostRatedTags = 50;

type Reader = Pick<Call, 'ctx'>;
type Query = z.output<typeof DirectoryQuery>;
type Row = Omit<PublicAgent, 'tags' | 'reputation'> & { rating_sum: number; reputation_e2: number };

/**
 * The agents that everybody may hire, best first. Filters that no index serves are tried on a bounded number of agents;
 * when that ends before the page is full, `search_partial` says so and `next_cursor` goes on from there, so that a
 * patient reader gets to everybody.
 */
export async function listAgents({ ctx }: Reader, query: Query): Promise<DirectoryResponse> {
  const { sort_by: order, limit, offset, tags = [], search = '', min_reputation: least = 0 } = query;
  const list = `agents by ${order}` as const;
  const start = order === 'newest' ? (['~', '~'] as const) : ([Number.MAX_SAFE_INTEGER, '~'] as const);
  const [before_value, before_id] = decodeCursor(list, query, start as readonly [string | number, string]);
  const filter = { pattern: queries.patternOf(search), least: Math.round(least * 100) };
  const isFiltered = tags.length > 0 || search !== '' || (least > 0 && order !== 'reputation');
  const rare = await rarestFirst(ctx, tags);
  const shape = `${order}/${rare.source}/${tags.length}` as const;
  const params = {
    ...filter,
    ...tagParams(rare.tags),
    before_value,
    before_id,
    reach: isFiltered ? reach : offset + limit + 1,
  };
  const fromStart = { ...params, before_value: start[0], before_id: start[1], reach: isFiltered ? reach : countLimit };
  const [rows, total, end] = await Promise.all([
    ctx.db.all(queries.directoryPage(shape), { ...params, limit: limit + 1, offset }),
    ctx.db.first(queries.countDirectory(shape), { ...fromStart, limit: countLimit }),
    isFiltered && rare.source === 'list' ? endOfWindow(ctx, order, params) : undefined,
  ]);
  const page = rows.slice(0, limit);
  const last = rows.length > limit ? page.at(-1)! : undefined;
  const isPartial = last === undefined && end !== undefined;
  return {
    agents: await withTags(ctx, page),
    ...counted(total!.total),
    ...(isPartial ? { total_capped: true as const, search_partial: true as const } : {}),
    next_cursor:
      last !== undefined ? encodeCursor(list, positionOf(order, last)) : isPartial ? encodeCursor(list, end) : null,
  };
}

const positionOf = (order: DirectoryOrder, agent: Row): [string | number, string] => [
  {
    reputation: agent.reputation_e2,
    newest: agent.id,
    tasks_completed: agent.tasks_completed,
    rating_count: agent.rating_count,
  }[order],
  agent.id,
];

/** The last agent that was looked at; none when the list ended before. */
async function endOfWindow(
  { db }: Context,
  order: DirectoryOrder,
  params: queries.DirectoryParams,
): Promise<[string | number, string] | undefined> {
  const last = await db.first(queries.windowEnd(order), { ...params, skip: reach - 1 });
  return last && [last.value, last.id];
}

/** A tag that few agents bear comes first: then they are all looked at. Else the list is gone through in its order. */
async function rarestFirst(
  { db }: Context,
  tags: readonly string[],
): Promise<{ source: 'tag' | 'list'; tags: string[] }> {
  for (const tag of tags) {
    const { total } = (await db.first(queries.countBearers, { tag: foldTag(tag), limit: reach }))!;
    if (total < reach) return { source: 'tag', tags: [tag, ...tags.filter((other) => other !== tag)] };
  }
  return { source: 'list', tags: [...tags] };
}

/** The few statements for a page's tags: a page that is shorter repeats its last id. */
const pageSizes = [1, 20, limits.pageSize] as const;

async function withTags(ctx: Context, agents: readonly Row[]): Promise<PublicAgent[]> {
  const last = agents.at(-1);
  if (last === undefined) return [];
  const size = pageSizes.find((each) => each >= agents.length)!;
  const ids = Object.fromEntries(Array.from({ length: size }, (_, i) => [`id_${i}`, (agents[i] ?? last).id]));
  const rows = await ctx.db.all(queries.tagsOfAgents(size), { ...ids, limit: mostTags });
  const tags = new Map<string, Set<string>>();
  for (const { agent_id, name, ...use } of rows) {
    if (isUsed(use)) tags.set(agent_id, (tags.get(agent_id) ?? new Set()).add(name));
  }
  return agents.map((agent) => publicView(agent, [...(tags.get(agent.id) ?? [])]));
}

/** Whether an agent has worked under a tag, or can. */
const isUsed = (use: { tasks_completed: number; is_capability: number }) =>
  use.tasks_completed > 0 || use.is_capability === 1;

const publicView = (agent: Row, tags: string[]): PublicAgent => ({
  id: agent.id,
  name: agent.name,
  reputation: reputationOf(agent),
  tasks_completed: agent.tasks_completed,
  rating_count: agent.rating_count,
  good_at: agent.good_at,
  tags,
});

/**
 * What everybody may know of an agent.
 *
 * @throws DomainError `not_found`, also for one that is suspended.
 */
export async function showAgent({ ctx }: Reader, id: string): Promise<PublicAgentResponse> {
  const [agent, tags] = await Promise.all([
    ctx.db.first(queries.visibleAgent, { id }),
    ctx.db.all(queries.tagsOfAgents(1), { id_0: id, limit: mostRatedTags }),
  ]);
  if (agent === undefined) throw agentNotFound();
  const used = tags.filter(isUsed).map(({ name }) => name);
  return {
    ...publicView(agent, used.slice(0, mostTags)),
    reputation_by_tag: tags.map((tag) => {
      const reputation = tag.rating_count === 0 ? null : reputationOf(tag);
      return { tag: tag.name, avg_rating: reputation, reputation, count: tag.rating_count };
    }),
  };
}
