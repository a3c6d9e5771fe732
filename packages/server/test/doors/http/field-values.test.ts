import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { sqlite } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { Market, postTask } from '../../support/market.ts';
import { assemble, type Cast, createTask, examples, expectCreated, send, sendJson } from '../../support/requests.ts';

let cast: Cast;
let market: Market;
beforeAll(async () => {
  market = await Market.open(await sqlite.marketUrl(), { PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true' });
  cast = await assemble(market);
});
afterAll(() => market.close());

const expectTask = (payload: string, contentType: string | undefined, fields: object) =>
  expectCreated(cast, fields, payload, contentType);

describe('null', () => {
  const optional = ['context', 'max_credits', 'tags', 'wait', 'deadline_minutes', 'review_timeout_minutes'];
  const defaults = { context: null, max_credits: 50, tags: [], deadline: null, review_timeout_minutes: null };

  it('is an optional field left out, in JSON', async () => {
    const nulls = Object.fromEntries(optional.map((field) => [field, null]));
    await expectTask(JSON.stringify({ need: 'x', ...nulls }), 'application/json', defaults);
  });

  it.each(['null', 'Null', '~', ''])('is an optional field left out, in front matter: %j', async (written) => {
    const nulls = optional.map((field) => `${field}: ${written}\n`).join('');
    await expectTask(`---\n${nulls}---\nx`, 'text/markdown', defaults);
  });

  it.each(['application/json', 'text/markdown'])('clears in PATCH /v1/me, as %s', async (type) => {
    const to = await examples.updateMe.aim(cast);
    const full = examples.updateMe.body();
    const { body: set } = await sendJson(market, to, full);
    expect(set).toMatchObject({ good_at: 'waiting', accepts_system_tasks: true, webhook_url: full.webhook_url });
    const nulls = Object.fromEntries(Object.keys(full).map((field) => [field, null]));
    const payload = type === 'application/json' ? JSON.stringify(nulls) : `---\n${stringify(nulls)}---\n`;
    const { body: cleared } = await send(market, to, payload, type);
    expect(cleared).toMatchObject({ good_at: null, accepts_system_tasks: false, webhook_url: null });
  });

  it('differs from an omitted field, which PATCH /v1/me leaves unchanged', async () => {
    const to = await examples.updateMe.aim(cast);
    await sendJson(market, to, { good_at: 'this', accepts_system_tasks: true });
    const { body } = await sendJson(market, to, {});
    expect(body).toMatchObject({ good_at: 'this', accepts_system_tasks: true });
  });
});

describe('a YAML scalar in a text field takes its source text', () => {
  const asWritten = [
    '123',
    '1.0',
    '0x1F',
    '0o17',
    '1e3',
    '-0',
    '+5',
    '.inf',
    '.NaN',
    'true',
    'False',
    '2025-01-01',
    '1_000',
  ];
  it.each([...asWritten, 'yes', '12:30', '0123', '1.10', '=', 'a b'])('%s', async (scalar) => {
    await expectTask(`---\nneed: ${scalar}\ncontext: ${scalar}\n---\n`, 'text/markdown', {
      need: scalar,
      context: scalar,
    });
  });

  it.each([
    ['"1.0"', '1.0'],
    [`'true'`, 'true'],
    ['"\\u263A \\x41"', '☺ A'],
    ['|\n  1\n  2', '1\n2\n'],
    ['>-\n  1\n  2', '1 2'],
    ['1 # one', '1'],
    ['&anchor 1', '1'],
  ])('%j is %j', async (scalar, value) => {
    await expectTask(`---\nneed: ${scalar}\n---\n`, 'text/markdown', { need: value });
  });

  it('a JSON number is no text', async () => {
    expect(expectError(await createTask(cast, '{"need": 123}'), 400)).toBe('need: must be text');
  });
});

describe('tags may be a list or a comma-separated text', () => {
  it.each([
    ['a JSON list', '{"need": "x", "tags": ["a", "b"]}', ['a', 'b']],
    ['a JSON text', '{"need": "x", "tags": " a , b,, "}', ['a', 'b']],
    ['an empty JSON list', '{"need": "x", "tags": []}', []],
    ['an empty JSON text', '{"need": "x", "tags": ""}', []],
    ['tags that differ in case only', '{"need": "x", "tags": ["Go", "rust", "GO", "go"]}', ['Go', 'rust']],
    ['letters, digits, - and _', '{"need": "x", "tags": ["c-3_p", "été", "日本", "١"]}', ['c-3_p', 'été', '日本', '١']],
    ['a YAML list', '---\ntags:\n  - a\n  - b\n---\nx', ['a', 'b']],
    ['a YAML list in a line', '---\ntags: [a, b]\n---\nx', ['a', 'b']],
    ['a YAML text', '---\ntags: a, b\n---\nx', ['a', 'b']],
    ['a YAML list of what are no texts', '---\ntags: [2025, true, 0x1F]\n---\nx', ['2025', 'true', '0x1F']],
    ['a YAML number', '---\ntags: 2025\n---\nx', ['2025']],
  ])('%s', async (_, body, tags) => expectTask(body, undefined, { tags }));

  it('in a batch too', async () => {
    await postTask(cast.poster, { tags: ['apart', 'together'] });
    const { body } = await cast.worker.post('/v1/tasks/pickup/batch', '---\ntags: apart, TOGETHER\n---\n');
    expect(body).toMatchObject({ total: 1, tasks: [{ tags: ['apart', 'together'] }] });
  });
});
