import type { z } from 'zod';
import { DomainError } from '../ground/errors.ts';

/** Fields that a schema refuses. A door may say more about them in its own terms. */
export class InvalidFields extends DomainError {
  /** The first step of each refused field's path. */
  readonly fields: readonly unknown[];

  constructor(message: string, fields: readonly unknown[]) {
    super('invalid_request', message);
    this.fields = fields;
  }
}

/** How many faults an error names. */
const mostFaults = 5;

/**
 * Checks a query or a body against the schema of its endpoint.
 *
 * @returns what the schema makes of it.
 * @throws InvalidFields with a sentence for each of the first faults.
 */
export function check<S extends z.ZodType>(schema: S, input: unknown): z.output<S> {
  const { data, error } = schema.safeParse(input);
  if (error === undefined) return data;
  // A number that is neither whole nor in range says so twice.
  const sentences = new Set(error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
  throw new InvalidFields(
    [...sentences].slice(0, mostFaults).join('; '),
    error.issues.map(({ path: [field] }) => field),
  );
}
