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
import { fitted } from '../../storage/prepared.ts';
import { agentNotFound, DomainError } from '../../ground/errors.ts';
import { counted, countLimit, decodePlace, encodeCursor, searchBudgetMs } from '../../ground/paging.ts';
import { tagParams } from '../../storage/tags.ts';
import { reputationOf } from '../../rules/reputation/reputation.ts';
import { fold } from '../../rules/search/fold.ts';
import { before, type DirectoryRow, endOfWindow, type Onward, type Place } from '../../rules/agents/directory-job.ts';
import * as queries from '../../rules/agents/directory-queries.ts';

/** An agent is looked for among all that bear a tag if those are fewer than this: a few milliseconds' worth. */
const fewBearers = 2_000;
/** Other filters are tried on so many agents first; then, apart, on the next ones while there is time. */
const reach = 1_000;
const onwardJob = new URL('../../rules/agents/directory-job.ts', import.meta.url);
/** Tags told of an agent, and those told with their ratings. */
const mostTags = 20;
const mostRatedTags = 50;
/** Tags that an agent has not worked under are looked at for ratings: so many. */
const ratedReach = 200;

type Reader = Pick<Call, 'ctx'>;
type Query = z.output<typeof DirectoryQuery>;
type Row = DirectoryRow;

/**
 * The agents that everybody may hire, best first. Filters that no index serves are tried on a number of agents, or for a
 * time; when that ends before the page is full, `search_partial` says so and `next_cursor` goes on from there, so that a
 * patient reader gets to everybody.
 */
export async function listAgents({ ctx }: Reader, query: Query): Promise<DirectoryResponse> {
  const { sort_by: order, limit, tags = [], search = '', min_reputation: least = 0 } = query;
  const until = performance.now() + searchBudgetMs;
  const list = `agents by ${order}` as const;
  const start = order === 'newest' ? (['~', '~'] as const) : ([Number.MAX_SAFE_INTEGER, '~'] as const);
  const { position: from, offset } = decodePlace(list, query, start as Place);
  const isFiltered = tags.length > 0 || search !== '' || (least > 0 && order !== 'reputation');
  const rare = await rarestFirst(ctx, tags);
  const shape = `${order}/${rare.source}/${tags.length}` as const;
  const isWindowed = isFiltered && rare.source === 'list';
  const filter = { part: fold(search), least: Math.round(least * 100), ...tagParams(rare.tags) };
  // Without a filter the index itself passes over those before the page; else they have to be looked at.
  const passed = isFiltered ? 0 : offset;
  const skip = offset - passed;
  const want = skip + limit + 1;
  const params = { ...filter, passed, reach: isWindowed ? reach : isFiltered ? fewBearers : want };
  const fromStart = { ...params, ...before(start), passed: 0, reach: isFiltered ? params.reach : countLimit };
  const [near, total, end, endFromStart] = await Promise.all([
    ctx.db.all(queries.directoryPage(shape), { ...params, ...before(from), limit: want }),
    ctx.db.first(queries.countDirectory(shape), { ...fromStart, limit: countLimit }),
    isWindowed ? endOfWindow(ctx.db, order, { ...params, ...before(from) }) : undefined,
    isWindowed && from !== start ? endOfWindow(ctx.db, order, fromStart) : undefined,
  ]);
  const endOfCounted = from === start ? end : endFromStart;
  const far =
    near.length < want && end !== undefined
      ? await goOn(ctx, {
          shape,
          order,
          params,
          from: end,
          want: want - near.length,
          budgetMs: until - performance.now(),
        })
      : { rows: [], end: undefined };
  const rows = [...near, ...far.rows];
  const page = rows.slice(skip, skip + limit);
  const last = rows.length === want ? page.at(-1)! : undefined;
  const isPartial = last === undefined && far.end !== undefined;
  const isWhole = query.cursor === undefined && passed === 0 && last === undefined && !isPartial;
  return {
    agents: await withTags(ctx, page),
    ...(isWhole ? counted(rows.length) : counted(Math.max(total!.total, rows.length))),
    ...(!isWhole && endOfCounted !== undefined ? { total_capped: true as const } : {}),
    ...(isPartial ? { search_partial: true as const } : {}),
    next_cursor:
      last !== undefined
        ? encodeCursor(list, positionOf(order, last))
        : isPartial
          ? encodeCursor(list, far.end!, Math.max(0, skip - rows.length))
          : null,
  };
}

/** Tries the filter on the next agents. When too much is looked for at once, on none. */
async function goOn({ db }: Context, onward: Onward): Promise<{ rows: Row[]; end: Place | undefined }> {
  try {
    return await db.runApart<Onward, { rows: Row[]; end: Place | undefined }>(onwardJob, onward, 'short');
  } catch (error) {
    if (error instanceof DomainError && error.code === 'overloaded') return { rows: [], end: onward.from };
    throw error;
  }
}

const positionOf = (order: DirectoryOrder, agent: Row): Place => [
  {
    reputation: agent.reputation_e2,
    newest: agent.id,
    tasks_completed: agent.tasks_completed,
    rating_count: agent.rating_count,
  }[order],
  agent.id,
];

/** A tag that few agents bear comes first: then they are all looked at. Else the list is gone through in its order. */
async function rarestFirst(
  { db }: Context,
  tags: readonly string[],
): Promise<{ source: 'tag' | 'list'; tags: string[] }> {
  for (const tag of tags) {
    const { total } = (await db.first(queries.countBearers, { tag: foldTag(tag), limit: fewBearers }))!;
    if (total < fewBearers) return { source: 'tag', tags: [tag, ...tags.filter((other) => other !== tag)] };
  }
  return { source: 'list', tags: [...tags] };
}

/** The few statements for a page's tags. */
const pageSizes = [1, 20, limits.pageSize] as const;

async function withTags(ctx: Context, agents: readonly Row[]): Promise<PublicAgent[]> {
  if (agents.length === 0) return [];
  const ids = agents.map(({ id }) => id);
  const { size, params } = fitted(pageSizes, 'id', ids);
  const rows = await ctx.db.all(queries.tagsOfAgents(size), { ...params, limit: mostTags });
  const tags = new Map<string, Set<string>>();
  for (const { agent_id, name } of rows) tags.set(agent_id, (tags.get(agent_id) ?? new Set()).add(name));
  return agents.map((agent) => publicView(agent, [...(tags.get(agent.id) ?? [])].slice(0, mostTags)));
}

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
  const [agent, used, rated] = await Promise.all([
    ctx.db.first(queries.visibleAgent, { id }),
    ctx.db.all(queries.tagsOfAgents(1), { id_0: id, limit: mostRatedTags }),
    ctx.db.all(queries.ratedTags, { id, reach: ratedReach }),
  ]);
  if (agent === undefined) throw agentNotFound();
  const tags = used.slice(0, mostTags).map(({ name }) => name);
  return {
    ...publicView(agent, tags),
    reputation_by_tag: [...used, ...rated].slice(0, mostRatedTags).map((tag) => {
      const reputation = tag.rating_count === 0 ? null : reputationOf(tag);
      return { tag: tag.name, avg_rating: reputation, reputation, count: tag.rating_count };
    }),
  };
}
