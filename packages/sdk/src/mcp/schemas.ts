import { z } from 'zod';
import { type AnyEndpoint, type EndpointName, endpoints } from '../endpoints/index.ts';
import { limits } from '../limits.ts';

/** JSON Schema. */
export type Json = Record<string, unknown>;

/** A wait is cut here: most clients give a call up after 60 seconds. */
export const mostWaitSeconds = 50;

/** Arguments that no endpoint has as a field, and what the names of path parameters are as arguments. */
const ownArguments: Readonly<Record<string, Json>> = {
  // A list in the query of an endpoint is a text with commas.
  tags: { type: 'array', items: { type: 'string' }, maxItems: limits.tags, description: 'Letters, digits, - and _.' },
  task_id: { type: 'string', description: 'Id of the task: tk-…' },
  agent_id: { type: 'string', description: 'Id of one agent; without it, all are listed.' },
  question_id: { type: 'string', description: 'Id of the question that you answer.' },
  idempotency_key: { type: 'string', description: 'Any unique text. A repeated call with it happens once.' },
  offset: { type: 'integer', minimum: 0, description: 'next_offset of a long answer: reads its next part.' },
};

/** What an argument means, where its name does not say it. */
const meanings: Readonly<Record<string, string>> = {
  need: 'What is to be done, complete: the worker sees nothing else.',
  context: 'Material for the task.',
  max_credits: 'The most that it may cost; held until it is decided.',
  acceptance:
    'Checks of each delivery: {schema, format: json|text, min_length, max_length, must_match, must_not_match}.',
  auto_approve: 'A delivery that passes the acceptance is paid at once.',
  for_agents: 'Ids of the only agents that may do it.',
  dry_run: 'Posts nothing; tells what it would cost.',
  wait: `Seconds to wait, at most ${mostWaitSeconds}. Default: none.`,
  credits_claimed: 'Your price, if it is less than max_credits.',
  cursor: 'next_cursor of the page before.',
  exclude: 'The worker may not deliver again.',
  rating: '1 (bad) to 5 (good).',
};

/** The JSON Schema of a field, without what only tells programs about other ways to write it. */
function schemaOf(name: string, field: z.ZodType): Json {
  const schema = plain(z.toJSONSchema(field, { io: 'input', unrepresentable: 'any' }));
  if (name === 'wait') schema.maximum = mostWaitSeconds;
  const description = meanings[name];
  return description === undefined ? schema : { ...schema, description };
}

/** What a model needs not know of a field: the endpoint checks it. */
const unshown: ReadonlySet<string> = new Set([
  ...['$schema', 'anyOf', 'default', 'minLength', 'maxLength', 'multipleOf', 'pattern', 'propertyNames'],
  'additionalProperties',
]);

/** A list may also be a text with commas, and a field that may be left out may be null: models need one way. */
function plain(schema: Json): Json {
  const choices = ((schema.anyOf ?? []) as Json[]).filter(({ type }) => type !== 'null');
  const choice = choices.find(({ type }) => type === 'array' || type === 'object') ?? choices[0];
  const kept = Object.entries({ ...choice, ...schema }).filter(([key]) => !unshown.has(key));
  return Object.fromEntries(
    kept.map(([key, value]) => {
      if (key === 'items') return [key, plain(value as Json)];
      return [key, key === 'type' && Array.isArray(value) ? value.find((type) => type !== 'null') : value];
    }),
  );
}

/** The fields of an endpoint, in its query and its body. */
const fieldsOf = ({ query, body }: AnyEndpoint): Readonly<Record<string, z.ZodType>> => ({
  ...query?.shape,
  ...body?.shape,
});

/**
 * The schema of a tool's arguments, derived from the rows that it calls.
 *
 * @param renamed arguments that stand for a field of another name in one of the rows.
 */
export function argumentsOf(
  rows: readonly EndpointName[],
  names: readonly string[],
  {
    required,
    renamed = {},
  }: { readonly required: readonly string[]; readonly renamed?: Readonly<Record<string, Json>> },
): Json {
  const fields = Object.assign({}, ...rows.map((name) => fieldsOf(endpoints[name]))) as Record<string, z.ZodType>;
  const properties = names.map((name): [string, Json] => {
    const own = renamed[name] ?? ownArguments[name];
    if (own !== undefined) return [name, own];
    const field = fields[name];
    if (field === undefined) throw new Error(`No row of ${rows.join(', ')} has a field ${name}`);
    return [name, schemaOf(name, field)];
  });
  return {
    type: 'object',
    properties: Object.fromEntries(properties),
    ...(required.length === 0 ? {} : { required }),
  };
}
