import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { minuteMs } from '../../../src/ground/clock.ts';
import { toMarkdown } from '../../../src/doors/http/render.ts';
import { onBothEngines, sqlite } from '../../support/engines.ts';
import { hostileTexts } from '../../support/hostile-texts.ts';
import { parseMarkdown, toObject } from '../../support/markdown.ts';
import { type Agent, Market, postTask } from '../../support/market.ts';
import { testSeed } from '../../support/random.ts';

let market: Market;
let worker: Agent;
beforeAll(async () => {
  market = await Market.open(await sqlite.marketUrl());
  worker = await market.register('worker');
});
afterAll(() => market.close());

type Method = 'GET' | 'POST' | 'PATCH';

/**
 * Reads the same reply in both formats (changes are repeated with their idempotency key) and checks
 * that they say the same, to readers of YAML 1.2 and 1.1.
 *
 * @returns the reply's object.
 */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- replies of every shape
async function inBothFormats(key: string, method: Method, url: string, body?: object): Promise<any> {
  const headers = {
    authorization: `Bearer ${key}`,
    'idempotency-key': randomUUID(),
    'content-type': 'application/json',
  };
  const ask = (accept: string) =>
    market.request({ method, url, headers: { ...headers, accept }, ...(body && { payload: JSON.stringify(body) }) });
  const json = await ask('application/json');
  const markdown = await ask('text/markdown');
  expect(json.headers['content-type']).toBe('application/json; charset=utf-8');
  expect(markdown.headers['content-type']).toBe('text/markdown; charset=utf-8');
  expect(markdown.status).toBe(json.status);
  for (const version of ['1.2', '1.1'] as const) {
    const reply = parseMarkdown(markdown.text, version);
    const hasResult = typeof json.body.result === 'string';
    expect(toObject(reply, hasResult)).toEqual(json.body);
    if (hasResult) expect(reply.fields).not.toHaveProperty('result');
    else expect(reply.body).toMatch(/^[^\n]+\n$/);
  }
  return json.body;
}

/** A text as the need of a task, which must not be blank. */
const needOf = (text: string) => (text.trim() === '' ? `need${text}` : text);

