import {
  type AdminDisputeResponse,
  type AdminDisputeRow,
  type AdminDisputesQuery,
  type AdminDisputesResponse,
  isId,
  limits,
  type RuleDisputeRequest,
  type SeatRow,
} from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { wireTime } from '../../ground/clock.ts';
import { conflict, disputeNotFound } from '../../ground/errors.ts';
import { fitTexts } from '../../ground/page-size.ts';
import { counted, decodeRange, encodeCursor, readPage } from '../../ground/paging.ts';
import { at } from '../../ground/present.ts';
import { agentById } from '../../rules/agents/queries.ts';
import { endDispute } from '../../rules/disputes/end.ts';
import { ruling } from '../../rules/disputes/outcome.ts';
import {
  deliveriesOfClaim,
  disputeById,
  type DisputeRow,
  messagesOfClaim,
  openDisputeOf,
  seatsOf,
} from '../../rules/disputes/queries.ts';
import { addDispute, disputeView } from '../../rules/disputes/view.ts';
import { logAction } from '../../rules/operator/admin-log.ts';
import * as details from '../../rules/operator/detail-queries.ts';
import {
  countAnswers,
  countDisputes,
  type DisputeKey,
  type DisputeOrder,
  disputesOfTask,
  disputeWindow,
  firstKey,
  keyOf,
} from '../../rules/operator/dispute-queries.ts';
import { fold } from '../../rules/search/fold.ts';
import { holdTask, taskById } from '../../rules/tasks/queries.ts';
import { adminStatements } from '../../rules/tasks/statements.ts';
import { readTerms } from '../../rules/tasks/terms.ts';
import { taskView } from '../../rules/tasks/view.ts';
import type { Reader } from '../../storage/database.ts';
import type { Call } from '../context.ts';
import { messageView } from '../conversation/messages.ts';
import { actionView } from './admin-log.ts';
import { Lists, most, rejectedView } from './details.ts';
import { agentRow } from './lists.ts';

type OperatorCall = Pick<Call, 'ctx' | 'address' | 'transact'>;

/** The rows of a list, with how many of its judges have answered. */
async function rowsOf(db: Reader, rows: readonly DisputeRow[]): Promise<AdminDisputeRow[]> {
  const disputes = JSON.stringify(rows.map(({ id }) => id));
  const counts = rows.length === 0 ? [] : await db.all(countAnswers, { disputes });
  const answers = new Map(counts.map((count) => [count.dispute_id, count.answers]));
  return rows.map((row) => ({
    ...disputeView(row),
    task_id: row.task_id,
    claim_number: row.claim_number,
    poster_id: row.poster_id,
    worker_id: row.worker_id,
    credits_claimed: row.charged,
    credits: row.credits,
    judges: row.judges,
    answers: answers.get(row.id) ?? 0,
    waits_since: wireTime(row.waits_since),
    created_at: wireTime(row.opened_at),
    resolved_at: wireTime(row.resolved_at),
  }));
}

const rowOf = async (db: Reader, row: DisputeRow): Promise<AdminDisputeRow> => at(await rowsOf(db, [row]), 0);

/** Rows of one step of a search, and the most that are examined for a page. */
const reach = 200;
const mostExamined = 5_000;

type Query = z.output<typeof AdminDisputesQuery>;

/**
 * A page of all disputes. `search` finds the dispute with an id, those of a task's or an agent's id, or a text in the
 * worker's reason. For the operator.
 */
export async function listDisputes({ ctx: { db } }: Pick<Call, 'ctx'>, query: Query): Promise<AdminDisputesResponse> {
  const { search = '', status = 'any' } = query;
  if (isId('dispute', search) || isId('task', search)) {
    const rows = isId('task', search)
      ? await db.all(disputesOfTask, { task_id: search, limit: limits.pageSize })
      : await db.all(disputeById, { id: search });
    const meant = rows.filter((row) => status === 'any' || row.status === status);
    return { disputes: await viewsOf(db, meant), total: meant.length, next_cursor: null };
  }
  return search === '' ? listAll(db, query) : listFound(db, query, search);
}

const viewsOf = async (db: Reader, rows: readonly DisputeRow[]) => fitTexts(await rowsOf(db, rows));

async function listAll(db: Reader, query: Query): Promise<AdminDisputesResponse> {
  const { status = 'any', sort_by: order } = query;
  const { rows, facts } = await readPage(`disputes by ${order}`, query, {
    start: firstKey(order),
    read: ({ sortKey: [time, id], limit, offset }) =>
      db.all(disputeWindow(`${order}/${status}`), { at: time, id, limit, offset }),
    count: (limit) => db.one(countDisputes(`${order}/${status}`), { limit }),
    sortKey: (row) => keyOf(order, row),
    view: (row) => row,
  });
  return { disputes: await viewsOf(db, rows), ...facts };
}

async function listFound(db: Reader, query: Query, search: string): Promise<AdminDisputesResponse> {
  const { rows, next, isPartial } = await find(db, query, search);
  return {
    disputes: await viewsOf(db, rows),
    ...counted(rows.length),
    ...(next !== null ? { total_capped: true as const } : {}),
    ...(isPartial ? { search_partial: true as const } : {}),
    next_cursor: next,
  };
}

