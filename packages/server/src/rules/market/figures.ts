import { foldTag, type MarketResponse, platformId } from '@pinchwork/sdk/table';
import { hourMs, secondMs } from '../../ground/clock.ts';
import { storedTexts } from '../../ground/stored.ts';
import type { Reader, Tx } from '../../storage/database.ts';
import * as priceQueries from './price-queries.ts';
import * as queries from './queries.ts';

/**
 * The market's figures are counted behind the market, by a job, from what the market stores anyway: payments in the
 * ledger, and agents, both in the order of their ids, which sort by time. Nothing is added to an approval. What the job
 * has not counted yet is counted when somebody asks, up to a bound.
 */

/** Minimum age of what the job counts: by then, the transactions of all older rows have ended. */
const settledMs = 10 * secondMs;
/** Entries of the ledger, and agents, that one step of the job reads. */
const atOnce = 1_000;
/** The same for a request. */
const mostLive = 20_000;
/** How many prices of one poster and worker are kept under a tag: few, so that friends can't set a price. */
const mostOfPair = 10;
/** How many prices are kept under a tag, the newest: more than a request counts, because it may ask for other tags too. */
export const mostOfTag = 5_000;
/** Older prices are forgotten. */
export const keptPricesMs = 365 * 24 * hourMs;

const hours = 24;
const days = 30;
/** How many hours are kept: a day more than is shown, because the oldest day may begin at any hour. */
export const keptHours = (days + 1) * 24;

interface Step {
  readonly transfer: string;
  readonly agent: string;
  /** What came between, by the hour. */
  readonly byHour: ReadonlyMap<number, queries.Figures>;
}

const nothing: queries.Figures = { agents: 0, tasks_approved: 0, credits_paid: 0, tasks_held: 0, credits_held: 0 };

/** Counts what comes after the progress, up to `until`, at most `most` rows of each kind. */
async function countAhead(
  reader: Reader,
  { transfer_id, agent_id }: queries.Progress,
  until: number,
  most: number,
): Promise<Step> {
  const [transfers, agents] = [
    { after: transfer_id, until },
    { after: agent_id, until },
  ];
  const skip = most - 1;
  const transfer =
    (await reader.first(queries.transferAhead, { ...transfers, skip })) ??
    (await reader.first(queries.lastTransfer, transfers));
  const agent =
    (await reader.first(queries.agentAhead, { ...agents, skip })) ?? (await reader.first(queries.lastAgent, agents));
  const byHour = new Map<number, queries.Figures>();
  const inHour = (hour: number) => {
    const known = byHour.get(hour) ?? { ...nothing };
    byHour.set(hour, known);
    return known;
  };
  if (transfer !== undefined) {
    const paid = await reader.all(queries.paymentsByHour, { after: transfer_id, upto: transfer.id });
    for (const { hour, tasks, paid: credits } of paid) {
      Object.assign(inHour(hour), { tasks_approved: tasks, credits_paid: credits });
    }
    const escrows = await reader.all(queries.heldByHour, { after: transfer_id, upto: transfer.id });
    for (const { hour, tasks, held } of escrows) Object.assign(inHour(hour), { tasks_held: tasks, credits_held: held });
  }
  if (agent !== undefined) {
    const registered = await reader.all(queries.agentsByHour, {
      after: agent_id,
      upto: agent.id,
      platform: platformId,
    });
    for (const { hour, agents: n } of registered) inHour(hour).agents = n;
  }
  return { transfer: transfer?.id ?? transfer_id, agent: agent?.id ?? agent_id, byHour };
}

const isDone = (step: Step, { transfer_id, agent_id }: queries.Progress) =>
  step.transfer === transfer_id && step.agent === agent_id;

const progressOf = async (reader: Reader) => (await reader.first(queries.progress, {})) ?? queries.noProgress;

/** Whether there is anything for the job to count. */
export async function isBehind(reader: Reader, now: number): Promise<boolean> {
  const { transfer_id, agent_id } = await progressOf(reader);
  const until = now - settledMs;
  // Ids sort by time, so only the next row of each is read: a search for one that has settled would pass all that have not.
  const transfer = await reader.first(queries.nextTransfer, { after: transfer_id });
  if (transfer !== undefined && transfer.created_at <= until) return true;
  const agent = await reader.first(queries.nextAgent, { after: agent_id });
  return agent !== undefined && agent.created_at <= until;
}

/** Locks the progress, to which the hours belong. One server counts at a time. */
async function holdProgress(tx: Tx): Promise<queries.Progress> {
  const begun = await tx.first(queries.holdProgress, {});
  if (begun === undefined) await tx.run(queries.beginProgress, {});
  return begun ?? (await tx.one(queries.holdProgress, {}));
}

/** Notes how many tasks are on the board now, for the picture of the last 24 hours. */
export async function noteOpenTasks(tx: Tx, open_tasks: number, now: number): Promise<void> {
  await holdProgress(tx);
  tx.send(queries.noteOpenTasks, { hour: Math.floor(now / hourMs), open_tasks });
}

