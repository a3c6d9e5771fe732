import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sqlite } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { claimTask, deliverTask, Market, postTask } from '../../support/market.ts';
import { assemble, type Cast, createTask, examples, expectCreated, send } from '../../support/requests.ts';
import { readTables } from '../../support/tables.ts';

let cast: Cast;
let market: Market;
beforeAll(async () => {
  market = await Market.open(await sqlite.marketUrl());
  cast = await assemble(market);
});
afterAll(() => market.close());

const form = 'application/x-www-form-urlencoded';
const create = (payload: string, contentType?: string) => createTask(cast, payload, contentType);
const expectTask = (payload: string, contentType: string | undefined, fields: object) =>
  expectCreated(cast, fields, payload, contentType);

/** Sends a delivery for a new claim. */
async function deliver(payload: string, contentType = form) {
  const id = await claimTask(cast.poster, cast.worker);
  return cast.worker.post(`/v1/tasks/${id}/deliver`, payload, { 'content-type': contentType });
}

describe('front matter', () => {
  it('of an article that is delivered stays in the result, byte for byte', async () => {
    const article = '---\ntitle: "On sums"\ntext: x\nClaim_Number: 3\n---\n\nTwo and two.\n';
    for (const type of [form, 'text/markdown', 'text/plain']) {
      const { status, body } = await deliver(article, type);
      expect([status, body.result]).toEqual([200, article]);
    }
  });

  it('of a task whose text has a title of its own stays in the need', async () => {
    const need = '---\ntitle: A poem\nlanguage: en\n---\nTranslate this';
    await expectTask(need, 'text/markdown', { need, max_credits: 50 });
  });

  it('with a name that looks like a field is not taken for text', async () => {
    for (const line of ['maxCredits: 5', 'credits: 5', 'Tags: a', 'deadline: 9']) {
      const reply = await create(`---\n${line}\n---\nDo it`, 'text/markdown');
      expect(expectError(reply, 400)).toContain('did you mean');
    }
  });

  it.each([
    ['is not closed', '---\nmax_credits: 5\ntags: a\n\nDo it'],
    ['is not closed, at the end of the text', '---\nneed: Do it'],
    ['is not valid YAML', '---\nmax_credits: 5\ntags: [a\n---\nDo it'],
    ['has lost its line breaks', '---max_credits: 5tags: a, b---Do it'],
    ['has lost its line breaks, after an unknown field', '---note: xmax_credits: 5---Do it'],
    ['has lost all but the last line break', '---max_credits: 5---Do it\n'],
  ])('that names a field and %s is refused, and the hint says --data-binary', async (_, text) => {
    for (const type of [form, 'text/markdown', undefined]) {
      const reply = await create(text, type);
      expectError(reply, 400);
      expect(reply.body.hint).toContain('--data-binary');
    }
  });

  it.each(['---\nDo it', '---\nDo it: now\n\nneed: x', '--- need --- it', '---', '--- \n', 'need: ---\nx'])(
    'is not what %j begins with',
    (text) => expectTask(text, 'text/markdown', { need: text }),
  );
});

describe('a form', () => {
  it('is read as a form', async () => {
    await expectTask('need=Add+2%2B2&max_credits=7&tags=a%2Cb&context=', form, {
      need: 'Add 2+2',
      max_credits: 7,
      tags: ['a', 'b'],
      context: '',
    });
    await expectTask('need=x&&tags=a&tags=b&', form, { need: 'x', tags: ['a', 'b'] });
    await expectTask('need=123', form, { need: '123' });
  });

  it.each(['x=5 & y=6', 'a=b', 'need = x', 'Add 2 & 2', 'needs=x&y'])('is not what %j is', (text) =>
    expectTask(text, form, { need: text }),
  );

  it('is not what comes as another type', () =>
    expectTask('need=x&max_credits=5', 'text/plain', { need: 'need=x&max_credits=5' }));

  it.each(['need=salt & pepper', 'need=x&more', 'need=100%', 'need=%ff'])(
    'that is not encoded, %j, is refused, and the hint says --data-urlencode',
    async (text) => {
      const reply = await create(text, form);
      expectError(reply, 400);
      expect(reply.body.hint).toContain('--data-urlencode');
    },
  );

  it('with a wrong name is told which one is meant', async () => {
    expect(expectError(await create('need=x&credits=5', form), 400)).toContain('did you mean max_credits?');
    expect(expectError(await create('need=x&need=y', form), 400)).toContain('need');
    expect(expectError(await create('need=x&__proto__=y', form), 400)).toContain('__proto__');
  });
});

describe('YAML', () => {
  it.each(['application/yaml', 'text/yaml', 'application/x-yaml'])('as %s is read as a mapping', async (type) => {
    await expectTask('need: 1.0\nmax_credits: 7\ntags: [a, b]\n', type, {
      need: '1.0',
      max_credits: 7,
      tags: ['a', 'b'],
    });
    await expectTask('---\nneed: x\n', type, { need: 'x' });
    for (const wrong of ['- need', 'need', 'need: *a', 'need: [', 'need: x\n---\ntext', '"__proto__": 1']) {
      expectError(await create(wrong, type), 400);
    }
  });
});

