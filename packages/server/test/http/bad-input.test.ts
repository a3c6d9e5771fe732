import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { sqlite } from '../support/engines.ts';
import { expectError } from '../support/errors.ts';
import { type Field, fieldsOf } from '../support/fields.ts';
import { Market } from '../support/market.ts';
import { assemble, type Cast, exampleNames, examples, send, sendJson, type Target } from '../support/requests.ts';
import { readTables, type Tables } from '../support/tables.ts';

type BadBody = readonly [title: string, payload: string | Buffer];

const bytes = (...values: number[]) => Buffer.from(values);

const badJson: BadBody[] = [
  ['a list', '[]'],
  ['a list of objects', '[{"need": "x"}]'],
  ['a text', '"x"'],
  ['a number', '5'],
  ['null', 'null'],
  ['Markdown', '---\nneed: x\n---\n'],
  ['words', 'do it'],
  ['a lone comma', ','],
  ['the beginning of a list', '['],
];

/** Starts with `{`, so that it is JSON under every type but text/markdown and, where it can't be read, text/plain. */
const badObjects: BadBody[] = [
  ['a lone brace', '{'],
  ['an object cut short', '{"need": "x"'],
  ['a comma too many', '{"need": "x",}'],
  ['single quotes', `{'need': 'x'}`],
  ['names without quotes', '{need: "x"}'],
  ['two objects', '{"need": "x"} {"need": "y"}'],
  ['NaN', '{"need": "x", "max_credits": NaN}'],
  ['a line break in a text', '{"need": "a\nb"}'],
  ['a comment', '{"need": "x" /* it */}'],
  ['a character cut in half by the message', '{"need": 😀}'],
];

const badBytes: BadBody[] = [
  ['a byte that UTF-8 does not know', bytes(0x61, 0xff)],
  ['a character cut short', bytes(0x61, 0xe2, 0x82)],
  ['an overlong NUL', bytes(0x61, 0xc0, 0x80)],
  ['a surrogate in UTF-8', bytes(0x61, 0xed, 0xa0, 0x80)],
  ['a code point beyond the last', bytes(0x61, 0xf4, 0x90, 0x80, 0x80)],
  ['UTF-16', Buffer.from('\ufeff{"need": "x"}', 'utf16le')],
  ['gzip', bytes(0x1f, 0x8b, 0x08, 0x00)],
  ['bad UTF-8 in a JSON text', Buffer.concat([Buffer.from('{"need": "'), bytes(0xff), Buffer.from('"}')])],
  ['a NUL character', 'a\0b'],
  ['a NUL character in a JSON text', '{"need": "a\0b"}'],
  ['a NUL character in front matter', '---\nneed: "a\0b"\n---\n'],
];

const laughs = 'abcdefghi'.split('').map((name, i, names) => {
  const earlier = Array<string>(9)
    .fill(`*${names[i - 1]}`)
    .join(', ');
  return `${name}: &${name} [${i === 0 ? 'ha' : earlier}]`;
});

const badFrontMatter: BadBody[] = [
  ['a list', '- need'],
  ['a text', 'need'],
  ['a number', '5'],
  ['an alias', 'context: &a x\nneed: *a'],
  ['an alias in an unknown field', 'x: {a: &a 1, b: *a}'],
  ['an alias of nothing', 'need: *a'],
  ['a billion laughs', laughs.join('\n')],
  ['a merge key with an alias', 'a: &a {need: x}\n<<: *a'],
  ['a tag that would run code', 'need: !!js/function "function () {}"'],
  ['a tag that would make an object', 'need: !!python/object/apply:os.system [ls]'],
  ['a tag of somebody else', 'need: !foo x'],
  ['a binary tag', 'need: !!binary aGk='],
  ['a tag of the core schema', 'need: !!str 123'],
  ['a tag on a list', 'tags: !!seq [a]'],
  ['a tag on the whole', '!!map {need: x}'],
  ['a tag in an unknown field', 'x: {y: !!set {a}}'],
  ['a key twice', 'need: x\nneed: y'],
  ['an unknown key twice', 'x: 1\nx: 2'],
  ['__proto__', '__proto__: {need: x}'],
  ['__proto__ in quotes', '"__proto__": 1'],
  ['a quote that does not end', 'need: "x'],
  ['a list that does not end', 'tags: [a'],
  ['a mapping that does not end', '{need: x'],
  ['a mapping in a line', 'need: x: y'],
  ['a tab as indentation', 'x:\n\ty: 1'],
  ['a reserved character', 'need: @x'],
  ['an escape that is none', 'need: "\\q"'],
  ['two documents', 'need: x\n...\nneed: y'],
  ['100,000 lists in each other', `x: ${'['.repeat(100_000)}`],
  ['2,400 lists in each other', `x: ${'['.repeat(2_400)}${']'.repeat(2_400)}`],
  ['2,400 lists in each other, in block style', `${'- '.repeat(2_400)}x`],
  ['1,300 mappings in each other', Array.from({ length: 1_300 }, (_, i) => `${' '.repeat(i)}x:`).join('\n')],
  ['a megabyte of keys', Array.from({ length: 100_000 }, (_, i) => `k${i}: 1`).join('\n')],
  ['more than a megabyte', `x: ${'x'.repeat(1024 * 1024)}`],
];

