import { type EventStream, followEvents } from './events.ts';
import { List, type PageReply } from './list.ts';
import type { CallOptions } from './options.ts';
import type { ClientRow } from './rows.ts';
import type { Request, Transport } from './transport.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Any method of a client. Their types are in `Calls`. */
type AnyMethod = (...args: readonly unknown[]) => unknown;
type Tree = Record<string, AnyMethod | Record<string, AnyMethod>>;

/** Makes the methods of the rows: `tasks.create` is `tree.tasks.create`. */
export function methodsOf(transport: Transport, rows: readonly ClientRow[]): Tree {
  const tree: Tree = {};
  for (const row of rows) {
    const [first = '', second] = row.call.split('.');
    const method = methodOf(transport, row);
    // A group may be a method itself: `events` and `events.history`.
    if (second === undefined) tree[first] = Object.assign(method, tree[first]);
    else tree[first] = Object.assign(tree[first] ?? {}, { [second]: method });
  }
  return tree;
}

function methodOf(transport: Transport, row: ClientRow): AnyMethod {
  const idCount = row.path.split('/:').length - 1;
  return (...args) => {
    const ids = args.slice(0, idCount);
    const [input = {}, options = {}] = args.slice(idCount) as [Fields?, CallOptions?];
    if (row.isStream)
      return followEvents(
        transport,
        { path: row.path, auth: row.auth, hasPositions: row.query.includes('after') },
        input,
        options,
      ) satisfies EventStream;
    const path = pathOf(row, ids);
    if (row.list === null) return transport.json(requestOf(row, path, input, options), options);
    const readPage = async (cursor: string | undefined) => {
      const fields = cursor === undefined ? input : readingOn(input, cursor);
      return transport.json(requestOf(row, path, fields, options), options) as Promise<PageReply>;
    };
    return new List(readPage, row.list);
  };
}

/** A cursor stands in place of the positions. */
function readingOn({ offset: _offset, after: _after, ...input }: Fields, cursor: string): Fields {
  return { ...input, cursor };
}

/** @throws TypeError for an id that would lead to another endpoint */
function pathOf({ call, path }: ClientRow, ids: readonly unknown[]): string {
  let next = 0;
  return path.replace(/:(\w+)/g, (_, name: string) => {
    const id = ids[next++];
    if (typeof id !== 'string' || /^\.{0,2}$/.test(id)) throw new TypeError(`${call}: ${name} must be an id`);
    return encodeURIComponent(id);
  });
}

function requestOf(row: ClientRow, path: string, input: Fields, options: CallOptions): Request {
  const { body: bodyFields, query: queryFields } = row;
  const isOfBody = (name: string) => bodyFields !== null && (bodyFields.includes(name) || !queryFields.includes(name));
  const given = Object.entries(input).filter(([, value]) => value !== undefined);
  const query = queryOf(given.filter(([name]) => !isOfBody(name)));
  const body =
    bodyFields === null ? undefined : JSON.stringify(Object.fromEntries(given.filter(([name]) => isOfBody(name))));
  return {
    method: row.method,
    path: path + query,
    auth: row.auth,
    headers: row.repeats ? { 'idempotency-key': options.idempotencyKey ?? randomKey() } : {},
    body,
    isSafe: row.repeats || row.method === 'GET',
    waitSeconds: typeof input.wait === 'number' ? input.wait : 0,
  };
}

/** Lists are written with commas. Null is as good as absent: no parameter has another meaning for it. */
export function queryOf(entries: readonly (readonly [string, unknown])[]): string {
  const query = new URLSearchParams();
  for (const [name, value] of entries)
    if (value != null) query.set(name, [value as string | string[]].flat().join(','));
  return query.size === 0 ? '' : `?${query.toString()}`;
}

/** 128 random bits. `crypto.randomUUID` is missing on pages without TLS. */
export function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