describe('every reply says the same in Markdown and in JSON', () => {
  it.each(hostileTexts)('with %j in every text', async (text) => {
    // A name must not contain marks that change the text direction.
    const shown = text.replaceAll('\u202e', '');
    const name = /[\p{L}\p{N}\p{P}\p{S}]/u.test(shown) ? shown : `agent${shown}`;
    const agent = await market.register(name, { good_at: text });
    const read = (path: string) => inBothFormats(agent.key, 'GET', path);
    expect(await read('/v1/me')).toMatchObject({ name, good_at: text });

    const need = needOf(text);
    const task = `/v1/tasks/${await postTask(agent, { need, context: text })}`;
    // Waits out the head start of agents whose `good_at` fits the task.
    market.clock.advance(3 * minuteMs);
    const board = await inBothFormats(worker.key, 'GET', '/v1/tasks/available');
    expect(board.tasks).toMatchObject([{ need, context: text }]);
    const asked = (await worker.post(`${task}/questions`, { question: text })).body;
    await agent.post(`${task}/questions/${asked.id}/answer`, { answer: text });
    expect((await read(`${task}/questions`)).questions).toMatchObject([{ question: text, answer: text }]);
    const report = (await worker.post(`${task}/report`, { reason: text })).body;
    await market.admin.post(`/v1/admin/reports/${report.report_id}`, { status: 'resolved', note: text });
    const { reports } = await inBothFormats(market.admin.key, 'GET', '/v1/admin/reports?limit=1');
    expect(reports).toMatchObject([{ reason: text, note: text }]);
    const { actions } = await inBothFormats(market.admin.key, 'GET', '/v1/admin/log?limit=1');
    expect(actions).toMatchObject([{ subject: report.report_id, after: { status: 'resolved', note: text } }]);
    await worker.post(`${task}/pickup`);
    await worker.post(`${task}/messages`, { message: text });
    expect((await read(`${task}/messages`)).messages).toMatchObject([{ message: text }]);
    await worker.post(`${task}/deliver`, { result: text });
    expect(await read(task)).toMatchObject({ need, context: text, result: text });
    await agent.post(`${task}/reject`, { reason: text, feedback: text });
    const mine = await read('/v1/tasks/mine');
    expect(mine.tasks).toMatchObject([{ need, result: null, rejection_reason: text, rejection_feedback: text }]);

    await market.admin.post('/v1/admin/credits/grant', { agent_id: agent.id, amount: 1, reason: text });
    const { ledger } = await read('/v1/me/credits');
    expect(ledger).toMatchObject([{ reason: text }, { reason: 'escrow' }, { reason: 'signup_bonus' }]);
  });

  it('to everything that changes a task or an agent', async () => {
    const text = '"---\n: \u2028\ufeff\u0085😀\n---\n';
    const { agent_id, api_key } = await inBothFormats('', 'POST', '/v1/register', { name: text, good_at: text });
    const change = (path: string, body?: object) => inBothFormats(api_key, 'POST', path, body);
    const work = (path: string, body?: object) => inBothFormats(worker.key, 'POST', path, body);
    const govern = (path: string, body?: object) => inBothFormats(market.admin.key, 'POST', path, body);

    const { task_id } = await change('/v1/tasks', { need: text, context: text, max_credits: 50, deadline_minutes: 5 });
    const task = `/v1/tasks/${task_id}`;
    const asked = await work(`${task}/questions`, { question: text });
    await change(`${task}/questions/${asked.id}/answer`, { answer: text });
    await work(`${task}/pickup`);
    await work(`${task}/abandon`);
    // By id, because a pickup of the next task does not give it back to the agent that gave it up.
    await work(`${task}/pickup`);
    await change(`${task}/messages`, { message: text });
    const { report_id } = await change(`${task}/report`, { reason: text });
    await govern(`/v1/admin/reports/${report_id}`, { status: 'dismissed', note: text });
    await work(`${task}/deliver`, { result: text });
    await change(`${task}/reject`, { reason: text, feedback: text });
    expect(await work(`${task}/deliver`, { result: text })).toMatchObject({ result: text, rejection_reason: text });
    expect(await change(`${task}/approve`, { rating: 5, feedback: text })).toMatchObject({ result: text });
    const { task_id: other } = await change('/v1/tasks', { need: text, max_credits: 50 });
    await change(`/v1/tasks/${other}/cancel`);
    await inBothFormats(api_key, 'PATCH', '/v1/me', { good_at: text });
    await govern('/v1/admin/credits/grant', { agent_id, amount: 1, reason: text });
    await govern('/v1/admin/agents/suspend', { agent_id, suspended: true, reason: text });
    await govern('/v1/admin/agents/suspend', { agent_id, suspended: false });
  });

  it('with the next task, none, and several', async () => {
    const poster = await market.register('poster');
    const post = () => poster.post('/v1/tasks', { need: 'x', max_credits: 1, tags: ['a', 'yes', '1'] });
    await post();
    await inBothFormats(worker.key, 'POST', '/v1/tasks/pickup');
    for (const total of [0, 1, 3]) {
      for (let i = 0; i < total; i++) await post();
      const batch = await inBothFormats(worker.key, 'POST', '/v1/tasks/pickup/batch', {});
      expect(batch.total).toBe(total);
    }
  });
});

/** Characters that have a meaning in YAML. */
const special = Array.from('\n\r\t -:#"\'\\{}[]|>&*!%@`,?~01eE+._\u0085\u2028\ufeffaé😀');

/** Any text that can be stored: well-formed, without NUL; special ones more often than by chance. */
const text = (limits: { minLength?: number; maxLength: number }) =>
  fc.oneof(
    fc.string({ ...limits, unit: 'binary' }).filter((each) => !each.includes('\0')),
    fc.string({ ...limits, unit: fc.constantFrom(...special) }),
    fc.constantFrom(...hostileTexts.filter((each) => each.length <= limits.maxLength)),
  );

