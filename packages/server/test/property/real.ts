import { expect } from 'vitest';
import audit from '../../src/audit/audit.ts';
import { type Params, prepared } from '../../src/storage/prepared.ts';
import type { AgentRow } from '../../src/rules/agents/queries.ts';
import { posterRecord } from '../../src/rules/reputation/poster-record.ts';
import type { TaskRow } from '../../src/rules/tasks/queries.ts';
import { registerJudges } from '../support/disputes.ts';
import { type Agent, Market } from '../support/market.ts';
import { maxAbandons, type Model } from './model.ts';
import { clocksOf, medianReview, type ModelAgent, type ModelTask } from './model-state.ts';

/** The marketplace under test, with the state of the walk. */
export interface Real {
  market: Market;
  agents: Agent[];
  /** They have nothing to do with the agents, so that each of them may judge every dispute. */
  judges: Agent[];
  /** Seats that judges have picked up and not answered. */
  readonly held: HeldSeat[];
  keys: number;
  /** Shared by all runs of a test. */
  readonly steps: { count: number; clockRan: boolean };
  restart(): Promise<void>;
}

/** A judge's seat that it has picked up. */
interface HeldSeat {
  readonly judge: string;
  /** The id of its system task. */
  readonly seat: string;
  readonly task: ModelTask;
  readonly dispute: string;
  readonly until: number;
  /** The clock has ended it. */
  isLost: boolean;
}

const settings = {
  PINCHWORK_MAX_ABANDONS_BEFORE_COOLDOWN: String(maxAbandons),
  // Judges are no infra agents then, so that the words match the tasks.
  PINCHWORK_INFRA_AGENTS: 'granted',
};

export async function openReal(url: string, agentCount: number, steps: Real['steps']): Promise<Real> {
  const market = await Market.open(url, settings);
  const agents: Agent[] = [];
  for (let i = 0; i < agentCount; i++) agents.push(await market.register(`agent ${i}`));
  const real: Real = {
    market,
    agents,
    judges: await registerJudges(market, 3),
    held: [],
    keys: 0,
    steps,
    restart: async () => {
      const { clock } = real.market;
      await real.market.close();
      real.market = await Market.open(url, settings, clock);
      const again = ({ id, key }: Agent) => real.market.client(id, key);
      real.agents = real.agents.map(again);
      real.judges = real.judges.map(again);
    },
  };
  return real;
}

const none: Params = {};
const allTasks = prepared('allTasks', (db, _: Params) =>
  db.selectFrom('tasks').selectAll().where('kind', '=', 'work').orderBy('id'),
);
const allAccounts = prepared('allAccounts', (db, _: Params) => db.selectFrom('accounts').selectAll());
const allAgents = prepared('allAgents', (db, _: Params) => db.selectFrom('agents').selectAll());
const allTrust = prepared('allTrust', (db, _: Params) => db.selectFrom('trust').selectAll());
const allAgentTags = prepared('allAgentTags', (db, _: Params) => db.selectFrom('agent_tags').selectAll());
const allEvents = prepared('allEvents', (db, _: Params) =>
  db.selectFrom('events').select(['agent_id', 'type', 'task_id']),
);
const allBoardTags = prepared('allBoardTags', (db, _: Params) =>
  db.selectFrom('board_tags').select(['tag', 'task_id']),
);
const allOfferTags = prepared('allOfferTags', (db, _: Params) =>
  db.selectFrom('offer_tags').select(['tag', 'task_id']),
);
const fees = prepared('fees', (db, _: Params) =>
  db
    .selectFrom('ledger_entries')
    .select((eb) => eb.fn.sum<number>('amount').as('sum'))
    .where('account_id', '=', 'fees'),
);

