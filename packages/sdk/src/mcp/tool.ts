import { type AnyEndpoint, type EndpointName, endpoints } from '../endpoints/index.ts';
import { badArguments, type EndpointInput, type Market, type MarketOptions } from './market.ts';
import { argumentsOf, type Json, mostWaitSeconds } from './schemas.ts';

/** The arguments of a call, as the client sent them. */
export type Arguments = Readonly<Record<string, unknown>>;

/** What a tool does, as clients are told before they call it (MCP, "Tool annotations"). */
interface Annotations {
  readonly readOnlyHint: boolean;
  /** Whether it ends something: a claim, a task, a hold of credits. */
  readonly destructiveHint: boolean;
  /** Whether a repeated call with the same arguments changes nothing more. */
  readonly idempotentHint: boolean;
}

/** One tool: how a model sees it, and which endpoints it calls. */
export interface Tool {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: Json;
  readonly annotations: Annotations;
  /** The endpoints that it may call. */
  readonly rows: readonly EndpointName[];
  /** Whether its answer can be read in parts: it changes nothing, so that it can be asked again. */
  readonly isRead: boolean;
  run(market: Market, given: Arguments, options: MarketOptions): Promise<object>;
}

interface Spec {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly rows: readonly [EndpointName, ...EndpointName[]];
  /** The arguments that models are told of. The other fields of the rows work too. */
  readonly takes: readonly string[];
  readonly required?: readonly string[];
  /** Arguments that stand for a field of another name. */
  readonly renamed?: Readonly<Record<string, Json>>;
  /** Which of the rows a call means. Default: the first. */
  readonly choose?: (given: Arguments) => EndpointName;
  /** The arguments by the names of the row's fields. */
  readonly rename?: (given: Arguments) => Arguments;
  /** What it answers when the reply is empty. */
  readonly nothing?: object;
  readonly isDestructive?: boolean;
  readonly isRepeatable?: boolean;
  /** Calls the endpoints itself. */
  readonly run?: Tool['run'];
}

/** The arguments that are not sent to any endpoint. */
const ownNames: ReadonlySet<string> = new Set(['offset', 'idempotency_key', '__proto__']);

/** The path parameter `id` is named by its kind in arguments. */
const argumentFor = (parameter: string, kind: string) => (parameter === 'id' ? `${kind}_id` : parameter);

/** Query parameters are texts. */
const asText = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.join(',');
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
};

/** Cuts a wait, also one that is written as a text. Whoever asks for more gets the answer earlier, and may call again. */
const cutWait = (value: unknown): unknown =>
  (typeof value === 'number' || typeof value === 'string') && Number(value) > mostWaitSeconds ? mostWaitSeconds : value;

/** Some models say that they want no wait, in place of saying nothing. */
const isNoWait = (key: string, value: unknown): boolean => key === 'wait' && (value === 0 || value === '0');

/**
 * Divides arguments among the path, the query and the body of an endpoint. Unknown ones go where the endpoint checks
 * names.
 *
 * @throws Refusal for an id that is missing.
 */
export function inputOf({ name, params: kinds, query, body }: AnyEndpoint, given: Arguments): EndpointInput {
  const params: Record<string, string> = {};
  const rest = new Map(
    Object.entries(given).filter(([key, value]) => !ownNames.has(key) && value !== undefined && !isNoWait(key, value)),
  );
  for (const [parameter, kind] of Object.entries(kinds)) {
    const argument = argumentFor(parameter, kind);
    const id = rest.get(argument);
    if (typeof id !== 'string' || id === '') throw badArguments(`${argument}: is required, as text`, hintFor(name));
    params[parameter] = id.trim();
    rest.delete(argument);
  }
  const inQuery: Record<string, unknown> = {};
  const inBody: Record<string, unknown> = {};
  for (const [key, value] of rest) {
    const shown = key === 'wait' ? cutWait(value) : value;
    if (body !== undefined && (Object.hasOwn(body.shape, key) || query === undefined)) inBody[key] = shown;
    else if (query === undefined || value !== null) inQuery[key] = asText(shown);
  }
  return { params, query: inQuery, body: inBody };
}

const hintFor = (name: EndpointName): string =>
  name === 'answerQuestion'
    ? 'pinchwork_conversation lists the questions with their ids.'
    : 'pinchwork_browse lists open tasks, pinchwork_my_tasks yours.';

/** Makes a tool from its declaration. */
export function tool(spec: Spec): Tool {
  const { name, title, description, rows, takes, required = [], renamed = {}, nothing } = spec;
  const isRead = rows.every((row) => endpoints[row].method === 'GET');
  const choose = spec.choose ?? (() => rows[0]);
  return {
    name,
    title,
    description,
    inputSchema: argumentsOf(rows, takes, { required, renamed }),
    annotations: {
      readOnlyHint: isRead,
      destructiveHint: spec.isDestructive ?? false,
      idempotentHint: isRead || (spec.isRepeatable ?? false),
    },
    rows,
    isRead,
    run:
      spec.run ??
      (async (market, given, options) => {
        const endpoint: AnyEndpoint = endpoints[choose(given)];
        const reply = await market.call(endpoint, () => inputOf(endpoint, spec.rename?.(given) ?? given), options);
        return reply ?? nothing ?? {};
      }),
  };
}
