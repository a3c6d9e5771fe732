import type {
  AdminAgentResponse,
  AdminDelivery,
  AdminTaskResponse,
  EntryRow,
  TransitionRow,
} from '@pinchwork/sdk/table';
import { wireTime } from '../../ground/clock.ts';
import { taskNotFound } from '../../ground/errors.ts';
import { fitTexts } from '../../ground/page-size.ts';
import { stateOf } from '../../ground/states.ts';
import { liveKeys } from '../../rules/agents/key-queries.ts';
import { keyView, spentToday } from '../../rules/agents/keys.ts';
import { balanceAndEscrow, ledgerPage } from '../../rules/ledger/queries.ts';
import * as details from '../../rules/operator/detail-queries.ts';
import { withTexts } from '../../rules/platform-tasks/render.ts';
import { minePage, mineShape } from '../../rules/tasks/lists.ts';
import { historyOf, taskById, type TaskRow } from '../../rules/tasks/queries.ts';
import { readTerms } from '../../rules/tasks/terms.ts';
import { taskView } from '../../rules/tasks/view.ts';
import type { Reader } from '../../storage/database.ts';
import { fitted } from '../../storage/prepared.ts';
import { readAgent } from '../agents/agents.ts';
import type { Call } from '../context.ts';
import { messageView } from '../conversation/messages.ts';
import { questionView } from '../conversation/questions.ts';
import { actionView } from './admin-log.ts';
import { agentRow, taskRows } from './lists.ts';
import { reportView } from './reports.ts';

type OperatorCall = Pick<Call, 'ctx'>;

/** The most rows of each list; the newest are shown. */
export const most = 100;
/** The most bytes of all deliveries of a task: four of the longest. Longer ones are cut. */
const deliveryBytes = 2 * 1024 * 1024;

/** Cuts lists to `most` rows, and notes the names of those that have more. */
export class Lists {
  readonly capped: string[] = [];

  /** @param rows at most `most + 1` rows. */
  cut<Row>(name: string, rows: readonly Row[]): Row[] {
    if (rows.length > most) this.capped.push(name);
    return rows.slice(0, most);
  }

  /** The same for rows that are read newest first and shown oldest first. */
  inOrder<Row>(name: string, rows: readonly Row[]): Row[] {
    return this.cut(name, rows).reverse();
  }
}

/**
 * Everything about a task that the operator needs for a decision: texts, history, deliveries, talk, reviews, credits,
 * reports, system tasks, and the operator's own actions. Lists show their newest 100 rows.
 *
 * @throws DomainError `not_found`.
 */
export async function showTaskAsAdmin({ ctx: { db } }: OperatorCall, taskId: string): Promise<AdminTaskResponse> {
  const found = await db.first(taskById, { id: taskId });
  if (found === undefined) throw taskNotFound();
  const of = { task_id: taskId, limit: most + 1 };
  const [task, terms, history, rejected, questions, messages, reviews, reports, system, actions, ledger] =
    await Promise.all([
      withTexts(db, found),
      readTerms(db, found),
      db.all(historyOf, of),
      db.all(details.rejectedOf, of),
      db.all(details.newestQuestions, of),
      db.all(details.newestMessages, of),
      db.all(details.reviewsOf, of),
      db.all(details.reportsOf, of),
      db.all(details.systemTasksOf, of),
      db.all(details.actionsOn, { subject: taskId, limit: most + 1 }),
      entriesOf(db, found),
    ]);
  const lists = new Lists();
  const deliveries = lists.inOrder('deliveries', rejected).map(rejectedView);
  const latest = latestDelivery(found, rejected[0], history);
  return {
    task: {
      ...taskView(
        task,
        terms,
        reviews.find(({ reviewer_id }) => reviewer_id === task.poster_id),
      ),
      kind: task.kind,
      about_id: task.about_id,
      due_at: wireTime(found.due_at),
    },
    history: lists.inOrder('history', history).map(transitionView),
    deliveries: fitTexts([...deliveries, ...latest], deliveryBytes),
    questions: lists.inOrder('questions', questions).map(questionView),
    messages: lists.inOrder('messages', messages).map(messageView),
    reviews: lists.cut('reviews', reviews).map(({ reviewer_id, reviewed_id, rating, feedback, created_at }) => ({
      reviewer_id,
      reviewed_id,
      rating,
      feedback,
      created_at: wireTime(created_at),
    })),
    ledger,
    reports: lists.inOrder('reports', reports).map(reportView),
    system_tasks: await taskRows(db, lists.inOrder('system_tasks', system)),
    actions: lists.cut('actions', actions).map(actionView),
    capped: lists.capped,
  };
}

type Rejected = NonNullable<(typeof details.rejectedOf)['types']>['row'];
type Transition = NonNullable<(typeof historyOf)['types']>['row'];

export const rejectedView = (row: Rejected): AdminDelivery => ({
  worker_id: row.worker_id,
  claim_number: row.claim_number,
  result: row.result,
  credits_claimed: row.credits_charged,
  delivered_at: wireTime(row.delivered_at),
  rejected_at: wireTime(row.rejected_at),
  rejection_reason: row.reason,
  rejection_feedback: row.feedback,
});

