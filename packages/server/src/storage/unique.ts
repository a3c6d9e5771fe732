/** Columns with random values (`ids.ts`), where a second draw can help. */
const drawnColumns: readonly string[] = ['id', 'transfer_id'];

/**
 * How many times a transaction may draw new ids before a collision counts as a bug. At most one draw in a million
 * collides.
 */
const draws = 3;

/**
 * A unique constraint refused a row. Verbs that expect existing rows use `on conflict`, so this is either a drawn id
 * that is taken or a bug.
 */
export class UniqueViolation extends Error {
  override readonly name = 'UniqueViolation';
  readonly columns: readonly string[];

  /** @param columns of the constraint. */
  constructor(table: string, columns: readonly string[], cause: unknown) {
    super(`"${table}" already has a row with the same ${columns.join(', ')}`, { cause });
    this.columns = columns;
  }
}

const isCollision = (error: unknown) =>
  error instanceof UniqueViolation && error.columns.some((column) => drawnColumns.includes(column));

/**
 * Runs a transaction, and runs it again from the start when an id that it drew is taken.
 *
 * @throws the errors of `transact`; `UniqueViolation` for any other constraint, and for an id that is taken on every
 *   draw.
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
