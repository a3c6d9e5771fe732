import type { Problem } from '@pinchwork/sdk/table';
import { typeOf, value as valueOf } from '@hyperjump/json-schema/instance/experimental';
import type { JsonNode } from '@hyperjump/json-schema/instance/experimental';
import type { Finding } from './findings.ts';

/** More would not help: the worker mends the first ones and tries again. */
export const mostProblems = 20;
const longestValue = 80;
const longestList = 400;
const longestMessage = 1_000;
const mostAlternatives = 6;

/** What an agent needs to know to mend a result that does not fit a schema, at most `mostProblems`. */
export function problemsOf(findings: readonly Finding[]): readonly Problem[] {
  const problems = new Map<string, Problem>();
  for (const problem of problemsIn(findings)) {
    if (problems.size === mostProblems) break;
    const message = sentence(problem.message);
    problems.set(`${problem.path} ${message}`, { path: problem.path, message });
  }
  return [...problems.values()];
}

function* problemsIn(findings: readonly Finding[]): Generator<Problem> {
  for (const finding of findings) {
    const { keyword, node, inner } = finding;
    const path = pointer(node);
    const describe = (rules as Readonly<Record<string, Rule | undefined>>)[keyword];
    if (describe !== undefined) yield { path, message: describe(finding) };
    else if (keyword === 'additionalProperties' || keyword === 'unevaluatedProperties') yield* unexpected(finding);
    else if (keyword === 'propertyNames') yield* names(finding);
    else for (const group of inner) yield* problemsIn(group);
  }
}

type Rule = (finding: Finding) => string;

const found = ({ node }: Finding) => show(valueOf<unknown>(node));
const textOf = ({ node }: Finding) => valueOf<string>(node);
const count = (n: unknown, noun: string, plural = `${noun}s`) => `${String(n)} ${n === 1 ? noun : plural}`;
const characters = (finding: Finding) => count(codePoints(textOf(finding)), 'character');
const items = ({ node }: Finding) => count(valueOf<unknown[]>(node).length, 'item');
const properties = ({ node }: Finding) => count(Object.keys(valueOf<object>(node)).length, 'property', 'properties');

/** A sentence for each keyword that is about the value itself. */
const rules = {
  type: (finding) => `must be ${typesOf(finding.value)}, but is ${kindOf(finding)}`,
  enum: (finding) => `must be one of ${list(finding.value as string[])}, but is ${found(finding)}`,
  const: (finding) => `must be ${cut(String(finding.value), longestList)}, but is ${found(finding)}`,
  minimum: (finding) => `must be at least ${String(finding.value)}, but is ${found(finding)}`,
  maximum: (finding) => `must be at most ${String(finding.value)}, but is ${found(finding)}`,
  exclusiveMinimum: (finding) => `must be more than ${String(finding.value)}, but is ${found(finding)}`,
  exclusiveMaximum: (finding) => `must be less than ${String(finding.value)}, but is ${found(finding)}`,
  multipleOf: (finding) => `must be a multiple of ${String(finding.value)}, but is ${found(finding)}`,
  minLength: (finding) => `must have at least ${count(finding.value, 'character')}, but has ${characters(finding)}`,
  maxLength: (finding) => `must have at most ${count(finding.value, 'character')}, but has ${characters(finding)}`,
  pattern: (finding) =>
    `must match the regular expression ${(finding.value as { source: string }).source}, but is ${found(finding)}`,
  format: (finding) => `must be ${formatOf(String(finding.value))}, but is ${found(finding)}`,
  minItems: (finding) => `must have at least ${count(finding.value, 'item')}, but has ${items(finding)}`,
  maxItems: (finding) => `must have at most ${count(finding.value, 'item')}, but has ${items(finding)}`,
  uniqueItems: (finding) => `must have no two equal items, but ${repeated(valueOf<unknown[]>(finding.node))}`,
  contains: (finding) => containsMessage(finding),
  minProperties: (finding) =>
    `must have at least ${count(finding.value, 'property', 'properties')}, but has ${properties(finding)}`,
  maxProperties: (finding) =>
    `must have at most ${count(finding.value, 'property', 'properties')}, but has ${properties(finding)}`,
  required: (finding) => requiredMessage(finding),
  dependentRequired: (finding) => dependentMessage(finding),
  anyOf: (finding) => alternatives(finding, 'at least one'),
  oneOf: (finding) => alternatives(finding, 'exactly one'),
  not: (finding) => `must not be what the schema forbids here (not), but is ${found(finding)}`,
  false: (finding) => `must not be there: the schema allows nothing here, but it is ${found(finding)}`,
} as const satisfies Readonly<Record<string, Rule>>;

const articles: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  object: 'an object',
  array: 'a list',
  null: 'null',
};

const typesOf = (types: unknown) =>
  [types]
    .flat()
    .map((type) => articles[String(type)] ?? String(type))
    .join(' or ');

function kindOf(finding: Finding): string {
  const type = typeOf(finding.node);
  if (type === 'null') return 'null';
  return `${type === 'boolean' ? 'a boolean' : (articles[type] ?? type)}: ${found(finding)}`;
}

/** Examples help more than names. */
const formats: Readonly<Record<string, string>> = {
  'date-time': 'a time such as "2026-01-31T13:45:00Z" (format date-time)',
  date: 'a date such as "2026-01-31" (format date)',
  time: 'a time of day such as "13:45:00Z" (format time)',
  duration: 'a duration such as "P1DT12H" (format duration)',
  email: 'an e-mail address (format email)',
  uri: 'a URI with its scheme, such as "https://example.com/a" (format uri)',
  uuid: 'a UUID such as "3b241101-e2bb-4255-8caf-4136c566a962" (format uuid)',
  ipv4: 'an IPv4 address such as "192.0.2.1" (format ipv4)',
  hostname: 'a host name such as "example.com" (format hostname)',
  regex: 'a regular expression of RE2 (format regex)',
};

