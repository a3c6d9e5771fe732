import { existsSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { hourMs, minuteMs } from '../../../src/ground/clock.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { answer, generous, pickUp, registerHelper } from '../../support/helpers.ts';
import { type Agent, claimTask, deadWebhook, deliverTask, Market, postTask } from '../../support/market.ts';
import { readTables } from '../../support/tables.ts';

/** A word in every text of the task, which must be nowhere after the redaction. */
const word = 'Zimtschnecke';
const say = (what: string) => `${what} ${word} and more of it`;

async function open(engine: Engine) {
  const market = await Market.fresh(engine, generous);
  return {
    market,
    poster: await market.register('poster', { webhook_url: deadWebhook }),
    worker: await market.register('worker', { webhook_url: deadWebhook }),
    other: await market.register('other'),
  };
}

const redact = (market: Market, id: string) => market.admin.post(`/v1/admin/tasks/${id}/redact`, { reason: 'Private' });
const cleanAudit = async ({ admin }: Market) =>
  expect((await admin.get('/v1/admin/audit')).body).toMatchObject({ broken: [] });

const fields = { need: say('need'), context: say('context'), tags: [word], max_credits: 10 };

const warnings = [expect.stringContaining('nothing that is written to it is kept')];
let keys = 0;
const once = () => ({ 'idempotency-key': `key ${++keys}` });

/** Everything that agents may write about one task, each request with an idempotency key. It ends approved. */
async function writeEverything(market: Market, poster: Agent, worker: Agent, asker: Agent): Promise<string> {
  const helper = await registerHelper(market);
  const id = (await poster.post('/v1/tasks', fields, once())).body.task_id as string;
  const match = JSON.stringify({ ranked_agents: [worker.id], extracted_tags: [word] });
  await answer(helper, match);
  await market.ctx.outbox.run();
  market.clock.advance(minuteMs);
  await market.ctx.search.run();
  const asked = await asker.post(`/v1/tasks/${id}/questions`, { question: say('question') }, once());
  await poster.post(`/v1/tasks/${id}/questions/${asked.body.id}/answer`, { answer: say('answer') }, once());
  await worker.post('/v1/tasks/pickup/batch', { count: 2 }, once());
  for (const agent of [poster, worker]) {
    await agent.post(`/v1/tasks/${id}/messages`, { message: say('message') }, once());
  }
  for (const ending of ['reject', 'approve']) {
    expect((await worker.post(`/v1/tasks/${id}/deliver`, { result: say('result') }, once())).status).toBe(200);
    const { task } = await pickUp(helper);
    const verdict = { meets_requirements: false, explanation: say('explanation') };
    await helper.post(`/v1/tasks/${task}/deliver`, { result: JSON.stringify(verdict) }, once());
    const body = { [ending === 'reject' ? 'reason' : 'rating']: ending === 'reject' ? say('reason') : 4 };
    expect(
      (await poster.post(`/v1/tasks/${id}/${ending}`, { ...body, feedback: say('feedback') }, once())).status,
    ).toBe(200);
  }
  expect((await worker.post(`/v1/tasks/${id}/rate`, { rating: 3, feedback: say('feedback') }, once())).status).toBe(
    201,
  );
  return id;
}

/** The tables that may still have the word: an agent's statistics by tag. */
const statistics = ['agent_tags'];

async function placesOf(market: Market): Promise<string[]> {
  const tables = await readTables(market.url);
  return Object.entries(tables).flatMap(([table, rows]) =>
    statistics.includes(table) || !JSON.stringify(rows).toLowerCase().includes(word.toLowerCase()) ? [] : [table],
  );
}

onBothEngines('a redacted task', (engine) => {
  it('leaves none of its texts in any table, in the file or in any answer, however they got there', async () => {
    const { market, poster, worker, other } = await open(engine);
    const id = await writeEverything(market, poster, worker, other);
    const before = await placesOf(market);
    for (const table of ['tasks', 'rejected_deliveries', 'reviews', 'questions', 'messages', 'events']) {
      expect(before, table).toContain(table);
    }
    expect(before).toContain('webhook_deliveries');
    expect(before).toContain('idempotency_keys');
    const { status, body } = await redact(market, id);
    expect(status).toBe(200);
    expect(body).toEqual({ task_id: id, status: 'approved', reason: 'Private', texts_removed: 'operator' });
    expect(await placesOf(market)).toEqual([]);
    if (engine.name === 'SQLite') {
      await market.ctx.search.run();
      for (const file of [market.url, `${market.url}-wal`].filter((path) => existsSync(path))) {
        expect(readFileSync(file).includes(say('need')), file).toBe(false);
        expect(readFileSync(file).includes(say('result')), file).toBe(false);
      }
    }
    for (const agent of [poster, worker]) {
      const task = (await agent.get(`/v1/tasks/${id}`)).body;
      expect(task).toMatchObject({ need: '', context: null, result: null, tags: [], texts_removed: 'operator' });
      const history = await agent.get('/v1/events/history?after=0');
      for (const path of ['/messages', '/questions'])
        expect((await agent.get(`/v1/tasks/${id}${path}`)).status).toBe(200);
      expect(history.text).not.toContain(word);
    }
    await cleanAudit(market);
  });

  it('that is posted is cancelled, and its credits go back', async () => {
    const { market, poster, other } = await open(engine);
    const id = await postTask(poster, fields);
    expect((await redact(market, id)).body).toMatchObject({ status: 'cancelled' });
    expect(await market.balanceOf(poster)).toBe(100_000);
    expectError(await other.post(`/v1/tasks/${id}/pickup`), 409);
    expect((await other.get('/v1/tasks/available')).body.total).toBe(0);
    expect((await poster.get('/v1/events/history?after=0')).body.events).toMatchObject([
      { type: 'task_cancelled', task_id: id, reason: 'Private' },
    ]);
    await cleanAudit(market);
  });

  it('that is claimed goes on, keeps nothing that is written later, and never returns to the board', async () => {
    const { market, poster, worker, other } = await open(engine);
    const id = await postTask(poster, fields);
    const asked = await other.post(`/v1/tasks/${id}/questions`, { question: 'Why?' });
    await worker.post(`/v1/tasks/${id}/pickup`);
    expect((await redact(market, id)).body).toMatchObject({ status: 'claimed' });
    await registerHelper(market);
    await poster.post(`/v1/tasks/${id}/messages`, { message: say('later') });
    await poster.post(`/v1/tasks/${id}/questions/${asked.body.id}/answer`, { answer: say('later') });
    for (let i = 0; i < 2; i++) {
      const delivered = await worker.post(`/v1/tasks/${id}/deliver`, { result: say('later') });
      expect(delivered.body).toMatchObject({ status: 'delivered', texts_removed: 'operator', warnings });
      const review = { reason: say('later'), feedback: say('later') };
      expect((await poster.post(`/v1/tasks/${id}/reject`, review)).body).toMatchObject({
        rejection_reason: '',
        rejection_feedback: null,
        texts_removed: 'operator',
      });
    }
    expect(await placesOf(market)).toEqual([]);
    expect((await worker.post(`/v1/tasks/${id}/abandon`)).status).toBe(200);
    expect((await other.get('/v1/tasks/available')).body.total).toBe(0);
    expectError(await other.post(`/v1/tasks/${id}/pickup`), 409);
    await market.pass(1);
    expect((await poster.get(`/v1/tasks/${id}`)).body.status).toBe('expired');
    expect(await market.balanceOf(poster)).toBe(100_000);
    await cleanAudit(market);
  });

  it('that is delivered can be approved and rated, without words', async () => {
    const { market, poster, worker } = await open(engine);
    const id = await deliverTask(poster, worker, fields);
    await redact(market, id);
    const approved = await poster.post(`/v1/tasks/${id}/approve`, { rating: 5, feedback: say('later') });
    expect(approved.body).toMatchObject({ status: 'approved', credits_charged: 10, feedback: null });
    expect((await worker.post(`/v1/tasks/${id}/rate`, { rating: 5, feedback: say('later') })).body.feedback).toBe(null);
    expect(await placesOf(market)).toEqual([]);
    await cleanAudit(market);
  });

  it('has none of its texts in the answers that are given again, and the answers stay the same otherwise', async () => {
    const { market, poster, worker } = await open(engine);
    const [posting, picking] = [once(), once()];
    const id = (await poster.post('/v1/tasks', fields, posting)).body.task_id as string;
    const picked = await worker.post(`/v1/tasks/${id}/pickup`, undefined, picking);
    await redact(market, id);
    const again = await worker.post(`/v1/tasks/${id}/pickup`, undefined, picking);
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect(again.body).toEqual({ ...picked.body, need: '', context: null, tags: [] });
    expect((await poster.post('/v1/tasks', fields, posting)).body).toMatchObject({ task_id: id, need: '' });
  });

  it('has no text in stored answers if the server stops after the removal, nor later ones after a repeated request', async () => {
    const { market, poster, worker } = await open(engine);
    const id = await claimTask(poster, worker, fields);
    await poster.post(`/v1/tasks/${id}/messages`, { message: say('message') }, once());
    const { db } = market.ctx;
    const transact = db.transact.bind(db) as (...all: unknown[]) => Promise<unknown>;
    /** Redacts. @param then what happens before the removal and before each later transaction. */
    const redactWith = async (then: { before?: () => Promise<void>; after?: () => Promise<void> }) => {
      let isRemoved = false;
      db.transact = (async (name: string, ...rest: unknown[]) => {
        if (name === 'redact') await then.before?.();
        if (isRemoved) await then.after?.();
        const done = await transact(name, ...rest);
        isRemoved ||= name === 'redact';
        return done;
      }) as never;
      const { status } = await redact(market, id);
      db.transact = transact as never;
      return status;
    };
    const storeAnswer = () => {
      const reply = JSON.stringify({ task_id: id, message: say('later') });
      return engine.vandalise(
        market.url,
        `update idempotency_keys set reply = '${reply}' where scope = '${poster.id}'`,
      );
    };
    const stop = () => Promise.reject(new Error('The server has stopped'));
    expect(await redactWith({ after: stop })).toBe(500);
    expect(await placesOf(market)).toEqual([]);
    await storeAnswer();
    expect(await placesOf(market)).toEqual(['idempotency_keys']);
    expect(await redactWith({})).toBe(200);
    expect(await placesOf(market)).toEqual([]);
    expect(await redactWith({ before: storeAnswer })).toBe(200);
    expect(await placesOf(market)).toEqual([]);
  });

  it('is in the log; an unknown task and one of the platform are refused', async () => {
    const { market, poster, worker } = await open(engine);
    const id = await claimTask(poster, worker);
    await redact(market, id);
    await redact(market, id);
    const { actions } = (await market.admin.get('/v1/admin/log')).body;
    expect(actions).toMatchObject([
      { action: 'redact_task', subject: id, before: { status: 'claimed', texts_removed: 'operator' } },
      { action: 'redact_task', subject: id, before: { texts_removed: null }, after: { reason: 'Private' } },
    ]);
    expectError(await redact(market, 'tk-000000000000'), 404);
    expectError(await market.admin.post(`/v1/admin/tasks/${id}/redact`, {}), 400);
    expectError(await poster.post(`/v1/admin/tasks/${id}/redact`, { reason: 'Mine' }), 403);
    const helper = await registerHelper(market);
    await postTask(poster);
    expectError(await redact(market, (await pickUp(helper)).task), 409);
    await market.pass(hourMs);
  });
});
