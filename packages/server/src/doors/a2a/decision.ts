/** What a message decides about a delivery: the endpoint, and the body for it. */
export type Decision =
  | { readonly verb: 'approve'; readonly body: { readonly rating?: number } }
  | { readonly verb: 'reject'; readonly body: { readonly reason: string } };

/**
 * Reads a decision. Only `approve`, `approve 1` to `approve 5` and `reject: why` decide: anything else, however close, is
 * a message, so that no slip moves credits.
 *
 * @param allowed what the state of the task lets its poster decide.
 */
export function decisionIn(said: unknown, allowed: readonly Decision['verb'][]): Decision | undefined {
  if (typeof said !== 'string') return undefined;
  const [, verb, rating, reason] = /^(?:(approve)(?: ([1-5]))?|reject:\s*(\S[\s\S]*))$/.exec(said.trim()) ?? [];
  if (reason !== undefined && allowed.includes('reject')) return { verb: 'reject', body: { reason } };
  if (verb === undefined || !allowed.includes('approve')) return undefined;
  return { verb: 'approve', body: rating === undefined ? {} : { rating: Number(rating) } };
}
