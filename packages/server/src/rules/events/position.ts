/** The first and last number of the events that are kept of a stream. */
export interface Bounds {
  /** The oldest number that is kept; `last + 1` if no event is kept. */
  readonly oldest: number;
  readonly last: number;
}

/** Reading begins after number `after`. `reset`: the reader's own position could not be used. */
export interface Position {
  readonly after: number;
  readonly reset: boolean;
}

/** The position of a reader that knows all events up to `after` (contract section 8). */
export function resume({ oldest, last }: Bounds, after: number): Position {
  const reset = after > last || after < oldest - 1;
  return { after: reset ? oldest - 1 : after, reset };
}