async function find(db: Reader, query: Query, search: string) {
  const { status = 'any', sort_by: order, limit } = query;
  const list = `disputes by ${order}` as const;
  const { sortKey, offset } = decodeRange(list, query, firstKey(order));
  const part = fold(search);
  const isMeant = (row: DisputeRow) =>
    isId('agent', search) ? row.poster_id === search || row.worker_id === search : fold(row.reason).includes(part);
  const rows: DisputeRow[] = [];
  let [time, id]: DisputeKey = sortKey;
  for (let examined = 0; rows.length <= offset + limit && examined < mostExamined; examined += reach) {
    const page = await db.all(disputeWindow(`${order}/${status}`), { at: time, id, limit: reach, offset: 0 });
    rows.push(...page.filter(isMeant));
    const last = page.at(-1);
    if (last === undefined || page.length < reach) return pageOf(rows, { list, order, offset, limit }, null);
    [time, id] = keyOf(order, last);
  }
  return pageOf(rows, { list, order, offset, limit }, [time, id]);
}

interface Cut {
  readonly list: `disputes by ${DisputeOrder}`;
  readonly order: DisputeOrder;
  readonly offset: number;
  readonly limit: number;
}

function pageOf(found: readonly DisputeRow[], { list, order, offset, limit }: Cut, end: DisputeKey | null) {
  const rows = found.slice(offset, offset + limit);
  const last = rows.at(-1);
  const hasMore = found.length > offset + limit;
  if (hasMore && last !== undefined) return { rows, next: encodeCursor(list, keyOf(order, last)), isPartial: false };
  if (end === null) return { rows, next: null, isPartial: false };
  return { rows, next: encodeCursor(list, end, Math.max(0, offset - found.length)), isPartial: true };
}

/**
 * Everything about a dispute that a ruling needs: the task, the deliveries and messages of its claim, the judges'
 * answers, and the parties. Lists show their newest 100 rows.
 *
 * @throws DomainError `not_found`.
 */
export async function showDispute({ ctx: { db } }: Pick<Call, 'ctx'>, id: string): Promise<AdminDisputeResponse> {
  const found = await db.first(disputeById, { id });
  if (found === undefined) throw disputeNotFound();
  const claim = { task_id: found.task_id, claim_number: found.claim_number, limit: most + 1 };
  const [row, task, rejected, messages, seats, poster, worker, actions] = await Promise.all([
    rowOf(db, found),
    db.one(taskById, { id: found.task_id }),
    db.all(deliveriesOfClaim, claim),
    db.all(messagesOfClaim, claim),
    db.all(seatsOf, { dispute_id: id }),
    db.one(agentById, { id: found.poster_id }),
    db.one(agentById, { id: found.worker_id }),
    db.all(details.actionsOn, { subject: id, limit: most + 1 }),
  ]);
  const lists = new Lists();
  return {
    dispute: row,
    task: await addDispute(db, taskView(task, await readTerms(db, task)), task, task.poster_id),
    deliveries: fitTexts(lists.inOrder('deliveries', rejected).map(rejectedView)),
    messages: lists.inOrder('messages', messages).map(messageView),
    seats: seats.map(seatView),
    parties: [poster, worker].map(agentRow),
    actions: lists.cut('actions', actions).map(actionView),
    capped: lists.capped,
  };
}

type Seat = NonNullable<(typeof seatsOf)['types']>['row'];

const seatView = (seat: Seat): SeatRow => ({
  judge_id: seat.judge_id,
  task_id: seat.task_id,
  status: seat.status,
  drawn_at: wireTime(seat.drawn_at),
  answered_at: wireTime(seat.answered_at),
  worker_share: seat.worker_share,
  explanation: seat.explanation,
});

/**
 * Rules on an open dispute for the operator, whatever its judges have answered.
 *
 * @throws DomainError `not_found`; `conflict` if it has ended, or the clock is about to end it.
 */
export function ruleDispute(
  call: OperatorCall,
  id: string,
  { worker_share, note }: z.output<typeof RuleDisputeRequest>,
): Promise<AdminDisputeRow> {
  const { ctx } = call;
  return call.transact('rule dispute', async (tx) => {
    const work = { ctx, tx, now: ctx.clock.now() };
    const found = await tx.first(disputeById, { id });
    if (found === undefined) throw disputeNotFound();
    await tx.first(holdTask, { id: found.task_id });
    const dispute = await tx.first(openDisputeOf, { task_id: found.task_id });
    if (dispute?.id !== id) throw conflict('The dispute has ended', 'GET /v1/admin/disputes/{id} shows how.');
    const { share, credits } = ruling(dispute.charged, worker_share);
    const name = credits > 0 ? 'decideForWorker' : 'decideForPoster';
    const task = await tx.first(adminStatements[name], { id: dispute.task_id, now: work.now, credits });
    if (task === undefined) throw conflict('The dispute is decided, and the clock is about to end it');
    const explanation = note ?? '';
    await endDispute(work, name, task, {
      dispute,
      status: 'ruled',
      share,
      credits,
      explanation,
      forfeits: credits === 0,
      actorId: 'admin',
    });
    logAction(call, tx, {
      action: 'rule_dispute',
      subject: id,
      before: { status: dispute.status },
      after: { status: 'ruled', worker_share: share, credits, note: explanation },
    });
    return rowOf(tx, await tx.one(disputeById, { id }));
  });
}
