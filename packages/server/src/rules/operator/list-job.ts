import { limits, platformId } from '@pinchwork/sdk/table';
import { at } from '../../ground/present.ts';
import type { ApartJob, Reader } from '../../storage/database.ts';
import { type Pace, unhurried } from '../search/pace.ts';
import { Needle, portions } from '../search/texts.ts';
import { agentWindow, type ListKey, type ListOrder, startOf, taskWindow, type TaskWindowRow } from './list-queries.ts';

/** A page of an operator's list, and how many rows the list has. */
export interface Listing {
  readonly list: 'tasks' | 'agents';
  readonly order: ListOrder;
  /** `any`, a state of tasks, or `active` or `suspended`. */
  readonly status: string;
  /** The text to find, folded; empty for no search. */
  readonly part: string;
  readonly from: ListKey;
  readonly want: number;
  /** For the page, and again for the count. */
  readonly budgetMs: number;
}

interface Row {
  readonly id: string;
  readonly key: ListKey;
}

export interface Listed {
  readonly rows: Row[];
  /** Where the page ended for lack of time; undefined if it is full or the list has ended. */
  readonly end: ListKey | undefined;
  readonly total: number;
  /** Whether the whole list was counted. */
  readonly isCounted: boolean;
}

/** Rows of one step. */
const reach = 500;

interface Step {
  readonly found: Row[];
  /** The last row of the window; undefined if the list ends in it. */
  readonly end: ListKey | undefined;
}

/** Runs in a worker, because it may use its whole budget. */
const list: ApartJob<Listing, Listed> = async (reader, listing) => {
  const take = listing.list === 'tasks' ? taskStep(reader, listing) : agentStep(reader, listing);
  const page = await read(take, listing.from, listing.want, unhurried(listing.budgetMs));
  const all = await read(take, startOf(listing.order), limits.countedTotal + 1, unhurried(listing.budgetMs));
  const isFull = page.rows.length >= listing.want;
  return {
    rows: page.rows.slice(0, listing.want),
    end: isFull ? undefined : page.end,
    total: all.rows.length,
    isCounted: all.end === undefined,
  };
};

export default list;

type Take = (from: ListKey) => Promise<Step>;

/** Takes steps until there are enough rows, the list ends, or the time is up. */
async function read(take: Take, from: ListKey, want: number, pace: Pace): Promise<{ rows: Row[]; end?: ListKey }> {
  const rows: Row[] = [];
  let end: ListKey | undefined = from;
  while (end !== undefined && rows.length < want && (await pace())) {
    const step: Step = await take(end);
    rows.push(...step.found);
    end = step.end;
  }
  return { rows, ...(end === undefined ? {} : { end }) };
}

const params = (from: ListKey) => ({
  at: from.length === 1 ? 0 : from[0],
  id: from.length === 1 ? from[0] : from[1],
  reach,
});

function taskStep(reader: Reader, { order, status, part }: Listing): Take {
  const needle = part === '' ? undefined : new Needle(part);
  const keyOf = ({ id, due_at }: TaskWindowRow): ListKey => (order === 'due' ? [due_at ?? 0, id] : [id]);
  return async (from) => {
    const window: TaskWindowRow[] = await reader.all(taskWindow(order), params(from));
    const meant = window.filter((row) => row.kind === 'work' && (status === 'any' || row.status === status));
    const found: TaskWindowRow[] = [];
    if (needle === undefined) found.push(...meant);
    else for (const portion of portions(meant)) found.push(...(await needle.among(reader, portion)));
    return {
      found: found.map((row) => ({ id: row.id, key: keyOf(row) })),
      end: window.length < reach ? undefined : keyOf(at(window, -1)),
    };
  };
}

function agentStep(reader: Reader, { order, status, part }: Listing): Take {
  const shape = `${order === 'oldest' ? 'oldest' : 'newest'}/${status === 'suspended' ? 'suspended' : 'all'}` as const;
  return async (from) => {
    const window = await reader.all(agentWindow(shape), params(from));
    const found = window.filter(
      ({ id, folded, suspended_at }) =>
        id !== platformId && (status !== 'active' || suspended_at === null) && folded.includes(part),
    );
    return {
      found: found.map(({ id }) => ({ id, key: [id] })),
      end: window.length < reach ? undefined : [at(window, -1).id],
    };
  };
}
