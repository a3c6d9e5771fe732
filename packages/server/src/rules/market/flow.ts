import { foldTag } from '@pinchwork/sdk/table';
import { sql } from 'kysely';
import { hourMs } from '../../ground/clock.ts';
import { stateOf } from '../../ground/states.ts';
import type { ApartJob } from '../../storage/database.ts';
import { prepared } from '../../storage/prepared.ts';
import { feeOf } from '../ledger/ledger.ts';
import { tagsOf } from '../tasks/view.ts';

/**
 * What became of the credits that were put into escrow in the last 24 hours, by the first tag of each task. What a single
 * agent spends or earns is not public: a tag in which fewer than `leastAgents` agents took part is among the others.
 */

/** What became of credits. Each is in one place, so these sums add up to what was put into escrow. */
interface Outcomes {
  /** Paid to workers. */
  readonly paid: number;
  readonly fee: number;
  /** What a worker did not charge. */
  readonly unspent: number;
  /** Returned with a task that expired or was cancelled. */
  readonly returned: number;
  readonly held: number;
}

export interface MarketFlow {
  /** The largest tags, then the others as one row without a name. */
  readonly rows: readonly { readonly tag: string | undefined; readonly outcomes: Outcomes }[];
  /** How many tags are not named. */
  readonly others: number;
  readonly tasks: number;
  /** Whether enough agents took part to show it at all. */
  readonly isPublic: boolean;
}

const leastAgents = 5;
const mostNamed = 6;
/** Entries of the ledger that are looked through; a busier market shows a shorter time. */
const reach = 40_000;

/** Tasks whose credits went into escrow since a time. */
const heldSince = prepared(
  'heldSince',
  (db, p: { before: string; since: number }) =>
    db
      .selectFrom(
        db
          .selectFrom('ledger_entries')
          .select(['transfer_id', 'account_id', 'task_id', 'amount', 'created_at'])
          .where('transfer_id', '<', p.before)
          .orderBy('transfer_id', 'desc')
          .orderBy('account_id', 'desc')
          .limit(sql.lit(reach))
          .as('e'),
      )
      // The cross join makes SQLite read the entries first.
      .crossJoin('tasks')
      .whereRef('tasks.id', '=', 'e.task_id')
      .whereRef('e.account_id', '=', 'e.task_id')
      .where('e.amount', '>', 0)
      .where('e.created_at', '>=', p.since)
      .select(['tasks.status', 'tasks.tags', 'tasks.max_credits', 'tasks.credits_charged', 'tasks.fee_ppm'])
      .select(['tasks.poster_id', 'tasks.worker_id', 'tasks.is_for_chosen']),
  { bounded: 'the newest `reach` entries' },
);

type Held = NonNullable<NonNullable<typeof heldSince.types>['row']>;

/** Reads and adds up in a job of its own, once for all readers. */
const readFlow: ApartJob<{ now: number }, MarketFlow> = async (reader, { now }) =>
  flowOf(await reader.all(heldSince, { before: '~', since: now - 24 * hourMs }));
export default readFlow;

function outcomesOf({ status, max_credits, credits_charged, fee_ppm }: Held): Outcomes {
  const none = { paid: 0, fee: 0, unspent: 0, returned: 0, held: 0 };
  const { credits } = stateOf(status);
  if (credits === 'escrow') return { ...none, held: max_credits };
  if (credits === 'returned') return { ...none, returned: max_credits };
  const charged = credits_charged ?? 0;
  const fee = feeOf(charged, fee_ppm);
  return { ...none, paid: charged - fee, fee, unspent: max_credits - charged };
}

const add = (a: Outcomes, b: Outcomes): Outcomes => ({
  paid: a.paid + b.paid,
  fee: a.fee + b.fee,
  unspent: a.unspent + b.unspent,
  returned: a.returned + b.returned,
  held: a.held + b.held,
});

const sumOf = ({ paid, fee, unspent, returned, held }: Outcomes) => paid + fee + unspent + returned + held;

interface TagFlow {
  readonly tag: string;
  readonly outcomes: Outcomes;
  readonly agents: Set<string>;
}

function flowOf(rows: readonly Held[]): MarketFlow {
  const byTag = new Map<string, TagFlow>();
  for (const row of rows) {
    // Tags of tasks for chosen agents are not public.
    const [tag = ''] = row.is_for_chosen === 1 ? [] : tagsOf(row);
    const known = byTag.get(foldTag(tag));
    const agents = known?.agents ?? new Set<string>();
    agents.add(row.poster_id);
    if (row.worker_id !== null) agents.add(row.worker_id);
    const outcomes = known === undefined ? outcomesOf(row) : add(known.outcomes, outcomesOf(row));
    byTag.set(foldTag(tag), { tag: known?.tag ?? tag, outcomes, agents });
  }
  const sorted = [...byTag.values()].sort((a, b) => sumOf(b.outcomes) - sumOf(a.outcomes));
  const isNamed = ({ tag, agents }: TagFlow) => tag !== '' && agents.size >= leastAgents;
  const named = sorted.filter(isNamed).slice(0, mostNamed);
  const others = sorted.filter((each) => !named.includes(each));
  // The others may be few agents too: then the smallest named tag joins them.
  while (others.length > 0 && named.length > 0 && agentsOf(others).size < leastAgents) others.push(...named.splice(-1));
  const [first, ...rest] = others.map(({ outcomes }) => outcomes);
  return {
    rows: [
      ...named.map(({ tag, outcomes }) => ({ tag, outcomes })),
      ...(first === undefined ? [] : [{ tag: undefined, outcomes: rest.reduce(add, first) }]),
    ],
    others: others.length,
    tasks: rows.length,
    isPublic: agentsOf(sorted).size >= leastAgents,
  };
}

const agentsOf = (flows: readonly TagFlow[]) => new Set(flows.flatMap(({ agents }) => [...agents]));
