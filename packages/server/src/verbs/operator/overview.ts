import type { OverviewResponse } from '@pinchwork/sdk/table';
import { minuteMs, secondMs, wireTime } from '../../ground/clock.ts';
import { creditsSpent } from '../../rules/ledger/budget.ts';
import type { Counts } from '../../rules/operator/overview-job.ts';
import { countDisputes } from '../../rules/operator/dispute-queries.ts';
import { countReports, countStuck, firstDue } from '../../rules/operator/queries.ts';
import { nextReadyAt } from '../../rules/webhooks/leases.ts';
import { countWaiting } from '../../rules/webhooks/queries.ts';
import type { Call, Context } from '../context.ts';

const countJob = new URL('../../rules/operator/overview-job.ts', import.meta.url);
/** Queues are counted up to this length, because counting takes time. */
const mostCounted = 10_000;

interface Known {
  readonly counts: Promise<Counts>;
  readonly at: number;
}

/** The counts of each market in this process. Calls within a minute share one count. */
const known = new WeakMap<Context['db'], Known>();

function countAll({ db, clock }: Context): Known {
  const now = clock.now();
  const last = known.get(db);
  if (last !== undefined && now >= last.at && now < last.at + minuteMs) return last;
  const next = { counts: db.runApart<null, Counts>(countJob, null, 'long'), at: now };
  known.set(db, next);
  next.counts.catch(() => known.delete(db));
  return next;
}

/**
 * The state of the market and of this server at a glance, for the operator. Agents, tasks and credits are counted at
 * most once a minute.
 */
export async function showOverview({ ctx }: Pick<Call, 'ctx'>): Promise<OverviewResponse> {
  const { db, clock, config, shares } = ctx;
  const now = clock.now();
  const counting = countAll(ctx);
  const [{ agents, tasks, credits }, spent, waiting, ready, stuck, due, open, disputes, nodes] = await Promise.all([
    counting.counts,
    creditsSpent(db, now),
    db.one(countWaiting, { limit: mostCounted }),
    Promise.all([0, 1].map((failing) => db.first(nextReadyAt, { failing }))),
    db.one(countStuck, { limit: mostCounted }),
    db.first(firstDue, {}),
    db.one(countReports('open'), { limit: mostCounted }),
    db.one(countDisputes('newest/open'), { limit: mostCounted }),
    db.countServers(),
  ]);
  const secondsSince = (at: number | null | undefined) => Math.max(0, Math.floor((now - (at ?? now)) / secondMs));
  const audited = ctx.lastAudit();
  return {
    counted_at: wireTime(counting.at),
    agents,
    tasks,
    credits,
    system_credits: { spent_last_hour: spent, per_hour: config.systemTasks.creditsPerHour ?? null },
    audit:
      audited === undefined
        ? null
        : { ok: audited.report.ok, broken: audited.report.broken.length, at: wireTime(audited.at) },
    webhooks: {
      waiting: waiting.total,
      oldest_waiting_seconds: Math.max(...ready.map((row) => secondsSince(row?.ready_at))),
    },
    timers: { stuck: stuck.total, late_seconds: secondsSince(due?.due_at) },
    shares: Object.fromEntries(
      Object.entries(shares).map(([name, { used, most, largest, waiting: queue, refused, cut }]) => [
        name,
        { used, limit: most, largest, waiting: queue, refused, cut },
      ]),
    ),
    reports_open: open.total,
    disputes_open: disputes.total,
    nodes,
  };
}
