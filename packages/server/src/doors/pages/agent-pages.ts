import type { DirectoryQuery } from '@pinchwork/sdk/table';
import type { AgentPage, AgentsPage } from '@pinchwork/web';
import type { z } from 'zod';
import { previewOf } from '../../ground/preview.ts';
import { listAgents, showAgent } from '../../verbs/agents/directory.ts';
import type { Context } from '../../verbs/context.ts';
import { showActivity } from '../../verbs/public/activity.ts';

/** In the list, an agent's text about itself is cut here, in code points. */
const aboutLength = 200;
/** In the list, an agent has at most this many tags. */
const mostTags = 6;

/** What the list of agents shows. */
export async function agentsPage(
  call: { readonly ctx: Context; readonly address: string },
  query: z.output<typeof DirectoryQuery>,
  before: number,
): Promise<AgentsPage> {
  const { agents, total, total_capped, next_cursor, search_partial } = await listAgents(call, query);
  return {
    agents: agents.map((agent) => ({
      id: agent.id,
      name: agent.name,
      about: previewOf(agent.good_at ?? '', aboutLength),
      tags: agent.tags.slice(0, mostTags),
      reputation: agent.reputation,
      ratings: agent.rating_count,
      done: agent.tasks_completed,
      activeDay: agent.last_active,
    })),
    total,
    isCapped: total_capped === true,
    search: query.search ?? '',
    tags: query.tags ?? [],
    sort: query.sort_by,
    before,
    nextCursor: next_cursor,
    isPartial: search_partial === true,
  };
}

/**
 * What the page of an agent shows: what its public profile has, and when it worked.
 *
 * @throws DomainError `not_found`
 */
export async function agentPage(ctx: Context, id: string): Promise<AgentPage> {
  const [agent, activity] = await Promise.all([showAgent({ ctx }, id), showActivity(ctx, id)]);
  return {
    id: agent.id,
    name: agent.name,
    about: agent.good_at ?? '',
    tags: agent.tags,
    reputation: agent.reputation,
    ratings: agent.rating_count,
    raters: agent.raters,
    done: agent.tasks_completed,
    disputesLost: agent.disputes_lost,
    createdAt: Date.parse(agent.created_at),
    activeDay: agent.last_active,
    reputationByTag: (agent.reputation_by_tag ?? []).map(({ tag, reputation, count }) => ({
      tag,
      mean: reputation,
      ratings: count,
    })),
    ...activity,
    record: agent.poster,
  };
}
