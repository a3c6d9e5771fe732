/** Columns whose values are drawn at random (`ids.ts`), so that a second draw can help. */
const drawnColumns: readonly string[] = ['id', 'transfer_id'];

/** How often a transaction draws its ids before a collision counts as a bug: one in a million draws collides at most. */
const draws = 3;

/**
 * A unique constraint refused a row. Verbs whose rows may be there already say so in the statement (`on conflict`), so
 * this is either a drawn id that is taken or a bug.
 */
export class UniqueViolation extends Error {
  override readonly name = 'UniqueViolation';
  readonly columns: readonly string[];

  /** @param columns of the constraint. */
  constructor(table: string, columns: readonly string[], cause: unknown) {
    super(`There is a row with the same ${columns.join(', ')} in "${table}" already`, { cause });
    this.columns = columns;
  }
}

const isCollision = (error: unknown) =>
  error instanceof UniqueViolation && error.columns.some((column) => drawnColumns.includes(column));

/**
 * Runs a transaction again from the start when an id that it drew is taken.
 *
 * @throws what `transact` throws; `UniqueViolation` for any other constraint, and for an id that is taken on every draw.
 */
export async function withFreshIds<T>(transact: () => Promise<T>): Promise<T> {
  for (let draw = 1; ; draw++) {
    try {
      return await transact();
    } catch (error) {
      if (!isCollision(error) || draw === draws) throw error;
    }
  }
}
