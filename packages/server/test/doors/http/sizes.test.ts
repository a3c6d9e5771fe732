import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { endpoints } from '@pinchwork/sdk/table';
import { sqlite } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { everyField, type Field, fieldsOf } from '../../support/fields.ts';
import { Market } from '../../support/market.ts';
import { assemble, type Cast, type ExampleName, examples, send, sendJson } from '../../support/requests.ts';

const bodyLimit = endpoints.createTask.bodyBytes;
const frontMatterLimit = 512 * 1024;

let cast: Cast;
let market: Market;
beforeAll(async () => {
  market = await Market.open(await sqlite.marketUrl(), { PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true' });
  cast = await assemble(market);
  // Ends all waits: a request with `wait` is answered at once.
  market.ctx.watch.close();
});
afterAll(() => market.close());

/** The smallest and the largest value that a field takes. */
function extremes(field: Field): unknown[] {
  switch (field.kind) {
    case 'text':
      return [field.make(field.min), field.make(field.max), field.make(field.max).replace(/😀/g, 'é')];
    case 'integer':
      return [field.min, field.max];
    case 'flag':
      return [false, true];
    case 'tags':
      return [[], '', tagsOf(10), tagsOf(10).join(' , ')];
  }
}

/** Different tags of 50 letters of two UTF-16 units each, as long as they may be. */
const tagsOf = (count: number) => Array.from({ length: count }, (_, i) => `${i}`.padEnd(49 * 2 + 1, '𝒜'));

async function expectTaken(name: ExampleName, payload: string, contentType: string): Promise<void> {
  const { status, text } = await send(market, await examples[name].aim(cast), payload, contentType);
  expect(status, text.slice(0, 500)).toBeLessThan(300);
}

describe('a value at its limit is taken', () => {
  it.each(everyField)('$endpoint: $name', async ({ endpoint, name, field }) => {
    for (const value of extremes(field)) {
      const body = JSON.stringify({ ...examples[endpoint].body(cast), [name]: value });
      await expectTaken(endpoint, body, 'application/json');
    }
  });

  it('a decimal that is whole counts as an integer', async () => {
    await expectTaken('createTask', '{"need": "x", "max_credits": 5.0}', 'application/json');
    await expectTaken('createTask', '{"need": "x", "max_credits": 1e2}', 'application/json');
    await expectTaken('createTask', '---\nmax_credits: 0x1F\n---\nx', 'text/markdown');
  });

  it('a claim of more credits than the task has is capped', async () => {
    const to = await examples.deliver.aim(cast);
    const { body } = await sendJson(market, to, { result: 'x', credits_claimed: Number.MAX_SAFE_INTEGER });
    expect(body).toMatchObject({ max_credits: 50, credits_charged: 50 });
  });
});

/** The fields that go below front matter, where they may be longer than a megabyte. */
const mainFields: Partial<Record<ExampleName, string>> = { createTask: 'need', deliver: 'result', reject: 'reason' };

/** Every character as `\u` and four digits: the longest writing that JSON has. */
const escaped = (value: unknown) =>
  JSON.stringify(value).replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

describe.each(Object.keys(fieldsOf) as ExampleName[])('the longest legal %s, every field at once, is taken', (name) => {
  const longest = () => ({
    ...examples[name].body(cast),
    ...Object.fromEntries(Object.entries(fieldsOf[name]).map(([field, rule]) => [field, extremes(rule)[1]])),
    ...('tags' in fieldsOf[name] ? { tags: tagsOf(10) } : {}),
  });

  it('as JSON', () => expectTaken(name, JSON.stringify(longest()), 'application/json'));
  it('as JSON with every character escaped', () => expectTaken(name, escaped(longest()), 'application/json'));
  it('as JSON without a content type that says so', () => expectTaken(name, escaped(longest()), 'text/plain'));

  it('as text below front matter', async () => {
    const { [mainFields[name] ?? '']: below = '', ...fields } = longest() as Record<string, unknown>;
    if (Object.keys(fields).length === 0 && below === '') return;
    const yaml = Object.entries(fields).map(([field, value]) => `${field}: ${JSON.stringify(value)}\n`);
    await expectTaken(name, `---\n${yaml.join('')}---\n${String(below)}`, 'text/markdown');
  });
});

describe('the limit of a body', () => {
  const padded = (body: object, bytes: number) => JSON.stringify(body).padEnd(bytes, ' ');

  it('lets a body of exactly its bytes through', async () => {
    await expectTaken('createTask', padded({ need: 'x' }, bodyLimit), 'application/json');
  });

  it.each(['application/json', 'text/markdown', undefined])('answers 413 to one byte more, as %s', async (type) => {
    const to = await examples.createTask.aim(cast);
    expectError(await send(market, to, padded({ need: 'x' }, bodyLimit + 1), type), 413);
  });
});

describe('the limit of front matter', () => {
  const ofBytes = (bytes: number) => `---\nmax_credits: 9\nx: ${'x'.repeat(bytes - 18)}\n---\nneed`;

  it('lets 512 KiB through', () => expectTaken('createTask', ofBytes(frontMatterLimit), 'text/markdown'));

  it('answers 400 to one byte more, and says where long texts go', async () => {
    const reply = await send(market, await examples.createTask.aim(cast), ofBytes(frontMatterLimit + 1));
    expectError(reply, 400);
    expect(reply.body.hint).toBe('Put the long text below the front matter.');
  });

  it.each([
    ['a block', `|\n${'  x\n'.repeat(50_000)}`],
    ['a folded block', `>\n${'  xx\n'.repeat(33_000)}`],
    ['plain lines', `${'x\n '.repeat(33_000)}x`],
    ['quoted lines', `"${'x\n '.repeat(33_000)}"`],
    ['half of it as escapes', `"${'\\U0001F600'.repeat(50_000)}"`],
  ])('lets the longest context through as %s', async (_, yaml) => {
    await expectTaken('createTask', `---\ncontext: ${yaml}\n---\nneed`, 'text/markdown');
  });
});
