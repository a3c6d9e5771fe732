import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { endpoints } from '@pinchwork/sdk/table';
import { sqlite } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { badBytes, badFrontMatter, badJson, badObjects } from '../../support/bad-bodies.ts';
import { badValues, badYaml } from '../../support/bad-values.ts';
import { fieldsOf } from '../../support/fields.ts';
import { Market } from '../../support/market.ts';
import { assemble, type Cast, exampleNames, examples, send, sendJson, type Target } from '../../support/requests.ts';
import { ChangeWatch, readTables, type Tables } from '../../support/tables.ts';

let cast: Cast;
let market: Market;
let watch: ChangeWatch;
beforeAll(async () => {
  market = await Market.open(await sqlite.marketUrl(), { PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true' });
  watch = new ChangeWatch(market.url);
  cast = await assemble(market);
});
afterAll(() => {
  watch.close();
  return market.close();
});

describe.each(exampleNames)('%s changes nothing and answers 400 to', (name) => {
  const fields = Object.entries(fieldsOf[name]);
  let to: Target;
  let good: Readonly<Record<string, unknown>>;
  let before: Tables;
  let version: number;
  beforeAll(async () => {
    to = await examples[name].aim(cast);
    good = examples[name].body(cast);
    before = await readTables(market.url);
    ({ version } = watch);
  });
  afterEach(async () => {
    if (watch.version === version) return;
    ({ version } = watch);
    const expected = before;
    before = await readTables(market.url);
    expect(before).toEqual(expected);
  });

  /** The good body with one field replaced by a raw JSON value. */
  const replaced = (field: string, json: string) =>
    `{${[...Object.entries(good).filter(([key]) => key !== field), [field, undefined] as const]
      .map(([key, value]) => `${JSON.stringify(key)}: ${value === undefined ? json : JSON.stringify(value)}`)
      .join(', ')}}`;

  it.each(badJson)('%s as application/json', async (_, payload) => {
    // A number alone is the rating of an approval.
    const isRating = name === 'approve' && payload === '5';
    expectError(await send(market, to, isRating ? '6' : payload, 'application/json'), 400);
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

  it.each(badFrontMatter)('front matter with %s', async (_, yaml) => {
    const [known] = Object.keys(good);
    const ours = known === undefined ? '' : `${known}: ${JSON.stringify(good[known])}\n`;
    const payload = `---\n${ours}${String(yaml)}\n---\nthe text below`;
    const isLong = Buffer.byteLength(payload) > endpoints[name].bodyBytes;
    expectError(await send(market, to, payload, 'text/markdown'), isLong ? 413 : 400);
  });

  it.each(fields)('wrong values of %s', async (field, rule) => {
    for (const json of badValues(rule)) {
      const error = expectError(await send(market, to, replaced(field, json), 'application/json'), 400);
      expect(error).toContain(field);
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

  it.each(fields.filter(([, { kind }]) => kind === 'text' || kind === 'tags'))('20,000 lists in %s', async (field) => {
    const deep = '['.repeat(20_000) + ']'.repeat(20_000);
    expectError(await send(market, to, replaced(field, deep), 'application/json'), 400);
  });
});

describe.each(exampleNames)('%s', (name) => {
  it('ignores fields that it does not know, whatever is in them', async () => {
    const { aim, body } = examples[name];
    const to = await aim(cast);
    const odd =
      '"constructor": 1, "toString": [2], "hasOwnProperty": {}, "": 3, "x": {"__proto__": 4}, "y": "\\u0000\\ud800"';
    const deep = `"z": ${'[{"a": '.repeat(15)}1${'}]'.repeat(15)}`;
    const payload = `${JSON.stringify(body(cast)).replace(/}$/, '')}${Object.keys(body(cast)).length > 0 ? ', ' : ''}${odd}, ${deep}}`;
    const { status, text } = await send(market, to, payload, 'application/json');
    expect(status, text).toBeLessThan(300);
  });

  it('ignores front matter that it does not know', async () => {
    const { aim, body } = examples[name];
    const to = await aim(cast);
    // Front matter that names no field of the endpoint counts as text.
    if (Object.keys(body(cast)).length === 0) return;
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

  it('is one, however many things are wrong', async () => {
    const to = await examples.createTask.aim(cast);
    const tags = `[${'1,'.repeat(9_000)}1]`;
    expect(expectError(await send(market, to, `{"need": "x", "tags": ${tags}}`), 400)).toMatch(/^tags: [^;]*$/);
    const wrong = Object.fromEntries(Object.keys(fieldsOf.createTask).map((field) => [field, {}]));
    expect(expectError(await sendJson(market, to, wrong), 400).split('; ')).toHaveLength(5);
  });
});
