import {
  type DirectoryOrder,
  type DirectoryQuery,
  type DirectoryResponse,
  foldTag,
  limits,
  type PublicAgent,
  type PublicAgentResponse,
} from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { dayOf, wireDay, wireTime } from '../../ground/clock.ts';
import { present } from '../../ground/present.ts';
import type { Call, Context } from '../context.ts';
import { fitted } from '../../storage/prepared.ts';
import { agentNotFound, DomainError } from '../../ground/errors.ts';
import { countFitting } from '../../ground/page-size.ts';
import { counted, countLimit, decodeRange, encodeCursor, searchBudgetMs } from '../../ground/paging.ts';
import { tagParams } from '../../storage/tags.ts';
import { posterRecord } from '../../rules/reputation/poster-record.ts';
import { type Ratings, reputationOf } from '../../rules/reputation/reputation.ts';
import { type SearchApart, searchingAs } from '../../rules/search/apart.ts';
import { fold } from '../../rules/search/fold.ts';
import {
  before,
  type DirectoryRow,
  endOfWindow,
  type Onward,
  type DirectorySortKey,
} from '../../rules/agents/directory-job.ts';
import * as queries from '../../rules/agents/directory-queries.ts';

/** If fewer agents than this have a tag, all of them are examined, in a few milliseconds. */
const fewBearers = 2_000;
/** Other filters examine this many agents first; then a separate job examines the next ones until its time is up. */
const reach = 1_000;
const onwardJob = new URL('../../rules/agents/directory-job.ts', import.meta.url);
/** The least time that the job gets on a busy machine. */
const leastApartMs = 30;
/** Maximum number of an agent's tags in a reply, and of those with ratings. */
const mostTags = 20;
const mostRatedTags = 50;
/** At most this many tags under which an agent has not worked are examined for ratings. */
const ratedReach = 200;

type Reader = Pick<Call, 'ctx'>;
type Query = z.output<typeof DirectoryQuery>;
type Row = DirectoryRow;

/**
 * The public directory of agents, in the order of `sort_by`. Filters without an index examine a bounded number of
 * agents or run for a bounded time. If that ends before the page is full, the reply has `search_partial`, and
 * `next_cursor` continues from there, so that a reader who follows the cursors reaches all agents.
 */
export async function listAgents(
  { ctx, address }: Pick<Call, 'ctx' | 'address'>,
  query: Query,
): Promise<DirectoryResponse> {
  const { sort_by: order, limit, tags = [], search = '', min_reputation: least = 0 } = query;
  const until = performance.now() + searchBudgetMs;
  const list = `agents by ${order}` as const;
  const start: DirectorySortKey = order === 'newest' ? ['~', '~'] : [Number.MAX_SAFE_INTEGER, '~'];
  const { sortKey: from, offset } = decodeRange(list, query, start);
  const isFiltered = tags.length > 0 || search !== '' || least > 0;
  const rare = await rarestFirst(ctx, tags);
  const shape = `${order}/${rare.source}/${tags.length}` as const;
  const isWindowed = isFiltered && rare.source === 'list';
  const filter = { part: fold(search), least: Math.round(least * 100), ...tagParams(rare.tags) };
  // Without a filter, the query skips the agents before the page; with one, they must be examined.
  const passed = isFiltered ? 0 : offset;
  const skip = offset - passed;
  const want = skip + limit + 1;
  const params = { ...filter, passed, reach: isWindowed ? reach : isFiltered ? fewBearers : want };
  const fromStart = { ...params, ...before(start), passed: 0, reach: isFiltered ? params.reach : countLimit };
  const [near, total, end, endFromStart] = await Promise.all([
    ctx.db.all(queries.directoryPage(shape), { ...params, ...before(from), limit: want }),
    ctx.db.one(queries.countDirectory(shape), { ...fromStart, limit: countLimit }),
    isWindowed ? endOfWindow(ctx.db, order, { ...params, ...before(from) }) : undefined,
    isWindowed && from !== start ? endOfWindow(ctx.db, order, fromStart) : undefined,
  ]);
  const endOfCounted = from === start ? end : endFromStart;
  const far =
    near.length < want && end !== undefined
      ? await goOn(searchingAs(ctx, { address }), until, {
          shape,
          order,
          params,
          from: end,
          want: want - near.length,
        })
      : { rows: [], end: undefined };
  const rows = [...near, ...far.rows];
  const page = rows.slice(skip, skip + limit);
  const views = await withTags(ctx, page);
  const agents = views.slice(0, countFitting(views));
  const last = rows.length === want || agents.length < page.length ? page[agents.length - 1] : undefined;
  const isPartial = last === undefined && far.end !== undefined;
  const isWhole = query.cursor === undefined && passed === 0 && last === undefined && !isPartial;
  return {
    agents,
    ...(isWhole ? counted(rows.length) : counted(Math.max(total.total, rows.length))),
    ...(!isWhole && endOfCounted !== undefined ? { total_capped: true as const } : {}),
    ...(isPartial ? { search_partial: true as const } : {}),
    next_cursor:
      last !== undefined
        ? encodeCursor(list, sortKeyOf(order, last))
        : isPartial
          ? encodeCursor(list, present(far.end, 'The end of the search'), Math.max(0, skip - rows.length))
          : null,
  };
}

/** Examines the next agents in a separate job; none if too many searches run at once. */
async function goOn(
  searchApart: SearchApart,
  until: number,
  onward: Omit<Onward, 'budgetMs'>,
): Promise<{ rows: Row[]; end: DirectorySortKey | undefined }> {
  try {
    return await searchApart<Onward, { rows: Row[]; end: DirectorySortKey | undefined }>(onwardJob, () => ({
      ...onward,
      budgetMs: Math.max(leastApartMs, until - performance.now()),
    }));
  } catch (error) {
    if (error instanceof DomainError && error.code === 'overloaded') return { rows: [], end: onward.from };
    throw error;
  }
}

const sortKeyOf = (order: DirectoryOrder, agent: Row): DirectorySortKey => [
  {
    reputation: agent.standing_e3,
    newest: agent.id,
    tasks_completed: agent.tasks_completed,
    rating_count: agent.rating_count,
  }[order],
  agent.id,
];

/**
 * Moves a tag that few agents have to the front: then all of these agents are examined. Else the list is, in its
 * order.
 */
async function rarestFirst(
  { db }: Context,
  tags: readonly string[],
): Promise<{ source: 'tag' | 'list'; tags: string[] }> {
  for (const tag of tags) {
    const { total } = await db.one(queries.countBearers, { tag: foldTag(tag), limit: fewBearers });
    if (total < fewBearers) return { source: 'tag', tags: [tag, ...tags.filter((other) => other !== tag)] };
  }
  return { source: 'list', tags: [...tags] };
}

/** Sizes of the statements for the tags of a page. */
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
  raters: agent.raters,
  disputes_lost: agent.disputes_lost,
  poster: posterRecord(agent, agent.name),
  created_at: wireTime(agent.created_at),
  last_active: wireDay(agent.active_day ?? dayOf(agent.created_at)),
  good_at: agent.good_at,
  tags,
});

/**
 * The public profile of an agent.
 *
 * @throws DomainError `not_found`, also if the agent is suspended.
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
    reputation_by_tag: agent.rating_count === 0 ? null : [...used, ...rated].slice(0, mostRatedTags).map(tagView),
  };
}

function tagView(tag: { readonly name: string } & Ratings) {
  const reputation = tag.rating_count === 0 ? null : reputationOf(tag);
  return { tag: tag.name, avg_rating: reputation, reputation, count: tag.rating_count };
}