/** The delivery in the task's row, unless it is the last that was rejected (docs/decisions/0004). */
function latestDelivery(
  task: TaskRow,
  lastRejected: Rejected | undefined,
  history: readonly Transition[],
): AdminDelivery[] {
  if (task.delivered_at === null || task.credits_charged === null) return [];
  const by = history.find(
    ({ at, from_status, to_status }) =>
      at === task.delivered_at &&
      stateOf(to_status).showsDelivery &&
      from_status !== null &&
      !stateOf(from_status).showsDelivery,
  );
  if (lastRejected !== undefined && (by === undefined || lastRejected.version > by.version)) return [];
  return [
    {
      worker_id: by?.worker_id ?? task.worker_id,
      claim_number: by?.claim_number ?? task.claim_number,
      result: task.result ?? '',
      credits_claimed: task.credits_charged,
      delivered_at: wireTime(task.delivered_at),
      rejected_at: null,
      rejection_reason: null,
      rejection_feedback: null,
    },
  ];
}

const transitionView = (row: Transition): TransitionRow => ({
  version: row.version,
  transition: row.transition,
  from_status: row.from_status,
  to_status: row.to_status,
  actor_id: row.actor_id,
  worker_id: row.worker_id,
  claim_number: row.claim_number,
  at: wireTime(row.at),
});

/** All entries of the transfers that moved a task's escrow: one in, one out. */
async function entriesOf(db: Reader, task: TaskRow): Promise<EntryRow[]> {
  const transfers = await db.all(details.transfersOf, { account: task.id, limit: most });
  const entries = await Promise.all(
    transfers.reverse().map(({ transfer_id }) => db.all(details.entriesOf, { transfer: transfer_id })),
  );
  return entries.flat().map((entry) => ({ ...entryView(entry), account_id: entry.account_id }));
}

interface Entry {
  readonly transfer_id: string;
  readonly amount: number;
  readonly reason: string;
  readonly task_id: string | null;
  readonly created_at: number;
}

const entryView = (entry: Entry) => ({
  id: entry.transfer_id,
  amount: entry.amount,
  reason: entry.reason,
  task_id: entry.task_id,
  created_at: wireTime(entry.created_at),
});

/**
 * Everything about an agent that the operator needs for a decision. Keys are shown without their secrets. Lists show
 * their newest 100 rows; `reports_against` are reports of the tasks listed.
 *
 * @throws DomainError `not_found`.
 */
export async function showAgentAsAdmin({ ctx }: OperatorCall, agentId: string): Promise<AdminAgentResponse> {
  const { db, clock } = ctx;
  const agent = await readAgent(db, agentId);
  const now = clock.now();
  const limit = most + 1;
  const mine = {
    agent: agentId,
    before_created_at: Number.MAX_SAFE_INTEGER,
    before_id: '',
    reach: limit,
    limit,
    offset: 0,
  };
  const [account, keys, spent, ledger, tasks, made, actions] = await Promise.all([
    db.one(balanceAndEscrow, { id: agentId }),
    db.all(liveKeys, { agent_id: agentId, now }),
    spentToday(db, agentId, now),
    db.all(ledgerPage, { id: agentId, before: '~', limit, offset: 0 }),
    db.all(minePage(mineShape(undefined, undefined)), mine),
    db.all(details.reportsBy, { reporter: agentId, limit }),
    db.all(details.actionsOn, { subject: agentId, limit }),
  ]);
  const lists = new Lists();
  const listed = lists.cut('tasks', tasks);
  return {
    agent: {
      ...agentRow(agent),
      escrowed: (account.tasks_hold ?? 0) + (account.disputes_hold ?? 0),
      webhook_url: agent.webhook_url,
      deliveries_approved: agent.deliveries_approved,
      deliveries_rejected: agent.deliveries_rejected,
      pickups_paused_until: wireTime(agent.pickups_paused_until),
    },
    keys: keys.map((row) => keyView(row, spent, ctx.authenticator.lastUse(row.id))),
    ledger: lists.cut('ledger', ledger).map(entryView),
    tasks: fitTexts(await taskRows(db, listed)),
    reports_against: lists.cut('reports_against', await reportsAgainst(db, listed, agentId)).map(reportView),
    reports_made: lists.cut('reports_made', made).map(reportView),
    actions: lists.cut('actions', actions).map(actionView),
    capped: lists.capped,
  };
}

const idCounts = [1, 20, most] as const;

/** What others reported about these tasks. */
async function reportsAgainst(db: Reader, tasks: readonly { id: string }[], agentId: string) {
  if (tasks.length === 0) return [];
  const ids = tasks.map(({ id }) => id);
  const { size, params } = fitted(idCounts, 'id', ids);
  const reports = await db.all(details.reportsAbout(size), { ...params, limit: most + 1 });
  return reports.filter(({ reporter_id }) => reporter_id !== agentId);
}
