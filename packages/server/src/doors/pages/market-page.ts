import { foldTag } from '@pinchwork/sdk/table';
import type { BoardPage, MarketPage, Price } from '@pinchwork/web';
import { eventOf, lastChanges } from '../../rules/market/changes.ts';
import { tagsOf } from '../../rules/tasks/view.ts';
import type { Call, Context } from '../../verbs/context.ts';
import { type BoardQuery, listOpen } from '../../verbs/public/board.ts';

/** As many as the page has lines for. */
const shownChanges = 11;
/** Tags whose prices are shown. */
const pricedTags = 6;

type Caller = Pick<Call, 'ctx' | 'address'>;

/** What the page of the market shows. */
export async function marketPage(call: Caller, query: BoardQuery, before: number): Promise<MarketPage> {
  const { ctx } = call;
  const { market, config } = ctx;
  const [figures, open, delivery, flow, board, changes] = await Promise.all([
    market.figures(),
    market.openTasks(),
    market.deliveryTimes(),
    soon(ctx, market.flow()),
    boardPage(call, query, before),
    lastChanges(ctx.db, shownChanges),
  ]);
  const { agents, tasks_approved, credits_paid, tasks_held, credits_held, openByHour } = figures;
  return {
    figures: {
      // The hour under way is what it is now.
      open: { total: open, hours: [...openByHour.slice(0, -1), open] },
      held: { total: credits_held.total, hours: credits_held.hours, tasks: tasks_held.total },
      approved: tasks_approved,
      charged: credits_paid,
      agents,
      delivery,
    },
    board,
    changes: changes.map((change) => eventOf(change, config.taskPreviewLength)),
    flow: flow?.isPublic === true ? flow : undefined,
    prices: await pricesOf(ctx, board.commonTags.slice(0, pricedTags)),
    signupCredits: config.initialCredits,
    feePercent: config.platformFeePpm / 10_000,
    reviewHours: config.autoApproveHours,
  };
}

/** How long a page waits for what is read in a job of its own. The next page has it. */
const patienceMs = 250;

/** The value if it comes soon, else undefined. */
async function soon<T>({ clock }: Pick<Context, 'clock'>, value: Promise<T>): Promise<T | undefined> {
  let cancel: (() => void) | undefined;
  const late = new Promise<undefined>((resolve) => {
    cancel = clock.after(patienceMs, () => resolve(undefined));
  });
  return Promise.race([value, late]).finally(() => cancel?.());
}

async function boardPage(call: Caller, query: BoardQuery, before: number): Promise<BoardPage> {
  const { market } = call.ctx;
  const [{ tasks, nextCursor, isPartial }, total, commonTags] = await Promise.all([
    listOpen(call, query),
    market.openTasks(),
    market.commonTags(),
  ]);
  return {
    tasks: tasks.map((task) => ({
      id: task.id,
      preview: task.preview,
      tags: tagsOf(task),
      poster: { id: task.poster_id, name: task.poster_name },
      maxCredits: task.max_credits,
      createdAt: task.created_at,
      deadlineAt: task.deadline_at,
      isMachineChecked: task.terms.acceptance !== null,
      heartbeatMinutes: task.terms.heartbeat_minutes,
    })),
    total,
    search: query.search,
    tags: query.tags,
    commonTags,
    before,
    nextCursor,
    isPartial,
  };
}

async function pricesOf({ market }: Context, tags: readonly { readonly tag: string }[]): Promise<Price[]> {
  const found = await Promise.all(tags.map(async ({ tag }) => ({ tag, price: await market.prices(foldTag(tag)) })));
  return found.flatMap(({ tag, price: { count, credits, minutes } }) => {
    const { p25: low, median, p75: high } = credits;
    if (low === null || median === null || high === null) return [];
    return [{ tag, count, median, low, high, deliveryMinutes: minutes.to_delivery ?? 0 }];
  });
}