const asFrontMatter = ([title, yaml]: BadBody): BadBody => [title, `---\n${String(yaml)}\n---\nthe text below`];

/** Values that a field of this kind does not take, as JSON has them. */
function badValues(field: Field): string[] {
  const others = ['[]', '["a"]', '{}', '{"a": 1}', '[[]]'];
  switch (field.kind) {
    case 'text': {
      const tooLong = [field.make(field.max + 1), 'é'.repeat(field.max + 1)].map((each) => JSON.stringify(each));
      const tooShort = field.min > 0 ? ['""'] : [];
      return [
        '5',
        'true',
        '"a\\u0000b"',
        '"a\\ud800b"',
        '"\\udc00"',
        '"\\ude00\\ud83d"',
        ...others,
        ...tooLong,
        ...tooShort,
      ];
    }
    case 'integer':
      return [
        ...[field.min - 1, -1, 1.5, 1e21, -1e21].map(String),
        ...['-0', '-0.0', '1e400', '-1e400', '9223372036854775808', '18446744073709551616', '1e-400'],
        field.max === Number.MAX_SAFE_INTEGER ? '9007199254740992' : String(field.max + 1),
        ...['true', 'false', '"5"', '""', ...others],
      ];
    case 'flag':
      return ['0', '1', '"true"', '"yes"', '""', ...others];
    case 'tags':
      return [
        ...[
          '5',
          'true',
          '{}',
          '[5]',
          '[null]',
          '[["a"]]',
          '[""]',
          '["a b"]',
          '[" a"]',
          '["a.b"]',
          '["a,b"]',
          '["a/b"]',
        ],
        ...['["\\u0000"]', '["\\ud800"]', '"a b"', '"a\\u0000"', '["😀"]', '["a\\n"]'],
        ...['x'.repeat(51), '𝒜'.repeat(51)].map((tag) => JSON.stringify([tag])),
        JSON.stringify(Array.from({ length: 11 }, (_, i) => `t${i}`)),
        JSON.stringify(Array.from({ length: 11 }, (_, i) => `t${i}`).join(',')),
      ];
  }
}

/** Values that only YAML can write, and those that it writes in its own way. */
function badYaml(field: Field): string[] {
  switch (field.kind) {
    case 'text':
      return ['[a, b]', '{a: b}', '"\\0"', '"\\ud800"'];
    case 'integer':
      return [
        '.nan',
        '.inf',
        '-.inf',
        '1e400',
        '9223372036854775808',
        '-0',
        '1.5',
        '"5"',
        'five',
        'true',
        '[1]',
        '1_0',
        '0b1',
      ];
    case 'flag':
      return ['yes', 'on', '1', '"true"', '[true]'];
    case 'tags':
      return ['[a b]', '[[a]]', '[{a: b}]', '[~]', '1.5', '{a: b}', '"a\\0"'];
  }
}

