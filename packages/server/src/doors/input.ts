import type { z } from 'zod';
import { DomainError } from '../ground/errors.ts';

/** What a call brings, as its door has read it: nothing of it is checked yet. */
export interface RawInput {
  readonly params: Readonly<Record<string, string>>;
  /** Its own names are checked, also where the endpoint knows none. */
  readonly query: unknown;
  readonly body: unknown;
  /** All of the body was taken for its main field, though it could have been meant as fields. */
  readonly isBareAnswer?: boolean;
}

export interface InvokeOptions {
  /** Aborted when the caller no longer listens. */
  readonly signal: AbortSignal;
  /** What the addresses of this server begin with, for this caller. */
  readonly origin: string;
  readonly idempotencyKey?: string | undefined;
  /** Tells one request from another with the same idempotency key; by default from its endpoint and its input. */
  fingerprint?(): string;
  /** Called when the transaction has ended: what follows are waits, which need nothing of the input. */
  readonly settled?: (() => void) | undefined;
}

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
