import { createHash } from 'node:crypto';
import { sql } from 'kysely';
import { deadlineAfter, minuteMs } from '../../ground/clock.ts';
import { paidStates, openStates, workerStates } from '../../ground/states.ts';
import type { Reader } from '../../storage/database.ts';
import type { Ground, Work } from '../../storage/ground.ts';
import { prepared, preparedSql } from '../../storage/prepared.ts';
import { statusIn } from '../../storage/status.ts';
import { disputeById, type DisputeRow, seatsOf, type SeatRow } from '../disputes/queries.ts';
import { holdTask } from '../tasks/queries.ts';
import { tellOperator } from '../webhooks/operator.ts';
import { postSystemTask } from './post.ts';

/**
 * Draws the judges of disputes (contract section 3a). It is done after the dispute's transaction, by a job on any server:
 * the draw reads all judges, and a seat may be drawn again many times.
 */

/** How long a judge has its seat. */
const seatMs = 30 * minuteMs;
/** How long a dispute waits that lacks a judge, before it is looked at again. */
const retryMs = minuteMs;
/** How many judges are read at once, and how many are examined for a dispute in one look. */
const pageSize = 1_000;
const mostExamined = 300;
/** For how many posters an agent must have worked that the operator has not named, among its `newestTasks`. */
const leastPosters = 3;
const newestTasks = 1_000;

/** The agents that judge disputes, after an id. */
const judgesAfter = prepared('judgesAfter', (db, p: { after: string; limit: number }) =>
  db
    .selectFrom('agents')
    .select('id')
    .where('judges_disputes', '=', sql.lit(1))
    .where('suspended_at', 'is', null)
    .where('id', '>', p.after)
    .orderBy('id')
    .limit(p.limit),
);

const heldStates = openStates.filter((status) => workerStates.includes(status));

interface Candidate extends Record<string, string> {
  judge: string;
  dispute: string;
  poster: string;
  worker: string;
  task: string;
}

/**
 * Whether an agent may judge a dispute. Trust says who dealt with whom: every approval and every rejection moved it.
 * Claims that ended otherwise are in `dealings`, the others are open. Who has checked a delivery of the task has said what
 * it thinks of it.
 */
const eligible = preparedSql<Candidate, { id: string }>(
  'eligibleJudge',
  (p) => sql`select g.id from agents g
    where g.id = ${p.judge} and g.id <> ${p.poster} and g.id <> ${p.worker}
      and g.judges_disputes = 1 and g.suspended_at is null
      and not exists (select 1 from dispute_seats s where s.dispute_id = ${p.dispute} and s.judge_id = g.id)
      and not exists (select 1 from tasks v where v.about_id = ${p.task} and v.kind <> 'work' and v.kind = 'verify'
        and v.worker_id = g.id)
      and not exists (select 1 from agents n where n.id in (${p.poster}, ${p.worker}) and n.network = g.network)
      and not exists (select 1 from trust t where t.truster_id = g.id and t.trusted_id in (${p.poster}, ${p.worker}))
      and not exists (select 1 from trust t where t.truster_id in (${p.poster}, ${p.worker}) and t.trusted_id = g.id)
      and not exists (select 1 from dealings d where d.worker_id = g.id and d.poster_id in (${p.poster}, ${p.worker}))
      and not exists (select 1 from dealings d where d.worker_id in (${p.poster}, ${p.worker}) and d.poster_id = g.id)
      and not exists (select 1 from tasks t where t.worker_id = g.id and ${statusIn('t.status', heldStates)}
        and t.poster_id in (${p.poster}, ${p.worker}))
      and not exists (select 1 from tasks t where t.worker_id in (${p.poster}, ${p.worker})
        and ${statusIn('t.status', heldStates)} and t.poster_id = g.id)
      and (g.is_named_judge = 1 or ${sql.lit(leastPosters)} <= (
        select count(distinct w.poster_id) from (
          select t.poster_id from tasks t
          where t.worker_id = g.id and ${statusIn('t.status', paidStates)} and t.kind = 'work'
          order by t.created_at desc, t.id desc limit ${sql.lit(newestTasks)}
        ) as w where w.poster_id <> ${p.poster} and w.poster_id <> ${p.worker}))`,
  { bounded: 'the open claims of three agents, and the newest tasks of one' },
);

const candidateFor = (dispute: DisputeRow, judge: string): Candidate => ({
  judge,
  dispute: dispute.id,
  poster: dispute.poster_id,
  worker: dispute.worker_id,
  task: dispute.task_id,
});

const insertSeat = prepared(
  'insertSeat',
  (db, p: { task_id: string; dispute_id: string; disputed_id: string; judge_id: string; drawn_at: number }) =>
    db.insertInto('dispute_seats').values({
      task_id: p.task_id,
      dispute_id: p.dispute_id,
      disputed_id: p.disputed_id,
      judge_id: p.judge_id,
      drawn_at: p.drawn_at,
      status: sql.lit('open'),
    }),
);

/** Disputes to look at, the longest overdue first. */
export const disputesToLookAt = prepared('disputesToLookAt', (db, p: { now: number; limit: number }) =>
  db
    .selectFrom('disputes')
    .selectAll()
    .where('look_at', '<=', p.now)
    .where('look_at', 'is not', null)
    .orderBy('look_at')
    .orderBy('id')
    .limit(p.limit),
);

export const nextLookAt = prepared('nextLookAt', (db, p: { after: number }) =>
  db
    .selectFrom('disputes')
    .select('look_at')
    .where('look_at', '>', p.after)
    .where('look_at', 'is not', null)
    .orderBy('look_at')
    .limit(1),
);

