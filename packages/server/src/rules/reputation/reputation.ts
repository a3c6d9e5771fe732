/** The ratings that an agent has received, as its row counts them. */
export interface Ratings {
  readonly rating_sum: number;
  readonly rating_count: number;
}

/** The mean of all ratings received, two decimals, 0 when unrated (contract section 5). */
export function reputationOf({ rating_sum, rating_count }: Ratings): number {
  return rating_count === 0 ? 0 : Math.round((rating_sum * 100) / rating_count) / 100;
}
