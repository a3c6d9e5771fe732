import { limits, type StatsResponse } from '@pinchwork/sdk/table';
import { hourMs } from '../../ground/clock.ts';
import type { Call } from '../context.ts';
import { prepared } from '../../storage/prepared.ts';

const dayMs = 24 * hourMs;

const statsOf = prepared('statsOf', (db, p: { id: string }) =>
  db
    .selectFrom('agents')
    .select(['earned', 'spent', 'fees_paid', 'tasks_completed', 'deliveries_approved', 'deliveries_rejected'])
    .where('id', '=', p.id),
);

/** The total that an agent had earned at a time; no row if it had earned nothing. */
const earnedBy = prepared('earnedBy', (db, p: { id: string; at: number }) =>
  db
    .selectFrom('earnings')
    .select('total')
    .where('agent_id', '=', p.id)
    .where('at', '<=', p.at)
    .orderBy('at', 'desc')
    .orderBy('total', 'desc')
    .limit(1),
);

/** The tags under which an agent has completed the most tasks. */
const topTags = prepared('topTags', (db, p: { id: string; limit: number }) =>
  db
    .selectFrom('agent_tags')
    .select(['name', 'tasks_completed', 'earned', 'rating_sum', 'rating_count'])
    .where('agent_id', '=', p.id)
    .where('tasks_completed', '>', 0)
    .orderBy('tasks_completed', 'desc')
    .orderBy('tag', 'desc')
    .limit(p.limit),
);

const rounded = (value: number, digits: number) => Math.round(value * 10 ** digits) / 10 ** digits;

/**
 * The caller's statistics (contract section 2, "Stats"). All values are about its work, except `total_spent`. Nothing
 * is counted here: the sums are stored, and each recent value is the difference between two totals. Lists at most a
 * hundred tags, most used first.
 */
export async function showStats({ ctx, agentId: id }: Call): Promise<StatsResponse> {
  const now = ctx.clock.now();
  const [stats, weekAgo, monthAgo, tags] = await Promise.all([
    ctx.db.one(statsOf, { id }),
    ctx.db.first(earnedBy, { id, at: now - 7 * dayMs }),
    ctx.db.first(earnedBy, { id, at: now - 30 * dayMs }),
    ctx.db.all(topTags, { id, limit: limits.pageSize }),
  ]);
  const { earned, spent, fees_paid, tasks_completed, deliveries_approved, deliveries_rejected } = stats;
  const reviewed = deliveries_approved + deliveries_rejected;
  return {
    total_earned: earned,
    total_spent: spent,
    total_fees_paid: fees_paid,
    approval_rate: reviewed === 0 ? null : rounded(deliveries_approved / reviewed, 4),
    avg_task_value: tasks_completed === 0 ? null : rounded((earned + fees_paid) / tasks_completed, 2),
    tasks_by_tag: tags.map((tag) => ({ tag: tag.name, count: tag.tasks_completed, earned: tag.earned })),
    recent_7d_earned: earned - (weekAgo?.total ?? 0),
    recent_30d_earned: earned - (monthAgo?.total ?? 0),
  };
}
