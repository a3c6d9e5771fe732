import * as sdk from '@pinchwork/sdk/table';
import { glossary } from '@pinchwork/sdk/reference';
import { z } from 'zod';

export type Json = Record<string, unknown>;

export const refTo = (name: string): Json => ({ $ref: `#/components/schemas/${name}` });

/** The object schemas of the sdk by name, for `components/schemas`. */
const named = Object.entries(sdk).filter(
  (entry): entry is [string, z.ZodObject] => entry[1] instanceof z.ZodObject && !entry[0].endsWith('Query'),
);
const isRequest = (name: string) => name.endsWith('Request') || name === 'NoBody';
const nameOf = new Map<z.ZodType, string>(named.map(([name, schema]) => [schema, name]));

/** The name of an endpoint's schema among the components. */
export function componentName(schema: z.ZodType): string {
  const name = nameOf.get(schema);
  if (name === undefined) throw new Error('A schema of an endpoint has no name in the sdk');
  return name;
}

/** Every schema, in the form of requests or of replies. */
export function componentSchemas(): Json {
  const requests = named.filter(([name]) => isRequest(name));
  const replies = named.filter(([name]) => !isRequest(name));
  const schemas = { ...convert(requests, 'input'), ...convert(replies, 'output') };
  for (const [name, schema] of Object.entries(schemas)) describeSchema(name, schema);
  return schemas;
}

function convert(entries: readonly [string, z.ZodObject][], io: 'input' | 'output'): Record<string, Json> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of entries) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, {
    io,
    uri: (id) => `#/components/schemas/${id}`,
    unrepresentable: 'any',
  });
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, tidied(schema)]));
}

/** The query parameters of an endpoint. */
export function queryProperties(schema: z.ZodObject): Json {
  const { properties = {} } = z.toJSONSchema(schema, { io: 'input' });
  return tidied(properties);
}

/**
 * Removes what only adds noise: JSON Schema's own identifier, bounds that only mean "a number", and the promise that no
 * fields will be added.
 */
function tidy(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(tidy);
  return typeof value === 'object' && value !== null ? tidied(value) : value;
}

function tidied(schema: object): Json {
  return Object.fromEntries(
    Object.entries(schema)
      .filter(([key, of]) => !isNoise(key, of))
      .map(([key, of]) => [key, tidy(of)]),
  );
}

/** Whether a schema says what the values of a record are. */
const isShape = (value: unknown) => typeof value === 'object' && value !== null && 'type' in value;

const isNoise = (key: string, value: unknown) =>
  ['$schema', '$id', 'propertyNames'].includes(key) ||
  (key === 'additionalProperties' && !isShape(value)) ||
  (['minimum', 'maximum'].includes(key) && Math.abs(Number(value)) === Number.MAX_SAFE_INTEGER);

/** Gives a schema and each of its properties, at any depth, a description. */
function describeSchema(name: string, schema: Json): void {
  schema.description ??= sentenceOf(name);
  describeProperties(name, schema);
}

function describeProperties(owner: string, schema: Json): void {
  // In JSON Schema, `properties` holds schemas.
  for (const [key, property] of Object.entries((schema.properties ?? {}) as Record<string, Json>)) {
    property.description ??= meaning(owner, key);
    const items = property.items as Json | undefined;
    if (items?.properties !== undefined) items.description = property.description;
    describeProperties(owner, property);
  }
  for (const part of partsOf(schema)) describeProperties(owner, part);
}

/** The schemas of a list's items, of a record's values, and of what may stand in place of each other, such as null. */
const partsOf = ({ items, additionalProperties, anyOf }: Json) =>
  [items, additionalProperties, ...((anyOf ?? []) as unknown[])].filter(
    (part): part is Json => typeof part === 'object' && part !== null,
  );

/** The meaning of a field. @throws Error when the glossary lacks it. */
export function meaning(owner: string, field: string): string {
  const text = glossary[`${owner}.${field}`] ?? glossary[field];
  if (text === undefined) throw new Error(`The glossary does not say what "${field}" of ${owner} means`);
  return text;
}

/** `TaskPickupResponse` → `Task pickup response.` */
const sentenceOf = (name: string) => {
  const words = name.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
};
