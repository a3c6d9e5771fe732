import { expect, it } from 'vitest';
import { CheckThread } from '../../../src/rules/acceptance/check-thread.ts';
import { Checks } from '../../../src/rules/acceptance/checks.ts';
import { Share } from '../../../src/rules/limits/share.ts';
import { keptChecks } from '../../support/kept-checks.ts';

const check = (acceptance: object, result: string) => keptChecks.check('ag-1', JSON.stringify(acceptance), result);
const compile = (acceptance: object) => keptChecks.compile('ag-1', JSON.stringify(acceptance));

/** A schema, a value that does not fit it, and what the agent is told. */
const told: readonly (readonly [schema: object | boolean, value: unknown, ...problems: readonly [string, string][]])[] =
  [
    [{ type: ['string', 'null'] }, [1], ['', 'must be a text or null, but is a list: [1]']],
    [{ const: { a: 1 } }, 'x', ['', 'must be {"a":1}, but is "x"']],
    [
      { minimum: 1, multipleOf: 2 },
      -3,
      ['', 'must be at least 1, but is -3'],
      ['', 'must be a multiple of 2, but is -3'],
    ],
    [{ minLength: 3 }, '𝒳', ['', 'must have at least 3 characters, but has 1 character']],
    [
      { properties: { when: { format: 'date' } } },
      { when: 'soon' },
      ['/when', 'must be a date such as "2026-01-31" (format date), but is "soon"'],
    ],
    [{ items: { pattern: '^a+$' } }, ['aa', 'b'], ['/1', 'must match the regular expression ^a+$, but is "b"']],
    [{ uniqueItems: true }, [1, 2, 1], ['', 'must have no two equal items, but items 0 and 2 are both 1']],
    [{ required: ['a', 'b'] }, { b: 1 }, ['', 'must have the property "a", but has "b"']],
    [{ dependentRequired: { a: ['b'] } }, { a: 1 }, ['', 'must have "b" too, because it has "a"']],
    [
      { properties: { a: true }, patternProperties: { '^x-': true }, additionalProperties: false },
      { 'b/c': 1 },
      ['/b~1c', 'is a property that the schema does not allow; allowed: "a", names that match ^x-'],
    ],
    [
      { propertyNames: { maxLength: 1 } },
      { ab: 1 },
      ['', 'has a property whose name must have at most 1 character, but has 2 characters'],
    ],
    [
      { anyOf: [{ type: 'string' }, { properties: { n: { type: 'integer' } } }] },
      { n: 'x' },
      [
        '',
        'must fit at least one of the alternatives; why it does not: (1) must be a text, but is an object: {"n":"x"}; (2) /n must be a whole number, but is a text: "x"',
      ],
    ],
    [{ oneOf: [true, { type: 'number' }] }, 1, ['', 'must fit exactly one of the alternatives, but fits more of them']],
    [
      { contains: { type: 'integer' } },
      ['a'],
      [
        '',
        'must have at least 1 item of the kind that the schema asks for (contains), but has 0; the first item must be a whole number, but is a text: "a"',
      ],
    ],
    [
      { $defs: { n: { type: 'number' } }, items: { $ref: '#/$defs/n' } },
      [1, 'x'],
      ['/1', 'must be a number, but is a text: "x"'],
    ],
    [false, 1, ['', 'must not be there: the schema allows nothing here, but it is 1']],
  ];

it.each(told)('what does not fit %j is said so that it can be mended', async (schema, value, ...problems) => {
  expect(await check({ schema }, JSON.stringify(value))).toEqual(
    (problems as [string, string][]).map(([path, message]) => ({ path, message })),
  );
});

