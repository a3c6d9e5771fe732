import { type AnyEndpoint, type Endpoint, isId, type OtherSuccess as SuccessRow } from '@pinchwork/sdk/table';
import type { Key } from '../rules/agents/keys.ts';
import { type Call, type Context, OtherSuccess } from '../verbs/context.ts';
import type { Tx } from '../storage/database.ts';
import { type DomainError, notFound } from '../ground/errors.ts';
import { present } from '../ground/present.ts';
import { textBytes } from '../rules/limits/texts.ts';
import { type Admission, admit, countAsRead } from './admission.ts';
import { type Caller, type Credentials, identify, isAdmittedTo, isStale, refusalOfCaller } from './caller.ts';
import { handlers, type Input } from './handlers.ts';
import { once, type RecordKey, recordKey } from './idempotency.ts';
import { check, type InvokeOptions, type RawInput } from './input.ts';
import { checkNames } from './names.ts';

/** The outcome of a successful call. */
export interface Outcome {
  /**
   * One of the replies in the endpoint's row, with a warning for each unknown name in the request where the row has
   * warnings. For a stream: the open stream.
   */
  readonly reply: object;
  /** Which success it is: the endpoint's row for the usual one, else one of its `others`. */
  readonly success: Endpoint | SuccessRow;
  /** Whether the reply is an earlier one, for the same idempotency key. */
  readonly replayed: boolean;
}

/** Every transport calls the endpoints through this interface. */
export interface Door {
  /** Decides whether to admit a call. HTTP calls it before it reads the body. */
  admit(endpoint: Endpoint, credentials: Credentials): Promise<Admission>;
  /**
   * Carries out an admitted call: checks the query and the body, then the ids in the path, and calls the verb, once per
   * idempotency key.
   *
   * @throws DomainError with one of the codes in the endpoint's row.
   */
  invoke(endpoint: AnyEndpoint, caller: Caller, input: RawInput, options: InvokeOptions): Promise<Outcome>;
}

/** @throws DomainError if the caller may not call its endpoint any more. */
async function identifyAgain(ctx: Context, { endpoint, credentials }: Caller): Promise<Caller> {
  const caller = await identify(ctx, endpoint, credentials);
  const refusal = refusalOfCaller(caller);
  if (refusal !== undefined) throw refusal;
  return caller;
}

type AnyHandler = (call: Call, input: Input<Endpoint>) => object | Promise<object>;

/** Makes the function behind all doors: `admit` admits a call, and `invoke` carries it out. */
export function openDoor(ctx: Context): Door {
  return {
    admit: (endpoint, credentials) => admit(ctx, endpoint, credentials),
    invoke: async (endpoint, admitted, input, options) => {
      if (!isAdmittedTo(endpoint, admitted)) throw new Error(`A caller that was not admitted to ${endpoint.name}`);
      // A slow sender may have been suspended since it was admitted.
      const caller = isStale(admitted, ctx.clock.now()) ? await identifyAgain(ctx, admitted) : admitted;
      const unknown = [
        ...checkNames(endpoint, endpoint.query, input.query, 'query parameter'),
        ...(endpoint.body === undefined ? [] : checkNames(endpoint, endpoint.body, input.body, 'field')),
      ];
      const query = endpoint.query && check(endpoint, endpoint.query, input.query);
      const body = endpoint.body && check(endpoint, endpoint.body, input.body);
      const isTrial = endpoint.trialField !== undefined && body?.[endpoint.trialField] === true;
      if (isTrial) countAsRead(ctx, endpoint, caller);
      const texts = endpoint.writesTexts && !isTrial ? textBytes(body) : 0;
      const record = isTrial ? undefined : recordKey(endpoint, caller, input, options);
      const call = new DoorCall(caller, { ctx, options, record, texts });
      const { params } = input;
      const refusal = refusalOfIds(endpoint, params);
      // With an idempotency key, the refusal for a reused key takes precedence.
      if (refusal !== undefined) throw call.record === undefined ? refusal : await call.fail(refusal);
      // The table gives each endpoint a handler for its own input, which the schemas have just checked.
      const handle = handlers[endpoint.name] as unknown as AnyHandler;
      const isBareAnswer = input.isBareAnswer === true;
      const said = await handle(call, { params, query, body, isBareAnswer } as Input<Endpoint>);
      const { reply, success } = successOf(endpoint, said);
      const replayed = call.record?.replayed ?? false;
      const warnings = endpoint.hasWarnings ? [...unknown, ...warningsAbout(endpoint, reply)] : [];
      return { reply: warnings.length === 0 ? reply : { ...reply, warnings }, success, replayed };
    },
  };
}

