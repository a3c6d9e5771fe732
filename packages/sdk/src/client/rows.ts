import { type AnyEndpoint, endpointRows } from '../endpoints/index.ts';
import { taskProgress } from '../replies/index.ts';
import type { Auth, Method } from '../endpoints/values.ts';

/**
 * What the client needs to know of an endpoint at run time. The build writes these rows into the package as data, so
 * that a client loads no schemas.
 */
export interface ClientRow {
  readonly call: string;
  readonly method: Method;
  readonly path: string;
  readonly auth: Auth;
  /** Whether an `Idempotency-Key` makes a repetition safe. */
  readonly repeats: boolean;
  /** The fields of its body; null: it has none. */
  readonly body: readonly string[] | null;
  readonly query: readonly string[];
  /** The field of the reply with the rows of a list that is read page by page; null: it is no such list. */
  readonly list: string | null;
  readonly isStream: boolean;
}

function clientRow({ call, method, path, auth, idempotency, body, query, reply, isStream }: AnyEndpoint): ClientRow {
  const fields = Object.keys(query?.shape ?? {});
  return {
    call,
    method,
    path,
    auth,
    repeats: idempotency !== 'none',
    body: body === undefined ? null : Object.keys(body.shape),
    query: fields,
    list: fields.includes('cursor') ? listField(call, reply) : null,
    isStream,
  };
}

/** The one field of a reply that is a list. */
function listField(call: string, reply: AnyEndpoint['reply']): string {
  const { shape } = reply as unknown as { shape: Readonly<Record<string, { readonly type: string }>> };
  const lists = Object.keys(shape).filter((name) => shape[name]?.type === 'array');
  if (lists.length !== 1) throw new Error(`The reply of ${call} has ${lists.length} lists`);
  return lists[0] ?? '';
}

export const rows: readonly ClientRow[] = endpointRows.map(clientRow);

/** What the poster of a task knows in each of its states. */
export const progress: Readonly<Record<string, string>> = taskProgress;
