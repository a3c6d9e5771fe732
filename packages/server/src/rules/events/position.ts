/** The numbers of an agent's stream that are kept. */
interface Bounds {
  /** The oldest that is kept; one more than the newest where none is. */
  readonly oldest: number;
  readonly last: number;
}

/** Where reading begins: behind this number. `reset`: not where the reader wanted to. */
export interface Position {
  readonly after: number;
  readonly reset: boolean;
}

/** Where to go on for a reader who knows everything up to `after` (contract section 8). */
export function resume({ oldest, last }: Bounds, after: number): Position {
  const reset = after > last || after < oldest - 1;
  return { after: reset ? oldest - 1 : after, reset };
}
