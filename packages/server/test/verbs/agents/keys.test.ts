import { expect, it } from 'vitest';
import { hourMs, minuteMs } from '../../../src/ground/clock.ts';
import { onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { postTask } from '../../support/market.ts';
import { readTables } from '../../support/tables.ts';
import { openOwner, makeKey, keysOf, rowOf, sealed } from '../../support/keys.ts';

const all = ['read', 'post', 'work', 'manage'];

onBothEngines('the keys of an agent', (engine) => {
  it('begin with one that may do everything', async () => {
    const { agent } = await openOwner(engine);
    const { keys, total } = await keysOf(agent);
    expect(total).toBe(1);
    expect(keys[0]).toMatchObject({
      key_id: expect.stringMatching(/^ky-[0-9A-Za-z]{12}$/),
      scopes: all,
      max_credits_per_task: null,
      max_credits_per_day: null,
      spent_today: 0,
      expires_at: null,
    });
    expect((await agent.get('/v1/me')).body.key).toEqual(keys[0]);
    expect(agent.key).toContain(keys[0].key_id.slice(3));
  });

  it('are shown once, when they are made, and are in the database as hashes alone', async () => {
    const { market, agent } = await openOwner(engine);
    const reply = await agent.post(
      '/v1/me/keys',
      { name: 'builder', scopes: 'post, read', expires_in_days: 2 },
      sealed(),
    );
    expect(reply.status, reply.text).toBe(201);
    const { api_key, ...row } = reply.body;
    expect(row).toMatchObject({ name: 'builder', scopes: ['read', 'post'], spent_today: 0, last_used_at: null });
    expect(await rowOf(agent, row.key_id)).toEqual(row);
    expect((await market.client(agent.id, api_key).get('/v1/me')).body.key.key_id).toBe(row.key_id);
    expect(JSON.stringify(await readTables(market.url))).not.toContain(api_key.slice(16));
  });

  it('do what their scopes say, and nothing else', async () => {
    const { market, agent } = await openOwner(engine);
    const other = await market.register('other');
    const reader = await makeKey(market, agent, { scopes: ['read'] });
    const poster = await makeKey(market, agent, { scopes: ['post'] });
    const worker = await makeKey(market, agent, { scopes: ['work'] });
    for (const key of [reader, poster, worker]) {
      expect((await key.get('/v1/tasks/mine')).status).toBe(200);
      for (const reply of [await key.get('/v1/me/keys'), await key.patch('/v1/me', { good_at: 'x' })]) {
        expectError(reply, 403);
        expect(reply.body.code).toBe('scope_missing');
      }
    }
    const id = await postTask(poster);
    const theirs = await postTask(other);
    for (const key of [reader, worker])
      expect((await key.post(`/v1/tasks/${id}/cancel`)).body.code).toBe('scope_missing');
    for (const key of [reader, poster]) expect((await key.post('/v1/tasks/pickup')).body.code).toBe('scope_missing');
    expect((await worker.post(`/v1/tasks/${theirs}/pickup`)).status).toBe(200);
    // Reporting takes one of two scopes.
    for (const [key, task] of [
      [poster, id],
      [worker, theirs],
    ] as const)
      expect((await key.post(`/v1/tasks/${task}/report`, { reason: 'x' })).status).toBe(201);
    expect((await reader.post(`/v1/tasks/${id}/report`, { reason: 'x' })).body.code).toBe('scope_missing');
  });

  it('give no scope that their maker lacks, and by default the scopes of their maker', async () => {
    const { market, agent } = await openOwner(engine);
    const maker = await makeKey(market, agent, { scopes: ['manage', 'work'] });
    const refused = await maker.post('/v1/me/keys', { name: 'x', scopes: ['post', 'work'] });
    expect(expectError(refused, 403)).toContain('"post"');
    expect(refused.body.code).toBe('scope_missing');
    expect((await maker.post('/v1/me/keys', { name: 'x' })).body.scopes).toEqual(['work', 'manage']);
    const limited = await maker.post('/v1/me/keys', { name: 'x', max_credits_per_day: 5 });
    expect(limited.body).toMatchObject({ scopes: ['work'], max_credits_per_day: 5 });
    expectError(await agent.post('/v1/me/keys', { name: 'x', scopes: ['manage'], max_credits_per_task: 5 }), 400);
    for (const scopes of [[], ['write'], 'Post', [1], 5]) {
      expectError(await agent.post('/v1/me/keys', { name: 'x', scopes }), 400);
    }
    expectError(await agent.post('/v1/me/keys', {}), 400);
  });

  it('hold no more for one task than their budget says', async () => {
    const { market, agent } = await openOwner(engine);
    const key = await makeKey(market, agent, { max_credits_per_task: 20 });
    expect((await key.post('/v1/tasks', { need: 'x', max_credits: 20 })).status).toBe(201);
    const reply = await key.post('/v1/tasks', { need: 'x', max_credits: 21 });
    expect(expectError(reply, 402)).toContain('20');
    expect(reply.body.code).toBe('budget_exceeded');
    expect(await market.balanceOf(agent)).toBe(980);
  });

  it('hold no more in any 24 hours than their budget says, and a refund gives none back', async () => {
    const { market, agent } = await openOwner(engine);
    const key = await makeKey(market, agent, { max_credits_per_day: 100 });
    const id = await postTask(key, { max_credits: 60 });
    await market.pass(12 * hourMs);
    await key.post(`/v1/tasks/${id}/cancel`);
    expect((await key.get('/v1/me')).body.key.spent_today).toBe(60);
    const reply = await key.post('/v1/tasks', { need: 'x', max_credits: 41 });
    expect(expectError(reply, 402)).toContain('40 credits are left');
    expect(reply.body.code).toBe('budget_exceeded');
    expect((await key.post('/v1/tasks', { need: 'x', max_credits: 40 })).status).toBe(201);
    // Another key has its own budget.
    expect((await agent.post('/v1/tasks', { need: 'x', max_credits: 41 })).status).toBe(201);
    await market.pass(12 * hourMs - 1);
    expectError(await key.post('/v1/tasks', { need: 'x', max_credits: 60 }), 402);
    await market.pass(1);
    expect((await key.post('/v1/tasks', { need: 'x', max_credits: 60 })).status).toBe(201);
    expect((await market.ctx.audit()).broken).toEqual([]);
  });

  it('hold no more than their budget also when many tasks are posted at once', async () => {
    const { market, agent } = await openOwner(engine);
    const key = await makeKey(market, agent, { max_credits_per_day: 100 });
    const replies = await Promise.all(
      Array.from({ length: 12 }, () => key.post('/v1/tasks', { need: 'x', max_credits: 20 })),
    );
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(5);
    expect(replies.filter(({ body }) => body.code === 'budget_exceeded')).toHaveLength(7);
    expect(await market.balanceOf(agent)).toBe(900);
    expect((await rowOf(agent, key.keyId)).spent_today).toBe(100);
    expect((await market.ctx.audit()).broken).toEqual([]);
  });

  it('are a hundred at most', async () => {
    const { market, agent } = await openOwner(engine);
    for (let i = 1; i < 100; i++) await makeKey(market, agent);
    expectError(await agent.post('/v1/me/keys', { name: 'x' }), 409);
    expect((await keysOf(agent)).total).toBe(100);
  });

  it('are told of in the stream', async () => {
    const { market, agent } = await openOwner(engine);
    const key = await makeKey(market, agent, { name: 'builder' });
    await agent.delete(`/v1/me/keys/${key.keyId}`);
    const { events } = (await agent.get('/v1/events/history')).body;
    const about = { task_id: null, key_id: key.keyId, name: 'builder' };
    expect(events).toMatchObject([
      { type: 'key_created', ...about },
      { type: 'key_revoked', ...about },
    ]);
    expect((await market.ctx.audit()).broken).toEqual([]);
  });

  it('say when they were last used, and write that down once in some minutes', async () => {
    const { market, agent } = await openOwner(engine);
    const key = await makeKey(market, agent);
    expect((await rowOf(agent, key.keyId)).last_used_at).toBeNull();
    await key.get('/v1/me');
    const used = (await rowOf(agent, key.keyId)).last_used_at;
    expect(used).not.toBeNull();
    const before = await readTables(market.url);
    await key.get('/v1/me');
    expect(await readTables(market.url)).toEqual(before);
    await market.ctx.keyUse.save();
    expect((await rowOf(agent, key.keyId)).last_used_at).toBe(used);
    const saved = await readTables(market.url);
    market.clock.advance(minuteMs);
    await key.get('/v1/me');
    await market.ctx.keyUse.save();
    expect((await readTables(market.url)).api_keys).toEqual(saved.api_keys);
    market.clock.advance(5 * minuteMs);
    await key.get('/v1/me');
    await market.ctx.keyUse.save();
    expect((await rowOf(agent, key.keyId)).last_used_at > used).toBe(true);
  });
});

onBothEngines('the operator', (engine) => {
  it('gives an agent a new key, and all its others end', async () => {
    const { market, agent } = await openOwner(engine);
    const spare = await makeKey(market, agent, { scopes: ['read'] });
    expectError(await market.admin.post(`/v1/admin/agents/${agent.id}`, {}), 400);
    const { status, body } = await market.admin.post(`/v1/admin/agents/${agent.id}`, { reissue_key: true });
    expect(status).toBe(200);
    for (const key of [agent, spare]) expectError(await key.get('/v1/me'), 401);
    const next = market.client(agent.id, body.api_key);
    expect(await keysOf(next)).toMatchObject({ total: 1, keys: [{ scopes: all, expires_at: null }] });
    expect((await next.get('/v1/events/history')).body.events.map(({ type }: { type: string }) => type)).toEqual([
      'key_created',
      'key_created',
      'key_revoked',
      'key_revoked',
    ]);
    const { actions } = (await market.admin.get('/v1/admin/log')).body;
    expect(actions).toMatchObject([{ action: 'change_agent', subject: agent.id }]);
    expect(JSON.stringify(actions)).not.toContain(body.api_key);
    expectError(await market.admin.post('/v1/admin/agents/ag-000000000000', { reissue_key: true }), 404);
  });
});
