import { expect, it } from 'vitest';
import { hourMs } from '../../../src/ground/clock.ts';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { Market } from '../../support/market.ts';

const open = (engine: Engine, mode: string) => Market.fresh(engine, { PINCHWORK_REGISTRATION: mode });

const register = (market: Market, fields: object = {}) =>
  market.client('', '').post('/v1/register', { name: 'guest', ...fields });

async function invite(market: Market, fields: object = {}) {
  const { status, body, text } = await market.admin.post('/v1/admin/invites', fields);
  expect(status, text).toBe(201);
  return body as { invite_id: string; code: string };
}

onBothEngines('registration', (engine) => {
  it('is refused to everybody while it is closed, with an invite too', async () => {
    const market = await open(engine, 'closed');
    const { code } = await invite(market);
    for (const fields of [{}, { invite: code }]) {
      const reply = await register(market, fields);
      expectError(reply, 403);
      expect(reply.body.code).toBe('registration_closed');
    }
    expect((await market.admin.get('/v1/admin/invites')).body.invites[0].used).toBe(0);
  });

  it('needs an invite where the operator says so', async () => {
    const market = await open(engine, 'invite');
    const refused = await register(market);
    expectError(refused, 403);
    expect(refused.body.code).toBe('invite_required');
    const { code } = await invite(market);
    expect((await register(market, { invite: code })).body.credits).toBe(100);
    const again = await register(market, { invite: code });
    expectError(again, 403);
    expect(again.body.code).toBe('invite_invalid');
  });

  it('honours an invite where anybody may register, and refuses a bad one there too', async () => {
    const market = await open(engine, 'open');
    const { code } = await invite(market, { credits: 250, uses: 2 });
    for (let i = 0; i < 2; i++) {
      const { body } = await register(market, { invite: code });
      expect(body.credits).toBe(250);
      expect(await market.balanceOf(market.client(body.agent_id, body.api_key))).toBe(250);
    }
    for (const bad of [code, 'pwi-nonsense']) {
      expect((await register(market, { invite: bad })).body.code).toBe('invite_invalid');
    }
    expect((await register(market)).status).toBe(201);
    expect((await market.ctx.audit()).broken).toEqual([]);
  });

  it('takes an invite of no credits at its word', async () => {
    const market = await open(engine, 'invite');
    const { code } = await invite(market, { credits: 0 });
    expect((await register(market, { invite: code })).body.credits).toBe(0);
  });

  it('takes no invite that has expired or was revoked', async () => {
    const market = await open(engine, 'invite');
    const [expired, revoked] = [await invite(market, { expires_in_hours: 1 }), await invite(market)];
    const { invite_id } = revoked;
    expect((await market.admin.delete(`/v1/admin/invites/${invite_id}`)).body).toEqual({ invite_id, revoked: true });
    expect((await market.admin.delete(`/v1/admin/invites/${invite_id}`)).status).toBe(200);
    expectError(await market.admin.delete('/v1/admin/invites/in-000000000000'), 404);
    market.clock.advance(hourMs);
    for (const { code } of [expired, revoked]) {
      expect((await register(market, { invite: code })).body.code).toBe('invite_invalid');
    }
  });

  it('lets one of several in that bring the same invite at once', async () => {
    const market = await open(engine, 'invite');
    const { code } = await invite(market);
    const replies = await Promise.all(Array.from({ length: 8 }, () => register(market, { invite: code })));
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(replies.filter(({ body }) => body.code === 'invite_invalid')).toHaveLength(7);
  });

  it('answers again to an idempotency key, which uses the invite once', async () => {
    const market = await open(engine, 'invite');
    const { code } = await invite(market);
    const once = { 'idempotency-key': 'a-long-idempotency-key' };
    const send = () => market.client('', '').post('/v1/register', { name: 'guest', invite: code }, once);
    const first = await send();
    expect(first.status).toBe(201);
    expect((await send()).body).toEqual(first.body);
  });
});

onBothEngines('invites', (engine) => {
  it('are listed without their codes, newest first, and each act is in the log', async () => {
    const market = await open(engine, 'invite');
    const first = await invite(market, { credits: 5, uses: 3, expires_in_hours: 24 });
    const second = await invite(market);
    await market.admin.delete(`/v1/admin/invites/${second.invite_id}`);
    await register(market, { invite: first.code });
    const { body, text } = await market.admin.get('/v1/admin/invites');
    expect(body).toMatchObject({
      total: 2,
      invites: [
        { invite_id: second.invite_id, credits: null, uses: 1, used: 0, expires_at: null, revoked: true },
        { invite_id: first.invite_id, credits: 5, uses: 3, used: 1, revoked: false },
      ],
    });
    for (const { code } of [first, second]) expect(text).not.toContain(code);
    const { actions } = (await market.admin.get('/v1/admin/log')).body;
    expect(actions.map(({ action }: { action: string }) => action)).toEqual([
      'revoke_invite',
      'create_invite',
      'create_invite',
    ]);
  });
});
