import type { MarketPricesResponse, MarketResponse, PricesQuery } from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { foldTag } from '@pinchwork/sdk/table';
import { secondMs } from '../ground/clock.ts';
import { readFigures } from '../rules/market/figures.ts';
import { readPrices } from '../rules/market/prices.ts';
import { marketCounts, openTasks } from './market.ts';
import type { Call, Context } from './context.ts';

/** How long what was read serves everybody who asks. */
const freshMs = secondMs;
/** Prices of so many sets of tags are remembered. */
const mostRemembered = 200;

/** Creates the function that returns the figures of the market, without the tasks on the board. */
export function marketFigures({ db, clock }: Pick<Context, 'db' | 'clock'>) {
  return remembered(clock, 1, (_: string) => readFigures(db, clock.now()));
}

/** Creates the function that returns the number of tasks on the board. */
export function marketOpenTasks(ctx: Pick<Context, 'db' | 'clock'>) {
  const counts = marketCounts(ctx);
  return remembered(ctx.clock, 1, (_: string) => openTasks(ctx.db, counts));
}

/** Creates the function that returns what work with some tags costs, by their folded names. */
export function marketPrices({ db, clock }: Pick<Context, 'db' | 'clock'>) {
  return remembered(clock, mostRemembered, (tags: string) => readPrices(db, tags.split(',')));
}

/** The market in figures (contract section 2). Anybody may read them, so one reading serves all for a second. */
export async function showMarket({ ctx }: Pick<Call, 'ctx'>): Promise<MarketResponse> {
  const [figures, total] = await Promise.all([ctx.market.figures(''), ctx.market.openTasks('')]);
  return { ...figures, open_tasks: { total } };
}

/** What work with all these tags costs, and how long it takes. */
export function showPrices(
  { ctx }: Pick<Call, 'ctx'>,
  { tags }: z.output<typeof PricesQuery>,
): Promise<MarketPricesResponse> {
  return ctx.market.prices(tags.map(foldTag).sort().join(','));
}

/** Remembers what was read under each name for `freshMs`, at most `most` of them. Simultaneous calls share a reading. */
function remembered<T>(clock: Context['clock'], most: number, read: (name: string) => Promise<T>) {
  const known = new Map<string, { readonly value: Promise<T>; readonly until: number }>();
  return (name: string): Promise<T> => {
    const now = clock.now();
    const found = known.get(name);
    if (found !== undefined && now < found.until && now >= found.until - freshMs) return found.value;
    known.delete(name);
    const [oldest] = known.keys();
    if (oldest !== undefined && known.size >= most) known.delete(oldest);
    const value = read(name);
    known.set(name, { value, until: now + freshMs });
    value.catch(() => known.delete(name));
    return value;
  };
}