describe('a fenced block of JSON', () => {
  const fenced = '```json\n{"need": "Do it", "max_credits": 7}\n```';

  it.each([form, 'application/json', undefined])('as %s is that JSON', (type) =>
    expectTask(` ${fenced}\n`, type, { need: 'Do it', max_credits: 7 }),
  );
  it.each(['text/plain', 'text/markdown'])('as %s is text', (type) => expectTask(fenced, type, { need: fenced }));

  it('that names no field, is not JSON, or has text beside it is text', async () => {
    for (const text of [
      '```json\n{"x": 1}\n```',
      '```\nneed: x\n```',
      `Do it:\n${fenced}`,
      '```js\n{"need": "x"}\n```',
      '``````',
    ]) {
      await expectTask(text, form, { need: text });
    }
  });
});

describe('a kind of body that is not read', () => {
  it.each([
    'multipart/form-data; boundary=x',
    'multipart/mixed',
    'application/xml',
    'text/xml',
    'application/soap+xml',
  ])('%s is answered 415 with a hint', async (type) => {
    const before = await readTables(market.url);
    for (const name of ['createTask', 'register'] as const) {
      const reply = await send(market, await examples[name].aim(cast), '<need>x</need>', type);
      expectError(reply, 415);
      expect(reply.body.hint).toContain('application/json');
    }
    expect(await readTables(market.url)).toEqual(before);
  });

  it.each(['gzip', 'br', 'identity', 'x'])('Content-Encoding: %s is answered 415 with a hint', async (encoding) => {
    const aim = await examples.createTask.aim(cast);
    const to = { ...aim, headers: { ...aim.headers, 'content-encoding': encoding } };
    const reply = await send(market, to, gzipSync('{"need": "x"}'), 'application/json');
    expectError(reply, 415);
    expect(reply.body.hint).toContain('without compression');
  });

  it('is told after the key, and before the length', async () => {
    const { url, method } = await examples.createTask.aim(cast);
    const tooLong = Buffer.alloc(7 * 1024 * 1024);
    expectError(await send(market, { url, method, headers: {} }, tooLong, 'text/xml'), 401);
    expectError(await send(market, await examples.createTask.aim(cast), tooLong, 'text/xml'), 415);
  });

  it('does no harm where there is no body', async () => {
    const { status } = await send(market, await examples.pickup.aim(cast), '', 'multipart/form-data');
    expect(status).toBe(200);
    expect((await cast.poster.get('/v1/me', { 'content-type': 'text/xml' })).status).toBe(200);
  });

  it('gzip without a header is named', async () => {
    const to = await examples.createTask.aim(cast);
    expect(expectError(await send(market, to, gzipSync('{"need": "x"}'), 'application/json'), 400)).toContain('gzip');
  });
});

describe('an approval', () => {
  it.each(['5', ' 1\n'])('with the body %j rates the worker', async (payload) => {
    for (const type of [form, 'application/json', 'text/plain', 'text/markdown']) {
      const id = await deliverTask(cast.poster, cast.worker);
      const { body, text } = await cast.poster.post(`/v1/tasks/${id}/approve`, payload, { 'content-type': type });
      expect(body, text).toMatchObject({ status: 'approved', rating: Number(payload), feedback: null });
    }
  });

  it.each(['6', '0', '5 stars', '05.'])('with the text %j keeps it as feedback', async (payload) => {
    const id = await deliverTask(cast.poster, cast.worker);
    const { body } = await cast.poster.post(`/v1/tasks/${id}/approve`, payload, { 'content-type': 'text/plain' });
    expect(body).toMatchObject({ rating: null, feedback: payload });
  });
});

describe('a pickup', () => {
  it.each([
    ['{"tags": ["wanted"], "search": "blue"}', 'application/json'],
    ['tags=wanted&search=blue', form],
    ['---\ntags: wanted\nsearch: blue\n---\n', 'text/markdown'],
  ])('takes its filters from the body %j', async (payload, type) => {
    await postTask(cast.poster, { need: 'Paint it blue' });
    await postTask(cast.poster, { need: 'Paint it red', tags: ['wanted'] });
    const wanted = await postTask(cast.poster, { need: 'Paint it Blue', tags: ['wanted'] });
    const { body } = await cast.worker.post('/v1/tasks/pickup', payload, { 'content-type': type });
    expect(body.task_id).toBe(wanted);
  });

  it.each([
    ['{"task_id": "tk-000000000000"}', 'application/json'],
    ['task_id=tk-000000000000', form],
    ['---\ntask_id: tk-000000000000\n---\n', 'text/markdown'],
  ])('of the task in the body %j is refused, and the hint says where to ask', async (payload, type) => {
    await postTask(cast.poster);
    const reply = await cast.worker.post('/v1/tasks/pickup', payload, { 'content-type': type });
    expectError(reply, 400);
    expect(reply.body.hint).toContain('/v1/tasks/{id}/pickup');
  });
});