const notKept =
  "The operator has removed this task's texts, and nothing that is written to it is kept: no result, no reason, no message.";

/** What a caller should know who has just acted on a task. */
const warningsAbout = ({ method }: Endpoint, reply: object): string[] =>
  method !== 'GET' && 'texts_removed' in reply && 'worker_id' in reply && reply.texts_removed === 'operator'
    ? [notKept]
    : [];

/** The success that a verb answered with. @throws Error when the endpoint's row does not promise it. */
function successOf(endpoint: Endpoint, said: object): Pick<Outcome, 'reply' | 'success'> {
  if (!(said instanceof OtherSuccess)) return { reply: said, success: endpoint };
  const success = endpoint.others.find(({ name }) => name === said.name);
  if (success === undefined) throw new Error(`The row of ${endpoint.name} has no success "${said.name}"`);
  // An error is thrown, so every success is an object.
  return { reply: said.reply as object, success };
}

/** An id with an invalid form gets the same refusal as an unknown one (contract section 1, "Errors"). */
function refusalOfIds({ params }: Endpoint, given: RawInput['params']): DomainError | undefined {
  for (const name in params) {
    const kind = present(params[name], name);
    if (!isId(kind, given[name] ?? '')) return notFound(kind);
  }
  return undefined;
}

/** What a call is carried out with. */
interface Means {
  readonly ctx: Context;
  readonly options: InvokeOptions;
  readonly record: RecordKey | undefined;
  readonly texts: number;
}

/**
 * The caller, and how its verb runs a transaction. A class, because a getter in an object literal makes V8 keep each
 * request until the next full collection (measured: 28 % of young objects survived, 415 MiB under load instead of 212).
 */
class DoorCall implements Call {
  readonly ctx: Context;
  readonly agentId: string;
  readonly key: Key | undefined;
  readonly address: string;
  readonly record: RecordKey | undefined;
  readonly #options: InvokeOptions;
  /** The bytes of the texts that the call writes. */
  readonly #texts: number;
  #areCounted = false;

  constructor(caller: Caller, { ctx, options, record, texts }: Means) {
    this.ctx = ctx;
    this.#texts = texts;
    this.agentId = caller.agentId;
    this.key = caller.key;
    this.address = caller.credentials.address;
    this.record = record;
    this.#options = options;
  }

  get repeatKey(): string | undefined {
    return this.record?.key;
  }

  get contextId(): string | undefined {
    return this.#options.contextId;
  }

  get push(): InvokeOptions['push'] {
    return this.#options.push;
  }

  get signal(): AbortSignal {
    return this.#options.signal;
  }

  get origin(): string {
    return this.#options.origin;
  }

  transact<T>(verb: string, work: (tx: Tx) => Promise<T>): Promise<T> {
    const { record } = this;
    const counted = this.#texts === 0 ? work : (tx: Tx) => this.#count(tx, work);
    const done = record === undefined ? this.ctx.db.transact(verb, counted) : once(this.ctx, record, verb, counted);
    if (this.#texts > 0) done.catch(() => this.#discount());
    const { settled } = this.#options;
    return settled === undefined ? done : done.finally(settled);
  }

  /** Counts the texts when they are about to be written: not for a repetition, which gets the earlier reply. */
  #count<T>(tx: Tx, work: (tx: Tx) => Promise<T>): Promise<T> {
    // A transaction may run more than once.
    if (!this.#areCounted) this.ctx.texts.take(this.agentId, this.#texts);
    this.#areCounted = true;
    return work(tx);
  }

  /** Takes the count back, because the transaction has failed. */
  #discount(): void {
    if (this.#areCounted) this.ctx.texts.giveBack(this.agentId, this.#texts);
    this.#areCounted = false;
  }

  /** Rejects with a refusal inside the idempotency check. A reused key is refused first, and a new key stays unused. */
  fail(refusal: DomainError): Promise<never> {
    return this.transact('refuse', () => Promise.reject(refusal));
  }
}
