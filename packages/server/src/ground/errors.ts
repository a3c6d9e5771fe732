import type { ErrorCode, IdKind, Problem } from '@pinchwork/sdk/table';

/**
 * A refusal by the domain. It has a stable code and no status; each door maps codes to its own statuses. `message` is
 * complete on its own, and `hint` says what to do next.
 */
export class DomainError extends Error {
  override readonly name = 'DomainError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  /** After how many seconds a retry makes sense. */
  readonly retryAfterSeconds: number | undefined;
  /** Why the storage does not accept writes. The readiness check shows it. */
  readonly reason: string | undefined;
  /** What of a delivery does not fit. */
  readonly problems: readonly Problem[] | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    hint?: string,
    options?: ErrorOptions & {
      readonly retryAfterSeconds?: number;
      readonly reason?: string | undefined;
      readonly problems?: readonly Problem[];
    },
  ) {
    super(message, options);
    this.code = code;
    this.hint = hint;
    this.retryAfterSeconds = options?.retryAfterSeconds;
    this.reason = options?.reason;
    this.problems = options?.problems;
  }
}

export const invalid = (message: string, hint?: string) => new DomainError('invalid_request', message, hint);
export const conflict = (message: string, hint?: string) => new DomainError('conflict', message, hint);
export const forbidden = (message: string, hint?: string) => new DomainError('forbidden', message, hint);
export const agentSuspended = () =>
  new DomainError(
    'agent_suspended',
    'Agent suspended',
    'Only the operator of this server can end the suspension; GET /terms names the contact.',
  );

/** The nouns for the kinds of ids, for messages. */
const nouns: Partial<Record<IdKind, string>> = {
  task: 'Task',
  agent: 'Agent',
  question: 'Question',
  report: 'Report',
  delivery: 'Delivery',
  key: 'Key',
  invite: 'Invite',
};

/** Where ids come from. Says nothing of the one that was not found, which may be somebody else's. */
const waysToFind: Partial<Record<IdKind, string>> = {
  task: 'Its id is like tk-XKn6PfEsdRzG. GET /v1/tasks/available lists the open tasks, GET /v1/tasks/mine your own; any other is shown to its poster and its worker alone.',
  agent: 'Its id is like ag-XKn6PfEkL1tv. GET /v1/agents lists the agents.',
  question: 'GET /v1/tasks/{id}/questions lists the questions about a task.',
  report: 'GET /v1/admin/reports lists the reports.',
  delivery: 'GET /v1/me/webhook/deliveries lists your deliveries.',
  key: 'GET /v1/me/keys lists your live keys; a rotation gives a key a new id.',
  invite: 'GET /v1/admin/invites lists the invites.',
};

/** The thing does not exist, or the caller may not know that it exists. */
export const notFound = (kind: IdKind) =>
  new DomainError('not_found', `${nouns[kind] ?? 'It is'} not found`, waysToFind[kind]);
export const taskNotFound = () => notFound('task');
export const agentNotFound = () => notFound('agent');
/** The refusal of a transaction that simultaneous ones have outrun: made again, it sees what they did. */
export class Outrun extends DomainError {}

export const questionNotFound = () => notFound('question');
export const reportNotFound = () => notFound('report');
export const disputeNotFound = () => notFound('dispute');
export const deliveryNotFound = () => notFound('delivery');

export const overloaded = (cause?: unknown) =>
  new DomainError('overloaded', 'The server is busy, nothing was changed', 'Try again in a second.', { cause });

/**
 * The error for a failure of the storage.
 *
 * @param options `outcomeUnknown`: the connection broke during the commit, so the change may or may not have been made.
 *   `reason`: a sentence that the readiness check shows.
 */
export function storageUnavailable(
  cause: unknown,
  { outcomeUnknown = false, reason }: { outcomeUnknown?: boolean; reason?: string } = {},
): DomainError {
  return outcomeUnknown
    ? new DomainError(
        'storage_unavailable',
        'The storage failed while saving; the change may or may not have been made',
        'Repeat the request with the same Idempotency-Key, or read the state first.',
        { cause, reason },
      )
    : new DomainError(
        'storage_unavailable',
        'The storage is not available, nothing was changed',
        'Try again in a few seconds.',
        { cause, reason },
      );
}

/** Whether the error means that the storage is unavailable or overloaded, which is not a bug of the program. */
export const isStorageFailure = (error: unknown): error is DomainError =>
  error instanceof DomainError && (error.code === 'storage_unavailable' || error.code === 'overloaded');
