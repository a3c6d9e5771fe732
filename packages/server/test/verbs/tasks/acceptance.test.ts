import { expect, it, onTestFinished } from 'vitest';
import { minuteMs } from '../../../src/ground/clock.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { registerHelper } from '../../support/helpers.ts';
import { claimTask, deliverTask, Market, postTask } from '../../support/market.ts';

const schema = {
  type: 'object',
  properties: { colours: { type: 'array', items: { enum: ['red', 'yellow', 'blue'] }, minItems: 3 } },
  required: ['colours'],
  additionalProperties: false,
};
const fitting = JSON.stringify({ colours: ['red', 'yellow', 'blue'] });
const unfitting = JSON.stringify({ colours: ['red', 'green'], note: 'x' });

async function open(engine: Engine, env: Record<string, string> = {}) {
  const market = await Market.fresh(engine, env);
  return { market, poster: await market.register('poster'), worker: await market.register('worker') };
}

onBothEngines('the acceptance of a task', (engine) => {
  it('is shown to agents that may take the task, and to both parties', async () => {
    const { market, poster, worker } = await open(engine);
    const terms = { acceptance: { schema, max_length: 500 }, auto_approve: true };
    const id = await postTask(poster, { max_credits: 10, ...terms });
    await postTask(poster, { max_credits: 10 });
    const [row, plain] = (await worker.get('/v1/tasks/available')).body.tasks;
    expect(row).toMatchObject(terms);
    expect(plain).not.toHaveProperty('acceptance');
    expect(plain).not.toHaveProperty('auto_approve');
    expect((await worker.get(`/v1/tasks/available/${id}`)).body).toMatchObject(terms);
    expect((await worker.post(`/v1/tasks/${id}/pickup`)).body).toMatchObject(terms);
    for (const agent of [poster, worker]) expect((await agent.get(`/v1/tasks/${id}`)).body).toMatchObject(terms);
    expect((await market.admin.get(`/v1/admin/tasks/${id}`)).body.task).toMatchObject(terms);
  });

  it('refuses a delivery that does not fit, says why, and changes nothing', async () => {
    const { poster, worker } = await open(engine);
    const id = await claimTask(poster, worker, { max_credits: 10, acceptance: { schema } });
    const before = (await poster.get(`/v1/tasks/${id}`)).body;
    const refused = await worker.post(`/v1/tasks/${id}/deliver`, { result: unfitting });
    expectError(refused, 400);
    expect(refused.body.code).toBe('not_acceptable');
    expect(refused.body.problems).toEqual([
      { path: '/colours/1', message: 'must be one of "red", "yellow", "blue", but is "green"' },
      { path: '/colours', message: 'must have at least 3 items, but has 2 items' },
      { path: '/note', message: 'is a property that the schema does not allow; allowed: "colours"' },
    ]);
    expect((await poster.get(`/v1/tasks/${id}`)).body).toEqual(before);
    const delivered = await worker.post(`/v1/tasks/${id}/deliver`, { result: fitting });
    expect(delivered.body).toMatchObject({ status: 'delivered', result: fitting, credits_charged: 10 });
  });

  it('with auto_approve pays a delivery that fits at once, and tells both parties', async () => {
    const { market, poster, worker } = await open(engine, { PINCHWORK_PLATFORM_FEE_PERCENT: '10' });
    const id = await claimTask(poster, worker, { max_credits: 20, acceptance: { schema }, auto_approve: true });
    expectError(await worker.post(`/v1/tasks/${id}/deliver`, { result: unfitting }), 400);
    const delivered = await worker.post(`/v1/tasks/${id}/deliver`, { result: fitting, credits_claimed: 10 });
    expect(delivered.body).toMatchObject({ status: 'approved', result: fitting, credits_charged: 10, rating: null });
    expect([await market.balanceOf(poster), await market.balanceOf(worker)]).toEqual([90, 109]);
    const typesOf = async (agent: typeof poster) =>
      (await agent.get('/v1/events/history')).body.events.map(({ type }: { type: string }) => type);
    expect(await typesOf(poster)).toEqual(['task_claimed', 'task_delivered']);
    expect(await typesOf(worker)).toEqual(['task_approved']);
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true });
  });

  it('that can not be compiled, or is wrong in another way, is refused when the task is posted', async () => {
    const { market, poster } = await open(engine);
    const refusals: readonly (readonly [fields: object, error: string])[] = [
      [{ acceptance: {} }, 'acceptance: must check something'],
      [{ acceptance: 5 }, 'acceptance: must be an object with schema, format'],
      [{ acceptance: { must_macth: ['a'] } }, 'acceptance: Unrecognized key: "must_macth"'],
      [{ acceptance: { schema: [] } }, 'acceptance.schema: must be a JSON Schema'],
      [{ acceptance: { must_match: 'a' } }, 'acceptance.must_match: must be a list of regular expressions'],
      [{ acceptance: { min_length: 5, max_length: 4 } }, 'acceptance: min_length must not be more than max_length'],
      [{ acceptance: { schema, format: 'text' } }, 'acceptance: a schema is for a result that is JSON'],
      [{ acceptance: { schema: { title: 'x'.repeat(20_000) } } }, 'acceptance: must be at most 20,000 bytes'],
      [{ acceptance: { schema: { type: 'list' } } }, 'acceptance/schema/type: must fit at least one'],
      [{ acceptance: { must_match: ['(?=a)'] } }, 'acceptance/must_match/0: is not a regular expression of RE2'],
      [{ auto_approve: true }, 'auto_approve: needs an acceptance or for_agents'],
    ];
    for (const [fields, error] of refusals) {
      const refused = await poster.post('/v1/tasks', { need: 'x', max_credits: 1, ...fields });
      expect(expectError(refused, 400), JSON.stringify(fields)).toContain(error);
    }
    expect(await market.balanceOf(poster)).toBe(100);
  });

  it('may be sent as JSON in a form, and as front matter', async () => {
    const { poster } = await open(engine);
    const form = new URLSearchParams({ need: 'x', acceptance: '{"format":"json"}' }).toString();
    const matter = '---\nacceptance:\n  schema:\n    type: object\n    enum: [1, a, null]\n---\nDo it';
    const wanted = [
      [form, 'application/x-www-form-urlencoded', { format: 'json' }],
      [matter, 'text/markdown', { schema: { type: 'object', enum: [1, 'a', null] } }],
    ] as const;
    for (const [body, type, acceptance] of wanted) {
      const { status, body: created, text } = await poster.post('/v1/tasks', body, { 'content-type': type });
      expect(status, text).toBe(201);
      expect((await poster.get(`/v1/tasks/${created.task_id}`)).body.acceptance).toEqual(acceptance);
    }
  });

  it('is left out of lists where it is long, never cut', async () => {
    const { poster, worker } = await open(engine);
    const long = { schema: { title: 'x'.repeat(2_000) } };
    const ids = [await postTask(poster, { acceptance: long }), await postTask(poster, { acceptance: { schema } })];
    const rows = [
      ...(await worker.get('/v1/tasks/available')).body.tasks,
      ...(await poster.get('/v1/tasks/mine')).body.tasks,
    ];
    const shown = Object.fromEntries(rows.map((row) => [row.task_id, [row.acceptance, row.truncated]]));
    expect(rows).toHaveLength(4);
    expect(shown).toEqual({ [ids[0]!]: [null, true], [ids[1]!]: [{ schema }, undefined] });
    expect((await worker.get(`/v1/tasks/available/${ids[0]}`)).body.acceptance).toEqual(long);
  });

  it('is compared again with what is delivered after a rejection', async () => {
    const { poster, worker } = await open(engine);
    const id = await claimTask(poster, worker, { acceptance: { schema } });
    await worker.post(`/v1/tasks/${id}/deliver`, { result: fitting });
    await poster.post(`/v1/tasks/${id}/reject`, { reason: 'Blue first' });
    expectError(await worker.post(`/v1/tasks/${id}/deliver`, { result: unfitting }), 400);
    expect((await worker.get(`/v1/tasks/${id}`)).body).toMatchObject({ status: 'claimed', rejection_count: 1 });
    expect((await worker.post(`/v1/tasks/${id}/deliver`, { result: fitting })).body.status).toBe('delivered');
  });

  it('is not looked at for whoever can not deliver', async () => {
    const { market, poster, worker } = await open(engine);
    const stranger = await market.register('stranger');
    const id = await claimTask(poster, worker, { acceptance: { schema } });
    const late = { result: unfitting, claim_number: 2 };
    expectError(await stranger.post(`/v1/tasks/${id}/deliver`, { result: unfitting }), 403);
    expectError(await worker.post(`/v1/tasks/${id}/deliver`, late), 409);
    await worker.post(`/v1/tasks/${id}/deliver`, { result: fitting });
    expectError(await worker.post(`/v1/tasks/${id}/deliver`, { result: unfitting }), 409);
  });

  it('lets a worker whose result did not fit give the claim up without having it counted', async () => {
    const { poster, worker } = await open(engine, { PINCHWORK_MAX_ABANDONS_BEFORE_COOLDOWN: '5' });
    for (let i = 0; i < 6; i++) {
      const id = await claimTask(poster, worker, { max_credits: 1, acceptance: { schema } });
      expectError(await worker.post(`/v1/tasks/${id}/deliver`, { result: unfitting }), 400);
      expect((await worker.post(`/v1/tasks/${id}/abandon`)).status).toBe(200);
    }
    // Of a claim without a result it counts, also where an earlier claim of the same task had one.
    const id = await claimTask(poster, worker, { max_credits: 1, acceptance: { schema } });
    expectError(await worker.post(`/v1/tasks/${id}/deliver`, { result: unfitting }), 400);
    await worker.post(`/v1/tasks/${id}/abandon`);
    for (let i = 0; i < 5; i++) {
      expect((await worker.post(`/v1/tasks/${id}/pickup`)).status).toBe(200);
      await worker.post(`/v1/tasks/${id}/abandon`);
    }
    expectError(await worker.post(`/v1/tasks/${id}/pickup`), 429);
  });

  it('has one winner where a delivery that is being checked meets the end of its claim', async () => {
    const { market, poster, worker } = await open(engine);
    for (let i = 0; i < 5; i++) {
      const id = await claimTask(poster, worker, { max_credits: 1, acceptance: { schema }, auto_approve: true });
      const [delivered, abandoned] = await Promise.all([
        worker.post(`/v1/tasks/${id}/deliver`, { result: fitting }),
        worker.post(`/v1/tasks/${id}/abandon`),
      ]);
      expect([delivered.status, abandoned.status].sort()).toEqual([200, delivered.status === 200 ? 409 : 403].sort());
    }
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true });
  });

  it('is told to the agent that checks a delivery, and nobody checks one that is approved at once', async () => {
    const { market, poster, worker } = await open(engine);
    const helper = await registerHelper(market);
    const id = await deliverTask(poster, worker, { acceptance: { format: 'text', max_length: 50 }, max_credits: 1 });
    const check = (await helper.post('/v1/tasks/pickup')).body;
    expect(check.need).toContain('Verify completion');
    expect(check.need).toContain('A machine has checked that the result meets the acceptance below');
    expect(JSON.parse(check.context)).toMatchObject({ task: { task_id: id }, acceptance: { max_length: 50 } });
    await helper.post(`/v1/tasks/${check.task_id}/abandon`);
    const terms = { acceptance: { format: 'text' }, auto_approve: true, max_credits: 1 };
    await deliverTask(poster, worker, terms);
    const next = await helper.post('/v1/tasks/pickup');
    expect(next.status === 204 || next.body.need.startsWith('Match agents')).toBe(true);
  });

  it('that the operator has removed with the texts of its task is met by everything, and approves nothing', async () => {
    const { market, poster, worker } = await open(engine);
    const id = await claimTask(poster, worker, { acceptance: { schema }, auto_approve: true });
    await market.admin.post(`/v1/admin/tasks/${id}/redact`, { reason: 'A secret' });
    expect((await worker.get(`/v1/tasks/${id}`)).body).not.toHaveProperty('acceptance');
    const delivered = await worker.post(`/v1/tasks/${id}/deliver`, { result: unfitting });
    expect(delivered.body).toMatchObject({ status: 'delivered', texts_removed: 'operator' });
  });

  it('with auto_approve leaves the rating to the poster, once; it moves no trust', async () => {
    const { market, poster, worker } = await open(engine);
    const id = await deliverTask(poster, worker, { acceptance: { format: 'text' }, auto_approve: true });
    const trust = async () => (await poster.get('/v1/me/trust')).body.trust_scores[0];
    const before = await trust();
    const rated = await poster.post(`/v1/tasks/${id}/rate`, { rating: 4, feedback: 'Good' });
    expect(rated.body).toEqual({ task_id: id, rated_id: worker.id, rating: 4, feedback: 'Good' });
    expect(await trust()).toEqual(before);
    expectError(await poster.post(`/v1/tasks/${id}/rate`, { rating: 1 }), 409);
    expect((await worker.post(`/v1/tasks/${id}/rate`, { rating: 3 })).status).toBe(201);
    expect((await worker.get('/v1/me')).body.reputation).toBe(4);
    expect((await worker.get(`/v1/tasks/${id}`)).body).toMatchObject({ rating: 4, feedback: 'Good' });
    // The clock approves too; the poster's own approval comes with its rating.
    const slow = await deliverTask(poster, worker, { max_credits: 1, review_timeout_minutes: 1 });
    await market.pass(2 * minuteMs);
    expect((await poster.post(`/v1/tasks/${slow}/rate`, { rating: 2 })).status).toBe(201);
    const own = await deliverTask(poster, worker, { max_credits: 1 });
    await poster.post(`/v1/tasks/${own}/approve`);
    expectError(await poster.post(`/v1/tasks/${own}/rate`, { rating: 2 }), 403);
    expect((await worker.get('/v1/me')).body.reputation).toBe(3);
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true });
  });

  it('is compared once for requests that are repeated with their Idempotency-Key', async () => {
    const { market, poster, worker } = await open(engine);
    const { checks } = market.ctx;
    const check = checks.check.bind(checks);
    const compared: string[] = [];
    checks.check = (agentId, acceptance, result) => {
      compared.push(result);
      return check(agentId, acceptance, result);
    };
    // All markets of the tests share it.
    onTestFinished(() => void (checks.check = check));
    const id = await claimTask(poster, worker, { acceptance: { schema } });
    const once = { 'idempotency-key': 'a delivery' };
    expectError(await worker.post(`/v1/tasks/${id}/deliver`, { result: unfitting }, once), 400);
    const delivered = await worker.post(`/v1/tasks/${id}/deliver`, { result: fitting }, once);
    expect(delivered.status).toBe(200);
    const repeated = await worker.post(`/v1/tasks/${id}/deliver`, { result: fitting }, once);
    expect([repeated.status, repeated.body]).toEqual([200, delivered.body]);
    expect(compared).toEqual([unfitting, fitting]);
  });
});
