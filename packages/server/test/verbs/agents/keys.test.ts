import { randomUUID } from 'node:crypto';
import { expect, it, onTestFinished } from 'vitest';
import { hourMs, minuteMs, secondMs } from '../../../src/ground/clock.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { type Agent, Market, postTask, type Reply } from '../../support/market.ts';
import { readTables } from '../../support/tables.ts';

const dayMs = 24 * hourMs;
const all = ['read', 'post', 'work', 'manage'];

async function open(engine: Engine, env: Record<string, string> = {}) {
  const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '1000', ...env });
  return { market, agent: await market.register('owner') };
}

/** Makes a key, and speaks with it. */
async function makeKey(market: Market, maker: Agent, fields: object = {}): Promise<Agent & { keyId: string }> {
  const { status, body, text } = await maker.post('/v1/me/keys', { name: 'spare', ...fields });
  expect(status, text).toBe(201);
  return Object.assign(market.client(maker.id, body.api_key), { keyId: body.key_id as string });
}

const keysOf = async (agent: Agent) => (await agent.get('/v1/me/keys')).body;
const rowOf = async (agent: Agent, keyId: string) =>
  (await keysOf(agent)).keys.find(({ key_id }: { key_id: string }) => key_id === keyId);
const sealed = () => ({ 'idempotency-key': randomUUID() });
const codeOf = ({ body }: Reply) => body.code as string;