it('lengths, formats and patterns of the whole text are checked', async () => {
  const acceptance = { min_length: 5, max_length: 6, must_match: ['(?i)yes'], must_not_match: ['\\bno\\b'] };
  expect(await check(acceptance, 'Yes, 𝒳')).toEqual([]);
  const messages = (await check(acceptance, 'no')).map(({ message }) => message);
  expect(messages).toEqual([
    'must be at least 5 characters long (min_length), but has 2',
    'must contain a match of the regular expression (?i)yes (must_match), but has none',
    'must not contain a match of the regular expression \\bno\\b (must_not_match), but has one',
  ]);
  const [fenced] = await check({ format: 'json' }, '```json\n{}\n```');
  expect(fenced?.message).toMatch(/^must be JSON and nothing else; leave out the code fence \(/);
});

it('at most twenty problems are told, each once and on one line', async () => {
  const problems = await check({ schema: { items: { pattern: '^\n$' } } }, JSON.stringify(Array(30).fill('x')));
  expect(problems).toHaveLength(20);
  for (const { message } of problems) expect(message).not.toMatch(/\n/);
});

it.each([
  [{ schema: { properties: { a: { type: 'strin' } } } }, 'acceptance/schema/properties/a/type: must fit'],
  [{ schema: { items: { pattern: '(?=a)' } } }, 'acceptance/schema/items/pattern: must be'],
  [{ schema: { items: { $ref: '#/$defs/no' } } }, 'acceptance/schema/items/$ref: "#/$defs/no" leads to no schema'],
  [{ schema: { $ref: 'https://example.com/schema' } }, 'acceptance/schema/$ref: "https://example.com/schema" leads'],
  [{ schema: { $ref: 'file:///etc/passwd' } }, 'acceptance/schema/$ref: "file:///etc/passwd" leads to no schema'],
  [{ schema: { $schema: 'http://json-schema.org/draft-07/schema#' } }, 'acceptance/schema/$schema: must be'],
  [
    { schema: { $id: 'https://json-schema.org/draft/2020-12/schema', $vocabulary: {} } },
    'acceptance/schema/$vocabulary',
  ],
  [{ must_match: ['a', '(a'] }, 'acceptance/must_match/1: is not a regular expression of RE2: missing closing )'],
  [{ must_not_match: ['a{0,2000}'] }, 'acceptance/must_not_match/0: is not a regular expression of RE2'],
])('what can not be compiled is refused, and the error says where: %j', async (acceptance, error) => {
  await expect(compile(acceptance)).rejects.toThrow(error);
});

const nested = (depth: number) => {
  let schema: object = {};
  for (let i = 0; i < depth; i++) schema = { allOf: [schema] };
  return schema;
};
const doubling = () => {
  const $defs: Record<string, object> = { n60: { type: 'string' } };
  for (let i = 0; i < 60; i++)
    $defs[`n${i}`] = { anyOf: [{ $ref: `#/$defs/n${i + 1}` }, { $ref: `#/$defs/n${i + 1}` }] };
  return { $defs, $ref: '#/$defs/n0' };
};
const manyItems = JSON.stringify(Array.from({ length: 100_000 }, (_, i) => i % 90_000));

/** What a stranger may write so that a check never ends, and how it is refused when the task is posted, if it is. */
const hostile: Readonly<Record<string, readonly [acceptance: object, result: string, refusal?: string]>> = {
  'a pattern that backtracks exponentially': [{ must_match: ['^(a+)+$'] }, `${'a'.repeat(100_000)}b`],
  'a large pattern over a long text': [{ must_match: ['(.{1,90}x){1,10}y'] }, 'ax'.repeat(200_000)],
  '1,600 levels of allOf': [{ schema: nested(1_600) }, '1', 'nested too deeply'],
  'a schema that is itself': [{ schema: { $ref: '#' } }, '1'],
  'a reference to itself': [{ schema: { $ref: '#/$ref' } }, '1', 'leads to no schema'],
  'alternatives that double at each level': [{ schema: doubling() }, '1'],
  'a long enum over many items': [
    { schema: { items: { enum: Array.from({ length: 4_000 }, (_, i) => i) } } },
    manyItems,
  ],
  'uniqueItems over 100,000 items': [{ schema: { uniqueItems: true } }, manyItems],
  'a result of 200,000 levels': [{ schema: { items: {} } }, '['.repeat(200_000) + ']'.repeat(200_000)],
};

it.each(Object.entries(hostile))('%s ends, and the next check is made', async (_, [acceptance, result, refusal]) => {
  const compiled = compile(acceptance);
  if (refusal === undefined) {
    await compiled;
    expect(await check(acceptance, result)).toHaveLength(1);
  } else await expect(compiled).rejects.toThrow(refusal);
  expect(await check({ schema: { type: 'object' } }, '{}')).toEqual([]);
});

it('who waits too long for a turn is told that the server is busy, and passes the turn on', async () => {
  const turns = new Share({ most: 1, mostWaiting: 10 });
  const checks = new Checks(turns, { warn: () => undefined }, { waitMs: 5 });
  const turn = await turns.wait('ag-2');
  await expect(checks.check('ag-1', '{}', 'x')).rejects.toMatchObject({ code: 'overloaded' });
  turn.release();
  await Promise.resolve();
  expect(turns.used).toBe(0);
  await checks.close();
});

it('a check looks at its time after each pattern, and ends without its thread', async () => {
  const thread = new CheckThread();
  const acceptance = JSON.stringify({ must_match: ['a'], must_not_match: ['b'] });
  expect(await thread.run({ acceptance, result: 'a', cpuMs: -1 })).toEqual({ late: true });
  expect(thread.isOver).toBe(false);
  expect(await thread.run({ acceptance, result: 'a', cpuMs: 60_000 })).toEqual({ problems: [] });
  await thread.end();
});