/** A reply as the contract has them: names that we chose, lists, mappings, texts, numbers. */
const { reply } = fc.letrec((tie) => ({
  leaf: fc.oneof(
    text({ maxLength: 20 }),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
  ),
  list: fc.array(fc.oneof(tie('leaf'), tie('reply')), { maxLength: 4 }),
  reply: fc.dictionary(
    fc.stringMatching(/^[a-z][a-z0-9_]{0,9}$/).filter((name) => name !== 'result'),
    fc.oneof({ maxDepth: 3 }, tie('leaf'), tie('list'), tie('reply')),
    { minKeys: 1, maxKeys: 5 },
  ),
}));

describe('any reply', () => {
  it('parses back from Markdown to the same object', () => {
    fc.assert(
      fc.property(reply, fc.option(text({ maxLength: 50 })), (fields, result) => {
        const whole = { ...(fields as object), result };
        const plain: unknown = JSON.parse(JSON.stringify(whole));
        expect(toObject(parseMarkdown(toMarkdown(whole, () => 'A line.')), result !== null)).toEqual(plain);
      }),
      { numRuns: 2_000, seed: testSeed },
    );
  });

  it('about any texts comes back through the server as it was sent', async () => {
    const poster = await market.register('poster');
    await market.admin.post('/v1/admin/credits/grant', { agent_id: poster.id, amount: 1_000 });
    const texts = [
      text({ minLength: 1, maxLength: 300 }).map(needOf),
      text({ maxLength: 300 }),
      text({ minLength: 1, maxLength: 300 }),
    ];
    await fc.assert(
      fc.asyncProperty(fc.tuple(...texts), async ([need, context, result]) => {
        const { body } = await poster.post('/v1/tasks', { need, context, max_credits: 1 });
        await worker.post(`/v1/tasks/${body.task_id}/pickup`);
        await worker.post(`/v1/tasks/${body.task_id}/deliver`, { result });
        const task = await inBothFormats(poster.key, 'GET', `/v1/tasks/${body.task_id}`);
        expect(task).toMatchObject({ need, context, result });
      }),
      { numRuns: 100, seed: testSeed },
    );
  });

  it('in Markdown, sent back as a delivery, is the same result byte for byte', async () => {
    const poster = await market.register('poster');
    await market.admin.post('/v1/admin/credits/grant', { agent_id: poster.id, amount: 1_000 });
    await fc.assert(
      fc.asyncProperty(
        text({ minLength: 1, maxLength: 100 }).filter((each) => each.trim() !== ''),
        async (result) => {
          const { body } = await poster.post('/v1/tasks', { need: 'x', max_credits: 1 });
          await worker.post(`/v1/tasks/${body.task_id}/pickup`);
          const deliver = await worker.post(
            `/v1/tasks/${body.task_id}/deliver`,
            `---\nclaim_number: 1\n---\n${result}`,
            {
              'content-type': 'text/markdown',
            },
          );
          expect(deliver.body.result).toBe(result);
        },
      ),
      { numRuns: 100, seed: testSeed },
    );
  });
});

onBothEngines('a text', (engine) => {
  it('is read from the database exactly as it was stored', async () => {
    const own = await Market.fresh(engine);
    const poster = await own.register();
    await own.admin.post('/v1/admin/credits/grant', { agent_id: poster.id, amount: 1_000 });
    for (const text of hostileTexts) await postTask(poster, { need: needOf(text), context: text, max_credits: 1 });
    const { body } = await poster.get('/v1/tasks/mine?limit=100');
    const { body: rest } = await poster.get(`/v1/tasks/mine?limit=100&cursor=${body.next_cursor}`);
    const tasks: { need: string; context: string }[] = [...body.tasks, ...rest.tasks];
    expect(tasks.map(({ need, context }) => [need, context])).toEqual(
      hostileTexts.map((text) => [needOf(text), text]).reverse(),
    );
  });
});
