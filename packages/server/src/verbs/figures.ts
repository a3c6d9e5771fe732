import type { MarketPricesResponse, MarketResponse, PricesQuery } from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { foldTag } from '@pinchwork/sdk/table';
import { minuteMs, secondMs } from '../ground/clock.ts';
import { remembered } from '../ground/remembered.ts';
import { readDeliveryTimes } from '../rules/market/delivery-times.ts';
import { readFigures } from '../rules/market/figures.ts';
import type { MarketFlow } from '../rules/market/flow.ts';
import { readCommonTags } from '../rules/market/open-tags.ts';
import { readPrices } from '../rules/market/prices.ts';
import { openTasks } from './market.ts';
import type { Call, Context, MarketCounts } from './context.ts';

/** How long what was read serves everybody who asks. */
const freshMs = secondMs;
/** For how many sets of tags prices are remembered. */
const mostRemembered = 200;

/** Creates the function that returns what is counted of the market. */
export function marketFigures({ db, clock }: Pick<Context, 'db' | 'clock'>) {
  return remembered(clock, { freshMs }, () => readFigures(db, clock.now()));
}

/** Creates the function that returns the number of tasks on the board. */
export function marketOpenTasks({ db, clock }: Pick<Context, 'db' | 'clock'>, counts: () => Promise<MarketCounts>) {
  return remembered(clock, { freshMs }, () => openTasks(db, counts));
}

/** What changes slowly, or costs more to read, serves everybody for longer. */
const slowMs = 10 * secondMs;

/** Creates the function that returns the tags that most open tasks bear. */
export function marketTags({ db, clock }: Pick<Context, 'db' | 'clock'>) {
  return remembered(clock, { freshMs: slowMs }, () => readCommonTags(db, clock.now()));
}

/** Creates the function that returns what became of credits. It reads the most, so it does so once a minute. */
export function marketFlow({ db, clock }: Pick<Context, 'db' | 'clock'>) {
  return remembered(clock, { freshMs: minuteMs }, () =>
    db.runApart<{ now: number }, MarketFlow>(flowJob, { now: clock.now() }, 'long'),
  );
}

const flowJob = new URL('../rules/market/flow.ts', import.meta.url);

/** Creates the function that returns how long deliveries take. */
export function marketDeliveryTimes({ db, clock }: Pick<Context, 'db' | 'clock'>) {
  return remembered(clock, { freshMs: slowMs }, () => readDeliveryTimes(db, clock.now()));
}

/** Creates the function that returns what work with some tags costs, by their folded names. */
export function marketPrices({ db, clock }: Pick<Context, 'db' | 'clock'>) {
  return remembered(clock, { freshMs, most: mostRemembered }, (tags) => readPrices(db, tags.split(',')));
}

/** The market in figures (contract section 2). Anybody may read them, so one reading serves all for a second. */
export async function showMarket({ ctx }: Pick<Call, 'ctx'>): Promise<MarketResponse> {
  const [{ agents, tasks_approved, credits_paid }, total] = await Promise.all([
    ctx.market.figures(),
    ctx.market.openTasks(),
  ]);
  return { agents, open_tasks: { total }, tasks_approved, credits_paid };
}

/** What work with all these tags costs, and how long it takes. */
export function showPrices(
  { ctx }: Pick<Call, 'ctx'>,
  { tags }: z.output<typeof PricesQuery>,
): Promise<MarketPricesResponse> {
  return ctx.market.prices(tags.map(foldTag).sort().join(','));
}