/** One step of the job. @returns whether there may be more to count. */
export async function countStep(tx: Tx, now: number): Promise<boolean> {
  const progress = await holdProgress(tx);
  const step = await countAhead(tx, progress, now - settledMs, atOnce);
  if (isDone(step, progress)) return false;
  const sum = { ...nothing };
  for (const [hour, added] of step.byHour) {
    for (const name of queries.figureNames) sum[name] += added[name];
    tx.send(queries.addToHour, { hour, ...added });
  }
  tx.send(queries.addToProgress, { transfer_id: step.transfer, agent_id: step.agent, ...sum });
  if (sum.tasks_approved > 0) await keepPrices(tx, { after: progress.transfer_id, upto: step.transfer });
  return true;
}

/** Keeps what the approved tasks of a range cost, under each of their tags. */
async function keepPrices(tx: Tx, range: { after: string; upto: string }): Promise<void> {
  const pairs = byPair(await tx.all(priceQueries.salesBetween, range));
  for (const { tag, poster_id, worker_id, newest } of pairs) {
    for (const sale of newest) {
      const { id: task_id, approved_at, credits } = sale;
      tx.send(priceQueries.insertPrice, {
        tag,
        approved_at,
        task_id,
        poster_id,
        worker_id,
        credits,
        to_claim_ms: sale.first_claim - sale.created_at,
        to_delivery_ms: sale.delivered_at - sale.last_claim,
        to_approval_ms: approved_at - sale.delivered_at,
      });
    }
    tx.send(priceQueries.trimPrices, { tag, poster_id, worker_id, most: mostOfPair });
  }
  for (const tag of new Set(pairs.map((pair) => pair.tag))) tx.send(priceQueries.trimTag, { tag, most: mostOfTag });
}

interface PairsSales {
  readonly tag: string;
  readonly poster_id: string;
  readonly worker_id: string;
  /** The last `mostOfPair` of them. */
  readonly newest: readonly priceQueries.Sale[];
}

/** Sales by tag, poster and worker. Those that newer ones of the same pair replace at once are never written. */
function byPair(sales: readonly priceQueries.Sale[]): PairsSales[] {
  const pairs = new Map<string, Omit<PairsSales, 'newest'> & { readonly all: priceQueries.Sale[] }>();
  for (const sale of sales) {
    const { poster_id, worker_id } = sale;
    for (const tag of storedTexts(sale.tags).map(foldTag)) {
      const key = `${poster_id} ${worker_id} ${tag}`;
      const known = pairs.get(key);
      if (known === undefined) pairs.set(key, { tag, poster_id, worker_id, all: [sale] });
      else known.all.push(sale);
    }
  }
  return [...pairs.values()].map(({ all, ...pair }) => ({
    ...pair,
    newest: all.sort((a, b) => a.approved_at - b.approved_at || (a.id < b.id ? -1 : 1)).slice(-mostOfPair),
  }));
}

type Counter = MarketResponse['agents'];

/** Everything that is counted. Lists are oldest first; the last hour and day are under way. */
export interface MarketFigures extends Record<(typeof queries.figureNames)[number], Counter> {
  /** Tasks on the board by the hour, as they were counted last; null where nobody counted. */
  readonly openByHour: readonly (number | null)[];
}

/** The figures now. */
export async function readFigures(reader: Reader, now: number): Promise<MarketFigures> {
  const hour = Math.floor(now / hourMs);
  const counted = await reader.all(queries.countedFrom, { hour: hour - keptHours });
  const stored = counted[0] ?? queries.noProgress;
  const live = await countAhead(reader, stored, Number.MAX_SAFE_INTEGER, mostLive);
  const counter = (field: (typeof queries.figureNames)[number]): Counter => {
    const amounts = [
      ...counted.map((row) => [row.hour ?? 0, row[`hour_${field}`] ?? 0] as const),
      ...[...live.byHour].map(([each, added]) => [each, added[field]] as const),
    ];
    const byHour = sums(amounts, (each) => hours - 1 - (hour - each), hours);
    const today = Math.floor(hour / 24);
    const byDay = sums(amounts, (each) => days - 1 - (today - Math.floor(each / 24)), days);
    const ahead = [...live.byHour.values()].reduce((sum, added) => sum + added[field], 0);
    return {
      total: stored[field] + ahead,
      last_24h: byHour.reduce((sum, amount) => sum + amount, 0),
      hours: byHour,
      days: byDay,
    };
  };
  const open = new Map(counted.map((row) => [row.hour, row.open_tasks]));
  return {
    agents: counter('agents'),
    tasks_approved: counter('tasks_approved'),
    credits_paid: counter('credits_paid'),
    tasks_held: counter('tasks_held'),
    credits_held: counter('credits_held'),
    openByHour: Array.from({ length: hours }, (_, i) => open.get(hour - hours + 1 + i) ?? null),
  };
}

/** Adds amounts up in a list of `length` places; those outside of it are left out. */
function sums(
  amounts: readonly (readonly [hour: number, amount: number])[],
  placeOf: (hour: number) => number,
  length: number,
): number[] {
  const list = new Array<number>(length).fill(0);
  for (const [hour, amount] of amounts) {
    const place = placeOf(hour);
    const known = list[place];
    if (known !== undefined) list[place] = known + amount;
  }
  return list;
}