onBothEngines('the keys of an agent', (engine) => {
  it('begin with one that may do everything', async () => {
    const { agent } = await open(engine);
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
    const { market, agent } = await open(engine);
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
    const { market, agent } = await open(engine);
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
    const { market, agent } = await open(engine);
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
    const { market, agent } = await open(engine);
    const key = await makeKey(market, agent, { max_credits_per_task: 20 });
    expect((await key.post('/v1/tasks', { need: 'x', max_credits: 20 })).status).toBe(201);
    const reply = await key.post('/v1/tasks', { need: 'x', max_credits: 21 });
    expect(expectError(reply, 402)).toContain('20');
    expect(reply.body.code).toBe('budget_exceeded');
    expect(await market.balanceOf(agent)).toBe(980);
  });

  it('hold no more in any 24 hours than their budget says, and a refund gives none back', async () => {
    const { market, agent } = await open(engine);
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
    const { market, agent } = await open(engine);
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

  it('end no later than the key that made them', async () => {
    const { market, agent } = await open(engine);
    const lent = await makeKey(market, agent, { expires_in_days: 3 });
    const { expires_at: end } = await rowOf(agent, lent.keyId);
    market.clock.advance(hourMs);
    const same = await makeKey(market, lent);
    const sooner = await makeKey(market, lent, { expires_in_days: 2 });
    expect((await rowOf(agent, same.keyId)).expires_at).toBe(end);
    expect((await rowOf(agent, sooner.keyId)).expires_at < end).toBe(true);
    const before = await readTables(market.url);
    const refused = await lent.post('/v1/me/keys', { name: 'x', expires_in_days: 3 });
    expect(expectError(refused, 400)).toContain(end);
    expect(await readTables(market.url)).toEqual(before);
    // A key in its overlap makes no key that outlives the overlap.
    const { body } = await agent.post('/v1/me/keys/rotate', { overlap_minutes: 10 });
    const late = await makeKey(market, agent);
    market.clock.advance(10 * minuteMs);
    expectError(await late.get('/v1/me'), 401);
    expect((await market.client(agent.id, body.api_key).get('/v1/me')).status).toBe(200);
  });

  it('end when they expire', async () => {
    const { market, agent } = await open(engine);
    const key = await makeKey(market, agent, { expires_in_days: 1 });
    market.clock.advance(dayMs - 1);
    expect((await key.get('/v1/me')).status).toBe(200);
    market.clock.advance(1);
    expect(expectError(await key.get('/v1/me'), 401)).toContain('ended');
    expect((await keysOf(agent)).total).toBe(1);
  });

  it('end at once when they are revoked, once', async () => {
    const { market, agent } = await open(engine);
    const other = await market.register('other');
    const key = await makeKey(market, agent);
    expect((await key.get('/v1/me')).status).toBe(200);
    expectError(await other.delete(`/v1/me/keys/${key.keyId}`), 404);
    const reply = await agent.delete(`/v1/me/keys/${key.keyId}`);
    expect(reply.body).toEqual({ key_id: key.keyId, revoked: true });
    expectError(await key.get('/v1/me'), 401);
    expectError(await agent.delete(`/v1/me/keys/${key.keyId}`), 404);
    expectError(await agent.delete('/v1/me/keys/nonsense'), 404);
    expect((await keysOf(agent)).total).toBe(1);
  });

  it('neither make nor end keys once they have ended, though this server does not know it yet', async () => {
    const { market, agent } = await open(engine);
    const key = await makeKey(market, agent);
    const spare = await makeKey(market, agent);
    expect((await key.get('/v1/me')).status).toBe(200);
    await engine.vandalise(market.url, `update api_keys set expires_at = 1 where id = '${key.keyId}'`);
    expect((await key.get('/v1/me')).status).toBe(200);
    expectError(await key.post('/v1/me/keys', { name: 'x' }), 401);
    expectError(await key.delete(`/v1/me/keys/${spare.keyId}`), 401);
    expectError(await key.post('/v1/me/keys/rotate'), 401);
    expect((await keysOf(agent)).total).toBe(2);
  });

  it('end with their waits and streams', async () => {
    const { market, agent } = await open(engine);
    const key = await makeKey(market, agent);
    const id = await postTask(agent);
    const wait = key.get(`/v1/tasks/${id}?wait=300`);
    const kept = agent.get(`/v1/tasks/${id}?wait=300`);
    const { stream } = await market.ctx.streams.open(agent.id, { after: 0, keyId: key.keyId });
    const { stream: own } = await market.ctx.streams.open(agent.id, { after: 0, keyId: 'ky-another' });
    while (market.ctx.watch.count < 2) await new Promise(setImmediate);
    await agent.delete(`/v1/me/keys/${key.keyId}`);
    expectError(await wait, 401);
    expect([stream.ended, own.ended]).toEqual([true, false]);
    await agent.post(`/v1/tasks/${id}/cancel`);
    expect((await kept).body.status).toBe('cancelled');
  });

  it('end with their waits and streams when they expire, and when another server has revoked them', async () => {
    const { market, agent } = await open(engine);
    const key = await makeKey(market, agent, { expires_in_days: 1 });
    const id = await postTask(agent);
    const wait = key.get(`/v1/tasks/${id}?wait=300`);
    const { stream } = await market.ctx.streams.open(agent.id, { after: 0, keyId: key.keyId });
    while (market.ctx.watch.count < 1) await new Promise(setImmediate);
    await market.ctx.endedKeys.run();
    expect(stream.ended).toBe(false);
    // Not by a step of the clock as long as that: the wait itself would be over.
    const { clock } = market;
    clock.now = (
      (now) => () =>
        now
    )(clock.now() + dayMs);
    await market.ctx.endedKeys.run();
    expectError(await wait, 401);
    expect(stream.ended).toBe(true);
  });

  it('always leave one that makes keys and does not expire', async () => {
    const { market, agent } = await open(engine);
    const { key_id } = (await agent.get('/v1/me')).body.key;
    await makeKey(market, agent, { expires_in_days: 1 });
    await makeKey(market, agent, { scopes: ['work'] });
    expectError(await agent.delete(`/v1/me/keys/${key_id}`), 409);
    const second = await makeKey(market, agent);
    const replies = await Promise.all([
      agent.delete(`/v1/me/keys/${key_id}`),
      second.delete(`/v1/me/keys/${second.keyId}`),
    ]);
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 409]);
  });

  it('are a hundred at most', async () => {
    const { market, agent } = await open(engine);
    for (let i = 1; i < 100; i++) await makeKey(market, agent);
    expectError(await agent.post('/v1/me/keys', { name: 'x' }), 409);
    expect((await keysOf(agent)).total).toBe(100);
  });

  it('are told of in the stream', async () => {
    const { market, agent } = await open(engine);
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
    const { market, agent } = await open(engine);
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

onBothEngines('a server with a clock behind the one that ended a key', (engine) => {
  /** The key as the other server ended it: a second later than it is here. */
  const endThere = ({ market, id, rotated }: { market: Market; id: string; rotated: boolean }) => {
    const at = market.clock.now() + secondMs;
    const rotatedAt = rotated ? at : 'null';
    return engine.vandalise(
      market.url,
      `update api_keys set expires_at = ${at}, ended_at = ${at}, rotated_at = ${rotatedAt} where id = '${id}'`,
    );
  };

  it.each([
    ['revoked', false],
    ['rotated', true],
  ])('refuses the key that was %s, and ends its waits and streams, within half a second', async (_, rotated) => {
    const { market, agent } = await open(engine);
    const key = await makeKey(market, agent);
    const task = await postTask(agent);
    const wait = key.get(`/v1/tasks/${task}?wait=300`);
    const { stream } = await market.ctx.streams.open(agent.id, { after: 0, keyId: key.keyId });
    while (market.ctx.watch.count < 1) await new Promise(setImmediate);
    await endThere({ market, id: key.keyId, rotated });
    await market.ctx.endedKeys.run();
    expectError(await wait, 401);
    expect(stream.ended).toBe(true);
    market.clock.advance(secondMs / 2);
    expectError(await key.get('/v1/me'), 401);
    expectError(await key.post('/v1/me/keys/rotate', {}, sealed()), 401);
    expect((await keysOf(agent)).total).toBe(1);
  });
});

onBothEngines('a rotated key', (engine) => {
  it('is replaced by one of the same terms and ends', async () => {
    const { market, agent } = await open(engine);
    const terms = { scopes: ['post'], max_credits_per_day: 100, max_credits_per_task: 60, expires_in_days: 3 };
    const key = await makeKey(market, agent, { name: 'builder', ...terms });
    await postTask(key, { max_credits: 60 });
    const before = (await key.get('/v1/me')).body.key;
    market.clock.advance(hourMs);
    const { status, body } = await key.post('/v1/me/keys/rotate');
    expect(status).toBe(201);
    const { key_id, created_at, last_used_at, ...same } = before;
    expect(body).toMatchObject(same);
    expect(body.key_id).not.toBe(key_id);
    expect([created_at, last_used_at]).not.toContain(body.created_at);
    expectError(await key.get('/v1/me'), 401);
    const next = market.client(agent.id, body.api_key);
    // One budget for both.
    expectError(await next.post('/v1/tasks', { need: 'x', max_credits: 41 }), 402);
    expect((await next.post('/v1/tasks', { need: 'x', max_credits: 40 })).status).toBe(201);
  });

  it('goes on for the overlap, shares its budget, and is rotated once', async () => {
    const { market, agent } = await open(engine);
    const key = await makeKey(market, agent, { max_credits_per_day: 100 });
    const { body } = await key.post('/v1/me/keys/rotate', { overlap_minutes: 10 });
    const next = market.client(agent.id, body.api_key);
    await postTask(key, { max_credits: 30 });
    await postTask(next, { max_credits: 30 });
    expectError(await key.post('/v1/tasks', { need: 'x', max_credits: 41 }), 402);
    expectError(await key.post('/v1/me/keys/rotate'), 409);
    market.clock.advance(10 * minuteMs - 1);
    expect((await key.get('/v1/me')).status).toBe(200);
    market.clock.advance(1);
    expectError(await key.get('/v1/me'), 401);
    expect((await next.get('/v1/me')).body.key.expires_at).toBeNull();
  });

  it('may repeat the request that rotated it for ten minutes, and nothing else', async () => {
    const { market, agent } = await open(engine);
    const once = sealed();
    const first = await agent.post('/v1/me/keys/rotate', {}, once);
    expect(first.status, first.text).toBe(201);
    market.clock.advance(9 * minuteMs);
    const again = await agent.post('/v1/me/keys/rotate', {}, once);
    expect(again.body).toEqual(first.body);
    expect(again.headers['idempotency-replayed']).toBe('true');
    for (const reply of [
      await agent.post('/v1/me/keys/rotate', {}, sealed()),
      await agent.post('/v1/me/keys/rotate'),
      await agent.get('/v1/me'),
      await agent.post('/v1/tasks', { need: 'x' }),
    ]) {
      expectError(reply, 401);
    }
    market.clock.advance(minuteMs);
    expectError(await agent.post('/v1/me/keys/rotate', {}, once), 401);
    expect((await market.client(agent.id, first.body.api_key).get('/v1/me')).status).toBe(200);
  });

  it('does not repeat anything once it was revoked', async () => {
    const { market, agent } = await open(engine);
    const key = await makeKey(market, agent);
    await agent.delete(`/v1/me/keys/${key.keyId}`);
    expectError(await key.post('/v1/me/keys/rotate', {}, sealed()), 401);
  });

  it('does not read the answer of another key of the agent, with the same idempotency key', async () => {
    const { market, agent } = await open(engine);
    const reader = await makeKey(market, agent, { scopes: ['read'] });
    const once = sealed();
    const { body } = await agent.post('/v1/me/keys/rotate', { overlap_minutes: 10 }, once);
    const other = await reader.post('/v1/me/keys/rotate', { overlap_minutes: 10 }, once);
    expectError(other, 422);
    expect(other.text).not.toContain(body.api_key);
  });

  it('has no overlap while the key before it still works, so that no key fills the list of keys', async () => {
    const { market, agent } = await open(engine);
    const reader = await makeKey(market, agent, { scopes: ['read'] });
    const { body } = await reader.post('/v1/me/keys/rotate', { overlap_minutes: 1_440 });
    const next = market.client(agent.id, body.api_key);
    expectError(await next.post('/v1/me/keys/rotate', { overlap_minutes: 1_440 }), 409);
    expect((await next.post('/v1/me/keys/rotate')).status).toBe(201);
  });

  it('has one successor, however many rotate it at once', async () => {
    const { market, agent } = await open(engine);
    const replies = await Promise.all(Array.from({ length: 6 }, () => agent.post('/v1/me/keys/rotate', {}, sealed())));
    const made = replies.filter(({ status }) => status === 201);
    expect(made).toHaveLength(1);
    for (const { status } of replies) expect([201, 401, 409]).toContain(status);
    expect((await keysOf(market.client(agent.id, made[0]!.body.api_key))).total).toBe(1);
  });
});

onBothEngines('a revocation at the same moment as', (engine) => {
  /** An agent at one server, with a spare key at the other: on PostgreSQL two servers share the database. */
  async function rivals() {
    const one = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '1000' });
    const isShared = engine.name === 'PostgreSQL';
    const other = isShared ? await Market.open(one.url, { PINCHWORK_INITIAL_CREDITS: '1000' }, one.clock) : one;
    if (isShared) onTestFinished(() => other.close());
    const agent = await one.register('owner');
    return { one, other, agent };
  }

  const races = 8;

  it('a rotation of the same key leaves either nothing of it or its successor alone', async () => {
    const { one, other, agent } = await rivals();
    for (let i = 0; i < races; i++) {
      const spare = await makeKey(other, agent);
      const rotate = () => spare.post('/v1/me/keys/rotate', {}, sealed());
      const early = i % 2 === 0 ? rotate() : undefined;
      const [revoked, rotated] = await Promise.all([agent.delete(`/v1/me/keys/${spare.keyId}`), early ?? rotate()]);
      expect([
        [200, 401],
        [404, 201],
      ]).toContainEqual([revoked.status, rotated.status]);
      const ids = (await keysOf(agent)).keys.map(({ key_id }: { key_id: string }) => key_id);
      expect(ids).not.toContain(spare.keyId);
      expect(ids).toHaveLength(rotated.status === 201 ? 2 : 1);
      if (rotated.status === 201) await agent.delete(`/v1/me/keys/${rotated.body.key_id}`);
    }
    expect((await one.ctx.audit()).broken).toEqual([]);
  });

  it('a new key made with it lets the new one live only where it was made before', async () => {
    const { agent, other } = await rivals();
    for (let i = 0; i < races; i++) {
      const spare = await makeKey(other, agent);
      const make = () => spare.post('/v1/me/keys', { name: 'late' });
      const early = i % 2 === 0 ? make() : undefined;
      const [revoked, made] = await Promise.all([agent.delete(`/v1/me/keys/${spare.keyId}`), early ?? make()]);
      expect(revoked.status).toBe(200);
      expect([201, 401]).toContain(made.status);
      expect((await keysOf(agent)).total).toBe(made.status === 201 ? 2 : 1);
      if (made.status === 201) await agent.delete(`/v1/me/keys/${made.body.key_id}`);
    }
  });

  it('any use is answered whole or refused, and half a second later every use is refused', async () => {
    const { one, other, agent } = await rivals();
    const worker = await one.register('worker');
    for (let i = 0; i < races; i++) {
      const spare = await makeKey(other, agent);
      const task = await postTask(worker, { max_credits: 1 });
      const uses = () => [
        spare.post('/v1/tasks', { need: 'x', max_credits: 1 }),
        spare.post(`/v1/tasks/${task}/pickup`),
        spare.get('/v1/me'),
      ];
      const early = i % 2 === 0 ? uses() : undefined;
      const revoked = agent.delete(`/v1/me/keys/${spare.keyId}`);
      const used = await Promise.all(early ?? uses());
      expect((await revoked).status).toBe(200);
      for (const { status } of used) expect([200, 201, 401]).toContain(status);
      one.clock.advance(secondMs / 2);
      expect((await Promise.all(uses())).map(({ status }) => status)).toEqual([401, 401, 401]);
    }
    expect((await one.ctx.audit()).broken).toEqual([]);
  });
});

onBothEngines('an answer with a secret in it', (engine) => {
  it('is kept for ten minutes under a long idempotency key, which alone can read it', async () => {
    const { market, agent } = await open(engine);
    for (const short of ['x', 'y'.repeat(15)]) {
      expectError(await agent.post('/v1/me/keys', { name: 'x' }, { 'idempotency-key': short }), 400);
      expectError(await market.admin.post('/v1/admin/invites', {}, { 'idempotency-key': short }), 400);
    }
    const requests = [
      (headers: Record<string, string>) => agent.post('/v1/me/keys', { name: 'x' }, headers),
      (headers: Record<string, string>) => market.admin.post('/v1/admin/invites', {}, headers),
      (headers: Record<string, string>) =>
        market.admin.post(`/v1/admin/agents/${agent.id}`, { reissue_key: true }, headers),
    ];
    for (const request of requests) {
      const once = sealed();
      const first = await request(once);
      expect(first.status, first.text).toBeLessThan(300);
      market.clock.advance(9 * minuteMs);
      expect((await request(once)).body).toEqual(first.body);
      const secret = String(first.body.api_key ?? codeOf(first));
      const stored = JSON.stringify(await readTables(market.url));
      expect(stored).not.toContain(secret);
      expect(stored).not.toContain(once['idempotency-key']);
    }
    market.clock.advance(secondMs);
  });
});

onBothEngines('the operator', (engine) => {
  it('gives an agent a new key, and all its others end', async () => {
    const { market, agent } = await open(engine);
    const spare = await makeKey(market, agent, { scopes: ['read'] });
    expect((await market.admin.post(`/v1/admin/agents/${agent.id}`, {})).body).toEqual({ agent_id: agent.id });
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