const setLook = prepared('setLook', (db, p: { id: string; look_at: number | null; waits_since: number | null }) =>
  db.updateTable('disputes').set({ look_at: p.look_at, waits_since: p.waits_since }).where('id', '=', p.id),
);

const setLookIfStill = prepared('setLookIfStill', (db, p: { id: string; was: number | null; look_at: number }) =>
  db.updateTable('disputes').set({ look_at: p.look_at }).where('id', '=', p.id).where('look_at', '=', p.was),
);

/** The seats that are not lost. */
const taken = (seats: readonly SeatRow[]) => seats.filter(({ status }) => status === 'open' || status === 'answered');

/** A random number below a bound, from a fresh id, so that a test that chooses the ids chooses the judges. */
const draw = (ctx: Ground, below: number): number =>
  createHash('sha256').update(ctx.newId('dispute')).digest().readUIntBE(0, 6) % below;

/** Draws eligible judges at random: at most `count`. */
async function drawJudges(ctx: Ground, dispute: DisputeRow, count: number): Promise<string[]> {
  const all = await readJudges(ctx.db);
  const drawn: string[] = [];
  for (let i = 0; i < Math.min(all.length, mostExamined) && drawn.length < count; i++) {
    const other = i + draw(ctx, all.length - i);
    const judge = all[other] ?? '';
    all[other] = all[i] ?? '';
    if ((await ctx.db.first(eligible, candidateFor(dispute, judge))) !== undefined) drawn.push(judge);
  }
  return drawn;
}

async function readJudges(db: Reader): Promise<string[]> {
  const all: string[] = [];
  for (;;) {
    const page = await db.all(judgesAfter, { after: all.at(-1) ?? '', limit: pageSize });
    all.push(...page.map(({ id }) => id));
    if (page.length < pageSize) return all;
  }
}

/**
 * Looks at a dispute that is due: draws the judges that it lacks, and tells the operator if it waits for a ruling.
 */
export async function lookAtDispute(ctx: Ground, dispute: DisputeRow): Promise<void> {
  const missing = dispute.judges - taken(await ctx.db.all(seatsOf, { dispute_id: dispute.id })).length;
  const judges = missing > 0 ? await drawJudges(ctx, dispute, missing) : [];
  await ctx.db.transact('look at dispute', async (tx) => {
    const work = { ctx, tx, now: ctx.clock.now() };
    const task = await tx.first(holdTask, { id: dispute.task_id });
    const now = await tx.one(disputeById, { id: dispute.id });
    // Another server has looked, or the dispute has ended.
    if (task === undefined || now.status !== 'open' || now.look_at !== dispute.look_at) return;
    const seated = taken(await tx.all(seatsOf, { dispute_id: dispute.id })).length;
    const added = await seat(work, now, judges.slice(0, now.judges - seated));
    await scheduleLook(work, now, { missing: now.judges - seated - added, isEmpty: seated + added === 0 });
  });
}

/** Looks at a dispute again at a time, unless it has changed since it was read. */
export function putOffLook({ db }: Ground, { id, task_id, look_at: was }: DisputeRow, look_at: number): Promise<void> {
  return db.transact('put off look', async (tx) => {
    await tx.first(holdTask, { id: task_id });
    tx.send(setLookIfStill, { id, was, look_at });
  });
}

/** Posts the system tasks of judges, as far as the platform's budget goes. @returns how many. */
async function seat(work: Work, dispute: DisputeRow, judges: readonly string[]): Promise<number> {
  let seated = 0;
  for (const judge of judges) {
    if ((await work.tx.first(eligible, candidateFor(dispute, judge))) === undefined) continue;
    if (!(await postSeat(work, dispute, judge))) break;
    seated++;
  }
  return seated;
}

async function postSeat(work: Work, dispute: DisputeRow, judge_id: string): Promise<boolean> {
  const { ctx, tx, now } = work;
  const task_id = await postSystemTask(work, {
    kind: 'judge',
    cause: dispute.poster_id,
    about_id: dispute.task_id,
    about_version: null,
    candidates: null,
    max_credits: ctx.config.systemTasks.prices.judge,
    expires_at: deadlineAfter(now, seatMs),
  });
  if (task_id === undefined) return false;
  tx.send(insertSeat, { task_id, dispute_id: dispute.id, disputed_id: dispute.task_id, judge_id, drawn_at: now });
  return true;
}

/** Sets when to look again. A dispute waits for the operator that has no judge at all, or is undecided at half time. */
async function scheduleLook(
  work: Work,
  dispute: DisputeRow,
  { missing, isEmpty }: { missing: number; isEmpty: boolean },
): Promise<void> {
  const { tx, now } = work;
  const isHalf = now >= dispute.half_at;
  const waits = dispute.waits_since ?? (isHalf || isEmpty ? now : null);
  const next = [...(missing > 0 ? [now + retryMs] : []), ...(isHalf ? [] : [dispute.half_at])];
  const look_at = next.length === 0 ? null : Math.min(...next);
  tx.send(setLook, { id: dispute.id, look_at, waits_since: waits });
  if (waits !== null && dispute.waits_since === null) tellWaiting(work, dispute);
}

/** Tells the operator of a dispute that waits for a ruling. Call it after all other changes. */
export const tellWaiting = (work: Work, { id, task_id }: Pick<DisputeRow, 'id' | 'task_id'>): void =>
  tellOperator(work, 'dispute_waiting', { dispute_id: id, task_id });
