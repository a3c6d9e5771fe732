import type { z } from 'zod';
import type { ErrorCode } from '../errors.ts';
import type { FieldHeader } from '../headers.ts';
import type { IdKind } from '../ids.ts';
import { aliasesOf } from './aliases.ts';
import { bodyBytesOf, errorsOf } from './derived.ts';
import type { Auth, Idempotency, LimitName, Method, Scope } from './values.ts';

/** The header and the field of the reply that it repeats. A field that is absent or null gives no header. */
export type HeaderFields = Readonly<Partial<Record<FieldHeader, string>>>;

/** A success other than the usual one of its endpoint. */
export interface OtherSuccess<Reply extends z.ZodType = z.ZodType> {
  /** The name by which the verb selects it. */
  readonly name: string;
  /** A 204 has no content: its reply is only in the headers. */
  readonly status: 200 | 201 | 204;
  /** When an endpoint returns this success, as a sentence for documents. */
  readonly when: string;
  readonly reply: Reply;
  readonly headers: HeaderFields;
  /** One line for people about the reply, without any text that an agent wrote. */
  line(reply: z.output<Reply>): string;
}

/** An endpoint's row before the table gives it a name. */
export interface Row<
  Param extends string = string,
  Query extends z.ZodObject | undefined = z.ZodObject | undefined,
  Body extends z.ZodObject | undefined = z.ZodObject | undefined,
  Reply extends z.ZodType = z.ZodType,
  Stream extends boolean = boolean,
  Call extends string = string,
  Path extends string = string,
> {
  /** The client's method for it: `tasks.create` is `client.tasks.create(…)`. */
  readonly call: Call;
  readonly method: Method;
  /** Path parameters are written as `:id`. */
  readonly path: Path;
  /** The kind of id in each path parameter. An id of another shape is not found. */
  readonly params: Readonly<Record<Param, IdKind>>;
  readonly auth: Auth;
  /** A key needs one of these scopes. None: every key may call it, or it takes no agent's key at all. */
  readonly scopes: readonly Scope[];
  /** The rate limit that counts it. */
  readonly limit: LimitName | 'none';
  readonly query: Query;
  readonly body: Body;
  /** The longest body that is read: every legal one fits, in JSON with each character escaped too. */
  readonly bodyBytes: number;
  /** The field that a body of plain text fills. */
  readonly mainField: string | undefined;
  /** The field that a body of nothing but a whole number fills, where the number fits it. */
  readonly numberField: string | undefined;
  /** Whether the texts of its body count against what an agent may write in a day. */
  readonly writesTexts: boolean;
  /** The field with which a request only tries: it changes nothing, counts as a read, and takes no idempotency key. */
  readonly trialField: string | undefined;
  /** The main field is a delivery: a document that may have front matter of its own, or a helper’s answer. */
  readonly isDelivery: boolean;
  /** Words that clients write for its fields, and the field that each means. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Fields that belong to another endpoint, and the error message for a request that has one. */
  readonly misplaced: Readonly<Record<string, string>>;
  readonly idempotency: Idempotency;
  /** The status of the usual success. */
  readonly status: 200 | 201;
  /** The schema of the usual success; its type covers the other successes too. */
  readonly reply: Reply;
  readonly headers: HeaderFields;
  readonly others: readonly OtherSuccess[];
  /** One line for people about the usual success, without any text that an agent wrote. */
  line(reply: z.output<Reply>): string;
  /** Every code that it can be refused with. */
  readonly errors: readonly ErrorCode[];
  /** Whether a key that was rotated may still repeat the request that rotated it. */
  readonly endedKey: 'refused' | 'may repeat';
  /** The reply is JSON whatever `Accept` says. */
  readonly alwaysJson: boolean;
  /**
   * A reply with content names the ignored parts of the request (`Warnings`). Streams have no warnings, and neither
   * have the replies for supervisors and caches, which are the same for all callers.
   */
  readonly hasWarnings: boolean;
  /** The reply is a stream of server-sent events without an end; `reply` is the data of each. */
  readonly isStream: Stream;
  /** The reply is the same for everybody, and caches may keep it for some minutes. */
  readonly isDocument: boolean;
}

/**
 * One endpoint (contract section 2): who may call it, what a request holds, what a success looks like, and how it
 * can fail. Server, client, command line and documents all read these rows; nobody guesses from names or shapes.
 */
export interface Endpoint<
  Param extends string = string,
  Query extends z.ZodObject | undefined = z.ZodObject | undefined,
  Body extends z.ZodObject | undefined = z.ZodObject | undefined,
  Reply extends z.ZodType = z.ZodType,
  Stream extends boolean = boolean,
  Call extends string = string,
  Path extends string = string,
> extends Row<Param, Query, Body, Reply, Stream, Call, Path> {
  readonly name: string;
}

/** Gives each row the name that it has in the table. */
export function named<const T extends Readonly<Record<string, Row>>>(
  rows: T,
): { readonly [Name in keyof T]: T[Name] & { readonly name: Name } } {
  const entries = Object.entries(rows).map(([name, row]) => [name, { name, ...row }]);
  // `fromEntries` forgets the names.
  return Object.fromEntries(entries) as { [Name in keyof T]: T[Name] & { readonly name: Name } };
}

