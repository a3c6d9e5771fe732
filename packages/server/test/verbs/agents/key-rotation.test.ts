import { expect, it } from 'vitest';
import { hourMs, minuteMs, secondMs } from '../../../src/ground/clock.ts';
import { onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { postTask, type Reply } from '../../support/market.ts';
import { readTables } from '../../support/tables.ts';
import { openOwner, makeKey, keysOf, sealed } from '../../support/keys.ts';

const codeOf = ({ body }: Reply) => body.code as string;

onBothEngines('a rotated key', (engine) => {
  it('is replaced by one of the same terms and ends', async () => {
    const { market, agent } = await openOwner(engine);
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
    const { market, agent } = await openOwner(engine);
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
    const { market, agent } = await openOwner(engine);
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
    const { market, agent } = await openOwner(engine);
    const key = await makeKey(market, agent);
    await agent.delete(`/v1/me/keys/${key.keyId}`);
    expectError(await key.post('/v1/me/keys/rotate', {}, sealed()), 401);
  });

  it('does not read the answer of another key of the agent, with the same idempotency key', async () => {
    const { market, agent } = await openOwner(engine);
    const reader = await makeKey(market, agent, { scopes: ['read'] });
    const once = sealed();
    const { body } = await agent.post('/v1/me/keys/rotate', { overlap_minutes: 10 }, once);
    const other = await reader.post('/v1/me/keys/rotate', { overlap_minutes: 10 }, once);
    expectError(other, 422);
    expect(other.text).not.toContain(body.api_key);
  });

  it('has no overlap while the key before it still works, so that no key fills the list of keys', async () => {
    const { market, agent } = await openOwner(engine);
    const reader = await makeKey(market, agent, { scopes: ['read'] });
    const { body } = await reader.post('/v1/me/keys/rotate', { overlap_minutes: 1_440 });
    const next = market.client(agent.id, body.api_key);
    expectError(await next.post('/v1/me/keys/rotate', { overlap_minutes: 1_440 }), 409);
    expect((await next.post('/v1/me/keys/rotate')).status).toBe(201);
  });

  it('has one successor, however many rotate it at once', async () => {
    const { market, agent } = await openOwner(engine);
    const replies = await Promise.all(Array.from({ length: 6 }, () => agent.post('/v1/me/keys/rotate', {}, sealed())));
    const made = replies.filter(({ status }) => status === 201);
    expect(made).toHaveLength(1);
    for (const { status } of replies) expect([201, 401, 409]).toContain(status);
    expect((await keysOf(market.client(agent.id, made[0]!.body.api_key))).total).toBe(1);
  });
});

onBothEngines('an answer with a secret in it', (engine) => {
  it('is kept for ten minutes under a long idempotency key, which alone can read it', async () => {
    const { market, agent } = await openOwner(engine);
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
