import type { z } from 'zod';
import type { Endpoint, EndpointName, Endpoints } from '../endpoints/index.ts';
import type { Warnings } from '../replies/index.ts';
import type { EventStream } from './events.ts';
import type { List, PageReply } from './list.ts';
import type { CallOptions } from './options.ts';

/** The methods of the client that are endpoints: their types follow from the rows of the table. */

type Flat<T> = { [K in keyof T]: T[K] };

/** A value as a caller may give it: lists are not changed. */
type Given<V> = V extends readonly (infer Item)[] ? readonly Item[] : V;

/** Whether a field may be left out. */
type IsOptional<S extends z.ZodObject, K> = K extends keyof z.input<S>
  ? undefined extends z.input<S>[K]
    ? true
    : false
  : true;

/** The fields of a schema as a caller gives them: in their own types, where the schema may leave one out too. */
type FieldsOf<S> = S extends z.ZodObject
  ? // A schema without fields has every name, and a value for none.
    string extends keyof z.output<S>
    ? unknown
    : {
        readonly [K in keyof z.output<S> as IsOptional<S, K> extends true ? never : K]: Given<z.output<S>[K]>;
      } & {
        readonly [K in keyof z.output<S> as IsOptional<S, K> extends true ? K : never]?:
          Given<z.output<S>[K]> | undefined;
      }
  : unknown;

/** The fields of a call: those of its body and of its query. */
type InputOf<E extends Endpoint> = Flat<FieldsOf<E['body']> & FieldsOf<E['query']>>;

/** The ids in a path, in their order. */
type IdsOf<Path extends string> = Path extends `${string}:${infer Rest}`
  ? Rest extends `${string}/${infer Tail}`
    ? [id: string, ...IdsOf<`/${Tail}`>]
    : [id: string]
  : [];

/** A success without content is null. */
type ContentOf<Reply> = Reply extends unknown ? (object extends Reply ? null : Flat<Reply & Warnings>) : never;
type ResultOf<E extends Endpoint> = ContentOf<z.output<E['reply']>>;

/** The rows of a list's page. */
type RowsOf<Page> = { [K in keyof Page]-?: Page[K] extends readonly (infer Item)[] ? Item : never }[keyof Page];

type AnswerOf<E extends Endpoint> = E['isStream'] extends true
  ? E['query'] extends z.ZodObject
    ? EventStream
    : AsyncGenerator<z.output<E['reply']>, void, undefined>
  : z.output<E['reply']> extends infer Page extends PageReply
    ? List<Flat<Page & Warnings>, RowsOf<Page>>
    : Promise<ResultOf<E>>;

/** The ids in the path, then the fields, then the options. */
type Method<E extends Endpoint> = (
  ...args: object extends InputOf<E>
    ? [...ids: IdsOf<E['path']>, input?: InputOf<E>, options?: CallOptions]
    : [...ids: IdsOf<E['path']>, input: InputOf<E>, options?: CallOptions]
) => AnswerOf<E>;

type ByCall = { [N in EndpointName as Endpoints[N]['call']]: Endpoints[N] };
type Call = keyof ByCall;
type GroupName = Call extends infer C ? (C extends `${infer G}.${string}` ? G : never) : never;
type CallOf<G extends string> = Extract<Call, `${G}.${string}`>;
type Alone = Exclude<Call, `${string}.${string}`>;

type Group<G extends string> = {
  readonly [C in CallOf<G> as C extends `${G}.${infer Name}` ? Name : never]: Method<ByCall[C]>;
};

/** Every endpoint as a method: `tasks.create` of the table is `client.tasks.create(…)`. */
export type Calls = { readonly [G in Exclude<GroupName, Alone>]: Group<G> } & {
  readonly [C in Alone]: C extends GroupName ? Method<ByCall[C]> & Group<C> : Method<ByCall[C]>;
};

/** What a method takes and gives, by its name in the table: `Input<'tasks.create'>`. */
export type Input<C extends Call> = InputOf<ByCall[C]>;
export type Result<C extends Call> = ResultOf<ByCall[C]>;