let cast: Cast;
let market: Market;
beforeAll(async () => {
  market = await Market.open(await sqlite.freshUrl(), { PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true' });
  cast = await assemble(market);
});
afterAll(() => market.close());

describe.each(exampleNames)('%s changes nothing and answers 400 to', (name) => {
  const fields = Object.entries(fieldsOf[name]);
  let to: Target;
  let good: Readonly<Record<string, unknown>>;
  let before: Tables;
  beforeAll(async () => {
    to = await examples[name].aim(cast);
    good = examples[name].body(cast);
    before = await readTables(market.url);
  });
  afterEach(async () => expect(await readTables(market.url)).toEqual(before));

  /** The good body with one field replaced by a value in JSON's own writing. */
  const replaced = (field: string, json: string) =>
    `{${[...Object.entries(good).filter(([key]) => key !== field), [field, undefined] as const]
      .map(([key, value]) => `${JSON.stringify(key)}: ${value === undefined ? json : JSON.stringify(value)}`)
      .join(', ')}}`;

  it.each(badJson)('%s as application/json', async (_, payload) => {
    expectError(await send(market, to, payload, 'application/json'), 400);
  });

  it.each(badObjects)('%s, where an object is due', async (_, payload) => {
    for (const type of ['application/json', 'application/x-www-form-urlencoded', undefined]) {
      expect(expectError(await send(market, to, payload, type), 400)).toContain('not valid JSON');
    }
  });

  it.each(badBytes)('%s', async (_, payload) => {
    for (const type of ['application/json', 'text/plain', 'text/markdown', undefined]) {
      expectError(await send(market, to, payload, type), 400);
    }
  });

  it('__proto__ as a field', async () => {
    for (const type of ['application/json', 'text/plain', undefined]) {
      const payload = replaced('__proto__', '{"need": "x"}');
      expect(expectError(await send(market, to, payload, type), 400)).toContain('__proto__');
    }
  });

  it.each(badFrontMatter.map(asFrontMatter))('front matter with %s', async (_, payload) => {
    expect(expectError(await send(market, to, payload, 'text/markdown'), 400)).toMatch(/front matter|field/);
  });

  it.each(fields)('wrong values of %s', async (field, rule) => {
    for (const json of badValues(rule)) {
      const error = expectError(await send(market, to, replaced(field, json), 'application/json'), 400);
      expect(error).toContain(`${field}`);
      if (rule.kind === 'integer') expect(error).toContain('integer');
    }
  });

  it.each(fields)('wrong values of %s in front matter', async (field, rule) => {
    const { [field]: _, ...others } = good;
    const rest = Object.entries(others).map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`);
    for (const yaml of badYaml(rule)) {
      const payload = `---\n${rest.join('')}${field}: ${yaml}\n---\n`;
      expect(expectError(await send(market, to, payload, 'text/markdown'), 400)).toContain(field);
    }
  });

  it.each(fields.filter(([, { kind }]) => kind === 'text' || kind === 'tags'))('100,000 lists in %s', async (field) => {
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    expectError(await send(market, to, replaced(field, deep), 'application/json'), 400);
  });
});

describe.each(exampleNames)('%s', (name) => {
  it('ignores fields that it does not know, whatever is in them', async () => {
    const { aim, body } = examples[name];
    const to = await aim(cast);
    const odd =
      '"constructor": 1, "toString": [2], "hasOwnProperty": {}, "": 3, "x": {"__proto__": 4}, "y": "\\u0000\\ud800"';
    const deep = `"z": ${'[{"a": '.repeat(50_000)}1${'}]'.repeat(50_000)}`;
    const payload = `${JSON.stringify(body(cast)).replace(/}$/, '')}${Object.keys(body(cast)).length > 0 ? ', ' : ''}${odd}, ${deep}}`;
    const { status, text } = await send(market, to, payload, 'application/json');
    expect(status, text).toBeLessThan(300);
  });

  it('ignores front matter that it does not know', async () => {
    const { aim, body } = examples[name];
    const to = await aim(cast);
    const fields = Object.entries(body(cast)).map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`);
    const odd =
      'constructor: 1\ntoString: [2]\nvalueOf: ~\n<<: {need: merged}\n? [a, b]\n: c\n? {a: b}\n: d\n5: e\n"": f\n';
    const { status, text } = await send(market, to, `---\n${fields.join('')}${odd}---\n`, 'text/markdown');
    expect(status, text).toBeLessThan(300);
  });
});

describe('an error about a body', () => {
  it('names every wrong field once', async () => {
    const to = await examples.createTask.aim(cast);
    const reply = await sendJson(market, to, { need: 5, max_credits: 2 ** 63, wait: 'long' });
    expect(expectError(reply, 400).match(/\w+:/g)).toEqual(['need:', 'max_credits:', 'wait:']);
  });

  it('says that a required field is missing, left out or null', async () => {
    const to = await examples.createTask.aim(cast);
    for (const body of [{}, { need: null }]) {
      expect(expectError(await sendJson(market, to, body), 400)).toBe('need: is required');
    }
  });
});
