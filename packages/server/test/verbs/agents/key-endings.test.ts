import { expect, it, onTestFinished } from 'vitest';
import { hourMs, minuteMs, secondMs } from '../../../src/ground/clock.ts';
import { onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { Market, postTask } from '../../support/market.ts';
import { readTables } from '../../support/tables.ts';
import { openOwner, makeKey, keysOf, rowOf, sealed } from '../../support/keys.ts';

const dayMs = 24 * hourMs;

onBothEngines('the keys of an agent', (engine) => {
  it('end no later than the key that made them', async () => {
    const { market, agent } = await openOwner(engine);
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
    const { market, agent } = await openOwner(engine);
    const key = await makeKey(market, agent, { expires_in_days: 1 });
    market.clock.advance(dayMs - 1);
    expect((await key.get('/v1/me')).status).toBe(200);
    market.clock.advance(1);
    expect(expectError(await key.get('/v1/me'), 401)).toContain('ended');
    expect((await keysOf(agent)).total).toBe(1);
  });

  it('end at once when they are revoked, once', async () => {
    const { market, agent } = await openOwner(engine);
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
    const { market, agent } = await openOwner(engine);
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
    const { market, agent } = await openOwner(engine);
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
    const { market, agent } = await openOwner(engine);
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
    const { market, agent } = await openOwner(engine);
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
    const { market, agent } = await openOwner(engine);
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
