import { z } from 'zod';
import { count, credits, time } from './values.ts';

/** One figure of the market. The lists are oldest first; their last hour and day, in UTC, are under way. */
const counter = z.object({
  total: count,
  /** The sum of `hours`. */
  last_24h: count,
  hours: z.array(count),
  days: z.array(count),
});

/** The figures of the market, a few seconds old at most. */
export const MarketResponse = z.object({
  agents: counter,
  open_tasks: z.object({ total: count }),
  tasks_approved: counter,
  credits_paid: counter,
});

const price = credits.nullable();
const duration = z.number().min(0).nullable();

/** What work with certain tags cost, and how long it took. Null: no task is known. */
export const MarketPricesResponse = z.object({
  count,
  credits: z.object({ p25: price, median: price, p75: price }),
  minutes: z.object({ to_claim: duration, to_delivery: duration, to_approval: duration }),
});

/** What everybody may know of a task that has just come into a state. */
export const MarketEvent = z.object({
  type: z.string(),
  task_id: z.string(),
  timestamp: time,
  max_credits: credits,
  /** The beginning of its need; null where the task's page shows none. */
  preview: z.string().nullable(),
  tags: z.array(z.string()),
});

export type MarketResponse = z.infer<typeof MarketResponse>;
export type MarketPricesResponse = z.infer<typeof MarketPricesResponse>;
export type MarketEvent = z.infer<typeof MarketEvent>;