/** The names of the parameters in a path: `id` in `/v1/tasks/:id`. */
type PathParam<Path extends string> = Path extends `${string}:${infer Rest}`
  ? Rest extends `${infer Name}/${infer Tail}`
    ? Name | PathParam<`/${Tail}`>
    : Rest
  : never;

/** The names of an object's fields; of a union, those of any member. */
type FieldOf<T> = T extends unknown ? keyof T & string : never;

/** The declaration of an endpoint. The rest of its row is derived from it. */
interface Spec<
  Path extends string,
  Query extends z.ZodObject | undefined,
  Body extends z.ZodObject | undefined,
  Reply extends z.ZodType,
  Other extends z.ZodType,
  Stream extends boolean,
  Call extends string,
> {
  readonly call: Call;
  readonly method: Method;
  readonly path: Path;
  readonly auth: Auth;
  readonly scopes?: readonly Scope[];
  /** Set only if it differs from the default for reads, for writes or for the operator. */
  readonly limit?: LimitName | 'none';
  readonly query?: Query;
  readonly body?: Body;
  readonly mainField?: Body extends z.ZodObject ? FieldOf<z.output<Body>> : never;
  readonly numberField?: Body extends z.ZodObject ? FieldOf<z.output<Body>> : never;
  /**
   * The field with which a request only tries, and the answer then. The type of the replies leaves it out, so that a
   * client knows what the usual request answers.
   */
  readonly trial?: {
    readonly field: Body extends z.ZodObject ? FieldOf<z.output<Body>> : never;
    readonly success: OtherSuccess;
  };
  readonly isDelivery?: boolean;
  readonly misplaced?: Readonly<Record<string, string>>;
  /** Set if the reply contains a secret. */
  readonly idempotency?: 'sealed';
  /** Set if it may be called when its agent may write no more today: nobody is made to pay for bad work by a limit. */
  readonly textQuota?: 'exempt';
  readonly status?: 200 | 201;
  readonly reply: Reply;
  readonly headers?: Readonly<Partial<Record<FieldHeader, FieldOf<z.output<Reply | Other>>>>>;
  readonly others?: readonly OtherSuccess<Other>[];
  line(reply: z.output<Reply>): string;
  /** Its own errors, in addition to those that a key, a body or a limit implies. */
  readonly errors?: readonly ErrorCode[];
  readonly endedKey?: 'may repeat';
  readonly alwaysJson?: boolean;
  readonly isStream?: Stream;
  readonly isDocument?: boolean;
}

/** Makes the row of an endpoint from its declaration and keeps the types of the parts. */
export function endpoint<
  const Path extends string,
  Reply extends z.ZodType,
  Other extends z.ZodType = never,
  Query extends z.ZodObject | undefined = undefined,
  Body extends z.ZodObject | undefined = undefined,
  const Stream extends boolean = false,
  const Call extends string = string,
>(
  spec: Spec<Path, Query, Body, Reply, Other, Stream, Call> &
    ([PathParam<Path>] extends [never]
      ? { readonly params?: never }
      : { readonly params: Readonly<Record<PathParam<Path>, IdKind>> }),
): Row<PathParam<Path>, Query, Body, Reply | Other, Stream, Call, Path> {
  const { method, path, auth, params = {}, scopes = [], others = [], headers = {} } = spec;
  const isRead = method === 'GET';
  const idempotency = isRead || method === 'DELETE' ? 'none' : (spec.idempotency ?? 'kept');
  const writesTexts = auth === 'agent' && spec.mainField !== undefined && spec.textQuota !== 'exempt';
  const limit = spec.limit ?? (auth === 'admin' ? 'admin' : isRead ? 'read' : 'write');
  // TypeScript cannot tell what a part is that the declaration leaves out, so its type is stated below.
  return {
    call: spec.call,
    method,
    path,
    params: params as Readonly<Record<PathParam<Path>, IdKind>>,
    auth,
    scopes,
    limit,
    query: spec.query as Query,
    body: spec.body as Body,
    bodyBytes: bodyBytesOf(spec.body),
    mainField: spec.mainField,
    numberField: spec.numberField,
    writesTexts,
    trialField: spec.trial?.field,
    isDelivery: spec.isDelivery ?? false,
    aliases: aliasesOf(spec.query, spec.body),
    misplaced: spec.misplaced ?? {},
    idempotency,
    status: spec.status ?? 200,
    reply: spec.reply,
    headers,
    others: spec.trial === undefined ? others : [spec.trial.success, ...others],
    line: spec.line,
    errors: errorsOf({
      ...{ auth, scopes, limit, isRead, writesTexts },
      ...{ repeats: idempotency !== 'none', own: spec.errors ?? [] },
    }),
    endedKey: spec.endedKey ?? 'refused',
    alwaysJson: spec.alwaysJson ?? false,
    hasWarnings: spec.alwaysJson !== true && spec.isStream !== true,
    isStream: (spec.isStream ?? false) as Stream,
    isDocument: spec.isDocument ?? false,
  };
}

/** A path as documents show it: `/v1/tasks/{id}`. */
export const shownPath = (path: string): string => path.replace(/:(\w+)/g, '{$1}');

/** `POST /v1/tasks/{id}/deliver` */
export const shownLine = ({ method, path }: Pick<Endpoint, 'method' | 'path'>): string =>
  `${method} ${shownPath(path)}`;

/** `1 task`, `2 tasks` */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString('en-US')} ${count === 1 ? one : many}`;
