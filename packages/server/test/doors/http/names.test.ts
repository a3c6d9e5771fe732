import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sqlite } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { claimTask, deliverTask, Market } from '../../support/market.ts';
import { assemble, type Cast, type Example, examples, sendJson } from '../../support/requests.ts';
import { readTables } from '../../support/tables.ts';

let cast: Cast;
let market: Market;
beforeAll(async () => {
  market = await Market.open(await sqlite.marketUrl());
  cast = await assemble(market);
});
afterAll(() => market.close());

/** Wrong names that clients use, and the fields that they mean (contract section 1). */
const meant = {
  createTask: {
    ...{
      credits: 'max_credits',
      budget: 'max_credits',
      bounty: 'max_credits',
      reward: 'max_credits',
      price: 'max_credits',
    },
    ...{
      maxCredits: 'max_credits',
      'max-credits': 'max_credits',
      MAX_CREDITS: 'max_credits',
      max_credit: 'max_credits',
    },
    ...{ tag: 'tags', Tags: 'tags', deadline: 'deadline_minutes', deadlineMinutes: 'deadline_minutes' },
    ...{
      claim_timeout: 'claim_timeout_minutes',
      timeout: 'claim_timeout_minutes',
      'Claim-Timeout': 'claim_timeout_minutes',
    },
    ...{ review_timeout: 'review_timeout_minutes', contexts: 'context', waits: 'wait' },
  },
  register: {
    description: 'good_at',
    bio: 'good_at',
    skills: 'good_at',
    capabilities: 'good_at',
    webhook: 'webhook_url',
  },
  updateMe: { bio: 'good_at', webhook: 'webhook_url', acceptsSystemTasks: 'accepts_system_tasks' },
  approve: { score: 'rating', stars: 'rating', comment: 'feedback' },
  reject: { comment: 'feedback', reasons: 'reason' },
  rate: { score: 'rating', comment: 'feedback' },
  deliver: { creditsClaimed: 'credits_claimed', claimNumber: 'claim_number', claim_numbers: 'claim_number' },
  pickupBatch: { q: 'search', query: 'search', counts: 'count' },
  pickupNext: { q: 'search', tag: 'tags' },
} as const;

const cases = Object.entries(meant).flatMap(([name, words]) =>
  Object.entries(words).map(([word, field]) => [name as keyof typeof meant, word, field] as const),
);

it.each(cases)('%s asks whether "%s" means %s, and changes nothing', async (name, word, field) => {
  const { aim, body }: Example = examples[name];
  const to = await aim(cast);
  const { [field]: value = 1, ...others } = body(cast);
  const before = await readTables(market.url);
  const reply = await sendJson(market, to, { ...others, [word]: value });
  expect(expectError(reply, 400)).toContain(`did you mean ${field}?`);
  expect(await readTables(market.url)).toEqual(before);
});

it.each(['output', 'answer', 'content', 'text'])('deliver asks whether "%s" means result', async (word) => {
  const id = await claimTask(cast.poster, cast.worker);
  const reply = await cast.worker.post(`/v1/tasks/${id}/deliver`, { [word]: 'x' });
  expect(expectError(reply, 400)).toContain('did you mean result?');
});

it.each(['description', 'prompt', 'task', 'title', 'body'])('create asks whether "%s" means need', async (word) => {
  const reply = await cast.poster.post('/v1/tasks', { [word]: 'x' });
  expect(expectError(reply, 400)).toContain('did you mean need?');
});

describe('a name that means nothing', () => {
  it('is ignored, and the reply warns of it', async () => {
    const { status, body } = await cast.poster.post('/v1/tasks?when=now', { need: 'x', colour: 'red', title: 'y' });
    expect(status).toBe(201);
    expect(body.warnings).toEqual([
      'The query parameter "when" is not known here and was ignored',
      'The field "colour" is not known here and was ignored',
      'The field "title" is not known here and was ignored',
    ]);
  });

  it('is named in Markdown too, and again in the answer to a repetition', async () => {
    const headers = { accept: 'text/markdown', 'idempotency-key': 'names', 'content-type': 'application/json' };
    for (let i = 0; i < 2; i++) {
      const { text } = await cast.poster.post('/v1/tasks', { need: 'x', colour: 'red' }, headers);
      expect(text).toContain('warnings:\n  - "The field \\"colour\\" is not known here and was ignored"\n');
    }
  });

  it('is warned of in reads', async () => {
    expect((await cast.poster.get('/v1/me?x=1')).body.warnings).toHaveLength(1);
    expect((await cast.poster.get('/v1/tasks/available?x=1&limit=3')).body.warnings).toHaveLength(1);
    expect((await cast.poster.get('/v1/me')).body.warnings).toBeUndefined();
    expect((await market.request({ method: 'GET', url: '/health?x=1' })).body).toEqual({ status: 'ok' });
  });

  it('is shown short and on one line, and the first ten are', async () => {
    const odd = Object.fromEntries(Array.from({ length: 5_000 }, (_, i) => [`${'x'.repeat(100)}\n\ud800${i}`, i]));
    const { body } = await cast.poster.post('/v1/tasks', { need: 'x', ...odd });
    expect(body.warnings).toHaveLength(11);
    expect(body.warnings.at(-1)).toBe('4990 more were ignored');
    for (const warning of body.warnings) expect(warning).toMatch(/^[^\p{Cc}\p{Cs}]{1,130}$/u);
  });
});

it('a known name that is given too makes a look-alike harmless', async () => {
  const id = await deliverTask(cast.poster, cast.worker);
  const { body } = await cast.poster.post(`/v1/tasks/${id}/approve`, { rating: 4, stars: 1 });
  expect(body).toMatchObject({ rating: 4, warnings: ['The field "stars" is not known here and was ignored'] });
});

it.each([
  ['/v1/tasks/available?tag=a', 'tags'],
  ['/v1/tasks/available?q=a', 'search'],
  ['/v1/tasks/available?LIMIT=0', 'limit'],
  ['/v1/tasks/mine?Status=posted', 'status'],
  ['/v1/agents?query=a', 'search'],
  ['/v1/agents?minReputation=4', 'min_reputation'],
])('GET %s asks whether %s is meant', async (path, field) => {
  expect(expectError(await cast.poster.get(path), 400)).toContain(`did you mean ${field}?`);
});
