import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { sqlite } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { Market, type Reply } from '../../support/market.ts';
import {
  assemble,
  type Cast,
  createTask,
  type ExampleName,
  exampleNames,
  examples,
  send,
  sendJson,
  expectCreated,
} from '../../support/requests.ts';
import { readTables } from '../../support/tables.ts';

let cast: Cast;
let market: Market;
beforeAll(async () => {
  market = await Market.open(await sqlite.marketUrl(), { PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true' });
  cast = await assemble(market);
});
afterAll(() => market.close());

const create = (payload: string, contentType?: string) => createTask(cast, payload, contentType);
const expectTask = (payload: string, contentType: string | undefined, fields: object) =>
  expectCreated(cast, fields, payload, contentType);

const json = '{"need": "From JSON", "max_credits": 7}';
const brokenJson = '{"need": "From JSON", "max_credits": 7';
const markdown = '---\nmax_credits: 7\n---\nFrom Markdown';
const text = 'Count the words: "a: b"';

describe.each(['application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON', 'application/json;;'])(
  'as %s',
  (type) => {
    it('JSON is JSON', () => expectTask(json, type, { need: 'From JSON', max_credits: 7 }));
    it('JSON may have space around it', () => expectTask(` \r\n\t${json}\n`, type, { need: 'From JSON' }));
    it('JSON may have a byte order mark', () => expectTask(`\ufeff${json}`, type, { need: 'From JSON' }));
    it.each([
      ['broken JSON', brokenJson],
      ['front matter', markdown],
      ['text', text],
    ])('%s is an error', async (_, body) => {
      expect(expectError(await create(body, type), 400)).toContain('The body is not valid JSON');
    });
  },
);

const otherTypes = ['application/x-www-form-urlencoded', 'application/octet-stream', 'text/html'];
const oddTypes = ['', ';', '/', 'text', 'application/', '/json', 'application/json, text/plain', 'a b/c', 'undefined'];
const oddParameters = ['text/html; charset=', 'text/html;;;', 'text/x; =', `x/y; z="`, `x/${'y'.repeat(2_000)}`, 'ÿ/ÿ'];

describe.each([undefined, ...otherTypes, ...oddTypes, ...oddParameters])('as %j', (type) => {
  it('what starts with { is JSON', () => expectTask(json, type, { need: 'From JSON', max_credits: 7 }));
  it('what starts with { and is not JSON is an error', async () => {
    expect(expectError(await create(brokenJson, type), 400)).toContain('The body is not valid JSON');
  });
  it('front matter gives fields', () => expectTask(markdown, type, { need: 'From Markdown', max_credits: 7 }));
  it('text is the main field', () => expectTask(text, type, { need: text, max_credits: 50 }));
});

describe.each(['text/plain', 'TEXT/plain; charset=us-ascii'])('as %s', (type) => {
  it('what starts with { is JSON', () => expectTask(json, type, { need: 'From JSON', max_credits: 7 }));
  it('what starts with { and is not JSON is text', () => expectTask(brokenJson, type, { need: brokenJson }));
  it('front matter gives fields', () => expectTask(markdown, type, { need: 'From Markdown', max_credits: 7 }));
  it('text is the main field', () => expectTask(text, type, { need: text }));
});

describe.each(['text/markdown', 'text/markdown; variant=GFM'])('as %s', (type) => {
  it.each([json, brokenJson])('%s is text', (body) => expectTask(body, type, { need: body, max_credits: 50 }));
  it('front matter gives fields', () => expectTask(markdown, type, { need: 'From Markdown', max_credits: 7 }));
  it('text is the main field', () => expectTask(text, type, { need: text }));
});

describe('an empty body', () => {
  const empties = ['', ' ', '\n', '\r\n\t \n'];

  it.each(empties)('%j is an empty object', async (body) => {
    for (const type of [undefined, 'text/markdown', 'application/x-www-form-urlencoded']) {
      expect(expectError(await create(body, type), 400)).toBe('need: is required');
    }
  });

  it.each(['', ' \n'])('%j is fine also as application/json', async (body) => {
    expect(expectError(await create(body, 'application/json'), 400)).toBe('need: is required');
  });

  it.each(['pickupNext', 'pickupBatch', 'pickup', 'approve', 'cancel', 'abandon', 'updateMe'] as const)(
    '%s needs none',
    async (name) => {
      for (const type of ['application/json', 'text/markdown', undefined]) {
        const { status } = await send(market, await examples[name].aim(cast), '', type);
        expect(status).toBe(200);
      }
    },
  );

  it('a GET may say that it is JSON', async () => {
    const { status } = await cast.poster.get('/v1/me', { 'content-type': 'application/json' });
    expect(status).toBe(200);
  });
});

interface MainField {
  readonly name: ExampleName;
  readonly field: string;
  /** Reads the stored value of the field. */
  readonly read: (reply: Reply['body']) => unknown;
}

const mainFields: MainField[] = [
  {
    name: 'register',
    field: 'name',
    read: async (reply) => (await market.client('', reply.api_key).get('/v1/me')).body.name,
  },
  { name: 'createTask', field: 'need', read: (reply) => reply.need },
  { name: 'deliver', field: 'result', read: (reply) => reply.result },
  { name: 'approve', field: 'feedback', read: async () => (await readTables(market.url)).reviews!.at(-1)!.feedback },
  { name: 'reject', field: 'reason', read: (reply) => reply.rejection_reason },
  { name: 'updateMe', field: 'good_at', read: (reply) => reply.good_at },
];

describe.each(mainFields)('the main field of $name, $field,', ({ name, field, read }) => {
  const { aim } = examples[name];
  const written = async (body: string, contentType?: string) => {
    const { status, body: reply, text } = await send(market, await aim(cast), body, contentType);
    expect(status, text).toBeLessThan(300);
    return read(reply);
  };

  it.each([
    'words',
    ' words\n\nand more\n',
    'a --- b',
    '--- words',
    '\ufeffwords',
    'a\r\nb',
    '---\nnever closed',
    '---\n---\n',
    '---\n---\nwords',
    '---\nx: 1\n---\nwords',
    '---\n# nothing\n---\n\n',
    '---\nx: [1\n---\nwords',
    '---\nx: &a 1\ny: *a\n---\nwords',
    '---\n- x\n---\nwords',
    '😀',
  ])('is all of a text whose front matter names no field of the endpoint, or that has none: %j', async (body) =>
    expect(await written(body, 'text/markdown')).toBe(body),
  );

  it.each(['words', '\nwords\n', '---\nwords', ' {"a": 1}', '\ufeffwords'])(
    'is all of the text below front matter: %j',
    async (body) => {
      expect(await written(`---\n${field}: x\n---\n${body}`)).toBe(body);
      expect(await written(`---\r\n${field}: x\r\n--- \r\n${body}`)).toBe(body);
      expect(await written(`\ufeff---\n${field}: x\n---\n${body}`)).toBe(body);
    },
  );

  it('may stand in the front matter; an empty text below does not overwrite it', async () => {
    for (const below of ['', '\n', ' \r\n\t'])
      expect(await written(`---\n${field}: words\n---\n${below}`)).toBe('words');
  });

  it('is the text below where it stands in both', async () => {
    expect(await written(`---\n${field}: above\n---\nbelow`)).toBe('below');
  });
});

describe('every endpoint with a body', () => {
  const masked = (value: unknown) =>
    JSON.stringify(value)
      .replace(/(ag-|tk-|dp-|le-|qa-|msg-|rp-|wd-|ky-|in-|pwk-)[0-9A-Za-z]+/g, '$1…')
      .replace(/"code":"[^"]*"/g, '"code":…')
      .replace(/"(duration_ms|balance|tasks_posted)":\d+/g, '"$1":…');

  it.each(exampleNames)('%s takes the same fields as JSON and as front matter', async (name) => {
    const { aim, body } = examples[name];
    const fields = body(cast);
    if (Object.keys(fields).length === 0) return;
    const asJson = await sendJson(market, await aim(cast), fields);
    const asMarkdown = await send(market, await aim(cast), `---\n${stringify(fields)}---\n`, 'text/markdown');
    expect(asJson.status, asJson.text).toBeLessThan(300);
    expect(asMarkdown.status, asMarkdown.text).toBe(asJson.status);
    expect(masked(asMarkdown.body)).toBe(masked(asJson.body));
  });

  it.each(['pickupBatch', 'cancel', 'abandon', 'pickup', 'pickupNext'] as const)(
    '%s has no main field: a text is refused, and changes nothing',
    async (name) => {
      const to = await examples[name].aim(cast);
      const before = await readTables(market.url);
      for (const text of ['words', '---\nx: 1\n---\nwords', '---\n---\n']) {
        expect(expectError(await send(market, to, text, 'text/markdown'), 400)).toContain('is a text');
      }
      expect(await readTables(market.url)).toEqual(before);
    },
  );
});