/** Compares the whole database with the model, and checks its invariants. */
export async function verify(model: Model, { market, agents, steps }: Real): Promise<void> {
  const { db } = market.ctx;
  const { broken } = await audit(db, { now: model.now });
  // Tasks may be overdue between a jump in time and the clock's pass, but not after the pass.
  expect(broken.filter(({ invariant }) => steps.clockRan || invariant !== 'nothing is overdue')).toEqual([]);
  steps.clockRan = false;

  const ids = agents.map(({ id }) => id);
  const tasks = await db.all(allTasks, none);
  const modelled = [...model.tasks].sort((a, b) => (a.id < b.id ? -1 : 1));
  expect(tasks.map((row) => viewOf(row, ids))).toEqual(modelled.map(modelView));

  const accounts = new Map((await db.all(allAccounts, none)).map(({ id, balance }) => [id, balance]));
  expect(ids.map((id) => accounts.get(id))).toEqual(model.agents.map(({ balance }) => balance));
  expect((await db.first(fees, none))?.sum ?? 0).toBe(model.fees);

  const rows = new Map((await db.all(allAgents, none)).map((row) => [row.id, row]));
  const counts = ids.map((id) => rows.get(id)!);
  expect(counts.map(countsOf)).toEqual(model.agents.map(modelCounts));

  const trust = await db.all(allTrust, none);
  expect(
    trust
      .map(({ truster_id, trusted_id, score, interactions }) =>
        [ids.indexOf(truster_id), ids.indexOf(trusted_id), score.toFixed(9), interactions].join(' '),
      )
      .sort(),
  ).toEqual(
    model.agents
      .flatMap((agent, i) =>
        [...agent.trust].map(([j, { score, interactions }]) => [i, j, score.toFixed(9), interactions].join(' ')),
      )
      .sort(),
  );

  const tags = await db.all(allAgentTags, none);
  expect(
    tags
      .map((row) =>
        [ids.indexOf(row.agent_id), row.tag, row.tasks_completed, row.earned, row.rating_sum, row.rating_count].join(
          ' ',
        ),
      )
      .sort(),
  ).toEqual(
    model.agents
      .flatMap((agent, i) =>
        [...agent.byTag].map(([tag, { completed, earned, ratings }]) =>
          [i, tag, completed, earned, sum(ratings), ratings.length].join(' '),
        ),
      )
      .sort(),
  );

  const events = await db.all(allEvents, none);
  ids.forEach((id, i) => {
    const told = events.filter(({ agent_id }) => agent_id === id).map(({ type, task_id }) => `${type} ${task_id}`);
    expect(told.sort()).toEqual([...model.agents[i]!.events].sort());
  });

  for (const [query, isForChosen] of [
    [allBoardTags, false],
    [allOfferTags, true],
  ] as const) {
    const onBoard = (await db.all(query, none)).map(({ tag, task_id }) => `${task_id} ${tag}`).sort();
    const expected = model.tasks
      .filter(({ status, chosen }) => status === 'posted' && (chosen !== null) === isForChosen)
      .flatMap(({ id, tags }) => tags.map((tag) => `${id} ${tag}`));
    expect(onBoard).toEqual(expected.sort());
  }
}

const sum = (numbers: number[]) => numbers.reduce((a, b) => a + b, 0);

const countsOf = (row: AgentRow) => ({
  posted: row.tasks_posted,
  completed: row.tasks_completed,
  approved: row.deliveries_approved,
  rejected: row.deliveries_rejected,
  earned: row.earned,
  feesPaid: row.fees_paid,
  spent: row.spent,
  ratings: [row.rating_sum, row.rating_count],
  abandons: row.abandons,
  pausedUntil: row.pickups_paused_until ?? 0,
  suspended: row.suspended_at !== null,
  lost: [row.disputes_lost, row.disputes_lost_as_poster],
  record: recordOf(row),
});

const recordOf = (row: AgentRow) => {
  const { completed, cancelled_after_rejection, median_review_minutes } = posterRecord(row, row.name);
  return {
    completed,
    rejected: row.rejections_given,
    cancelled: cancelled_after_rejection,
    median: median_review_minutes,
  };
};

const modelCounts = ({
  posted,
  completed,
  ruled,
  rejected,
  earned,
  feesPaid,
  spent,
  ratings,
  record,
  ...rest
}: ModelAgent) => ({
  ...{ posted, completed, approved: completed - ruled, rejected, earned, feesPaid, spent },
  ratings: [sum(ratings), ratings.length],
  abandons: rest.abandons,
  pausedUntil: rest.pausedUntil,
  suspended: rest.suspended,
  lost: rest.lost,
  record: {
    completed: record.approved + record.ruled,
    rejected: record.rejected,
    cancelled: record.cancelled,
    median: medianReview(record.reviews),
  },
});

const shows = (status: string) => status === 'delivered' || status === 'approved';

function viewOf(row: TaskRow, ids: string[]) {
  return {
    id: row.id,
    need: row.need,
    status: row.status,
    worker: row.worker_id === null ? null : ids.indexOf(row.worker_id),
    deadline: row.deadline_at,
    claim: row.claim_number,
    claimDeadline: row.claim_deadline_at,
    graceEnd: row.grace_deadline_at,
    leaseEnd: row.heartbeat_deadline_at,
    progress: row.progress,
    reviewEnd: shows(row.status) ? row.review_deadline_at : null,
    result: shows(row.status) ? row.result : null,
    charged: shows(row.status) ? row.credits_charged : null,
    rejections: row.rejection_count,
    deliveriesLeft: row.deliveries_left,
    barred: row.barred
      .split(' ')
      .filter((each) => each !== '')
      .map((each) => ids.indexOf(each))
      // Judges cannot work on what they judged.
      .filter((index) => index >= 0)
      .sort(),
    dueAt: row.due_at,
  };
}

function modelView(task: ModelTask) {
  const { id, need, status, worker, deadline, claim, claimDeadline, graceEnd, reviewEnd, result, charged } = task;
  const { rejections, deliveriesLeft, leaseEnd, progress } = task;
  const barred = [...task.barred].sort();
  const dueAt = clocksOf(task)[0]?.[1] ?? null;
  return {
    ...{ id, need, status, worker, deadline, claim, claimDeadline, graceEnd, reviewEnd, result, charged },
    ...{ rejections, deliveriesLeft, barred, dueAt, leaseEnd, progress },
  };
}
