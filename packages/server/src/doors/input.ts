import { type Endpoint, shownLine } from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { DomainError } from '../ground/errors.ts';
import type { PushRequest } from '../rules/pushes/config.ts';

/** The input of a call as its door has read it, unchecked. */
export interface RawInput {
  readonly params: Readonly<Record<string, string>>;
  /** Its names are checked even when the endpoint has no query parameters. */
  readonly query: unknown;
  readonly body: unknown;
  /** The whole body became the main field, although it could have been meant as fields. */
  readonly isBareAnswer?: boolean;
}

export interface InvokeOptions {
  /** Aborted when the caller has disconnected. */
  readonly signal: AbortSignal;
  /** The origin of this server's URLs, for this caller. */
  readonly origin: string;
  readonly idempotencyKey?: string | undefined;
  /** The client's name of the conversation that the call belongs to. */
  readonly contextId?: string | undefined;
  /** The webhook of the one task that the call posts. */
  readonly push?: PushRequest | undefined;
  /** Identifies the request, to detect reuse of its idempotency key. Default: derived from its endpoint and input, but for `wait`. */
  fingerprint?(): string;
  /** Called when the transaction has ended. After that the call may wait for events, and does not need its input. */
  readonly settled?: (() => void) | undefined;
}

/** A schema refused some fields. A door may add a hint in its own terms. */
export class InvalidFields extends DomainError {
  /** The first step of each refused field's path. */
  readonly fields: readonly unknown[];

  constructor(message: string, fields: readonly unknown[], hint: string) {
    super('invalid_request', message, hint);
    this.fields = fields;
  }
}

/** How many problems one error lists. */
const mostFaults = 5;

/** A schema of named fields. */
type Schema = z.ZodType & { readonly shape: Readonly<Record<string, z.ZodType>> };

/** Says which fields an endpoint takes. */
function fieldsOf(endpoint: Endpoint, { shape }: Schema): string {
  const names = Object.entries(shape).map(([name, field]) =>
    field.safeParse(undefined).success ? name : `${name} (required)`,
  );
  return `${shownLine(endpoint)} takes: ${names.join(', ')}. GET /openapi.json has an example.`;
}

/**
 * Checks a query or a body against the schema of its endpoint.
 *
 * @returns the output of the schema.
 * @throws InvalidFields with a sentence for each of the first problems.
 */
export function check<S extends Schema>(endpoint: Endpoint, schema: S, input: unknown): z.output<S> {
  const { data, error } = schema.safeParse(input);
  if (error === undefined) return data;
  // A number that is neither whole nor in range has two issues with the same text.
  const sentences = new Set(error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`));
  throw new InvalidFields(
    [...sentences].slice(0, mostFaults).join('; '),
    error.issues.map(({ path: [field] }) => field),
    fieldsOf(endpoint, schema),
  );
}