const formatOf = (name: string) => formats[name] ?? `of the format ${name}`;

function requiredMessage({ value, node }: Finding): string {
  const object = valueOf<object>(node);
  const missing = (value as string[]).filter((name) => !Object.hasOwn(object, name));
  const there = Object.keys(object);
  const has = there.length === 0 ? 'none' : list(there.map((name) => JSON.stringify(name)));
  return `must have ${missing.length === 1 ? 'the property' : 'the properties'} ${quoted(missing)}, but has ${has}`;
}

function dependentMessage({ value, node }: Finding): string {
  const object = valueOf<object>(node);
  for (const [name, needed] of value as [string, string[]][]) {
    const missing = needed.filter((each) => !Object.hasOwn(object, each));
    if (Object.hasOwn(object, name) && missing.length > 0) {
      return `must have ${quoted(missing)} too, because it has ${JSON.stringify(name)}`;
    }
  }
  return 'must have further properties';
}

function containsMessage({ value, node, inner }: Finding): string {
  const { minContains, maxContains } = value as { minContains: number; maxContains: number };
  const matches = valueOf<unknown[]>(node).length - inner.length;
  const bound =
    matches < minContains ? `at least ${count(minContains, 'item')}` : `at most ${count(maxContains, 'item')}`;
  const why = matches < minContains ? firstOf(inner) : undefined;
  return `must have ${bound} of the kind that the schema asks for (contains), but has ${matches}${why === undefined ? '' : `; the first item ${why}`}`;
}

/** The first message of the first list. */
function firstOf([first]: Finding['inner']): string | undefined {
  return first === undefined ? undefined : problemsOf(first)[0]?.message;
}

function alternatives({ inner, node }: Finding, many: string): string {
  const base = pointer(node);
  if (inner.length === 0) return `must fit ${many} of the alternatives, but fits more of them`;
  const said = inner.slice(0, mostAlternatives).map((group, i) => {
    const reasons = problemsOf(group).slice(0, 2);
    return `(${i + 1}) ${reasons.map(({ path, message }) => `${path.slice(base.length)} ${message}`.trim()).join(', ')}`;
  });
  return `must fit ${many} of the alternatives; why it does not: ${said.join('; ')}`;
}

function* unexpected({ keyword, value, inner }: Finding): Generator<Problem> {
  for (const group of inner) {
    for (const problem of problemsIn(group))
      yield isForbidden(group) ? { ...problem, message: notAllowed(keyword, value) } : problem;
  }
}

const isForbidden = ([first, ...more]: readonly Finding[]) => first?.keyword === 'false' && more.length === 0;

function notAllowed(keyword: string, value: unknown): string {
  if (keyword !== 'additionalProperties') return 'is a property that the schema does not allow';
  const [{ names: allowed, patterns }] = value as [{ names: readonly string[]; patterns: readonly string[] }];
  const matching =
    patterns.length === 0
      ? []
      : [`names that match ${patterns.map((source) => cut(source, longestValue)).join(' or ')}`];
  const those = [...(allowed.length === 0 ? [] : [quoted(allowed)]), ...matching];
  return `is a property that the schema does not allow; allowed: ${those.length === 0 ? 'none' : those.join(', ')}`;
}

function* names({ node, inner }: Finding): Generator<Problem> {
  for (const group of inner) {
    for (const { message } of problemsIn(group))
      yield { path: pointer(node), message: `has a property whose name ${message}` };
  }
}

/** Says which items are equal, if the list is short enough to compare them once more. */
function repeated(all: readonly unknown[]): string {
  const seen = new Map<string, number>();
  for (const [i, item] of all.slice(0, 10_000).entries()) {
    const key = JSON.stringify(item);
    const before = seen.get(key);
    if (before !== undefined) return `items ${before} and ${i} are both ${show(item)}`;
    seen.set(key, i);
  }
  return 'some are equal';
}

/** The JSON Pointer of a value. A property's name has the pointer of the object, behind `*`. */
const pointer = (node: JsonNode) => node.pointer.replace(/^\*/, '');

const quoted = (names: readonly string[]) => list(names.map((name) => JSON.stringify(name)));

/** Values with commas, as many as fit. */
function list(values: readonly string[]): string {
  const shown: string[] = [];
  let length = 0;
  for (const value of values) {
    const short = cut(value, longestValue);
    if (shown.length > 0 && length + short.length > longestList)
      return `${shown.join(', ')} and ${values.length - shown.length} more`;
    shown.push(short);
    length += short.length;
  }
  return shown.join(', ');
}

/** A message on one line. Patterns and texts of strangers may hold line breaks. */
export const sentence = (text: string) => cut(text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' '), longestMessage);

/** A value as JSON, shortened. */
function show(value: unknown): string {
  if (typeof value === 'string' && value.length > longestValue)
    return cut(JSON.stringify(value.slice(0, longestValue)), longestValue);
  return cut(JSON.stringify(value), longestValue);
}

const cut = (text: string, most: number) => (text.length <= most ? text : `${text.slice(0, most)}…`.toWellFormed());

/** How many characters a text has, as schemas and `min_length` count them. */
export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}
