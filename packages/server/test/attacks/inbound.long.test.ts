import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { announced, Attacked, expectAllServed } from '../support/attacked.ts';
import { onBothEngines } from '../support/engines.ts';
import type { Client } from '../support/client.ts';
import type { Agent } from '../support/market.ts';
import { until } from '../support/until.ts';

/** Attacks by what comes in. Each test shows what honest clients see meanwhile: none of their requests fails. */

const kibibyte = 1024;
const longText = 'A long text. '.repeat(7_000);

const postLong = (agent: Agent) =>
  agent.post('/v1/tasks', { need: 'Summarise this', context: longText, max_credits: 1 });

/** Ordinary work of a new agent, each request on a connection of its own. */
async function work(attacked: Attacked): Promise<void> {
  const { id, key } = await attacked.client().register('honest');
  const ask = (send: (agent: Agent) => ReturnType<Client['send']>) => send(attacked.client().as({ id, key }));
  expectAllServed([
    await ask((agent) => agent.get('/v1/me')),
    await ask((agent) => agent.post('/v1/tasks', { need: 'Count the words', max_credits: 1 })),
    await ask(postLong),
    await ask((agent) => agent.get('/v1/tasks/available')),
    await ask((agent) => agent.get('/health')),
  ]);
}

onBothEngines('attacks by what comes in', (engine) => {
  describe.runIf(process.platform === 'linux')('connections', () => {
    it('that are silent yield to those of others when there are too many', async () => {
      const attacked = await Attacked.open(engine, { sockets: { most: 20 } });
      const honest = attacked.client();
      const agent = await honest.register('honest');
      const held = await attacked.hold(60, '');
      await work(attacked);
      expectAllServed([await agent.get('/v1/me')]);
      const { sockets } = attacked.core.shares;
      expect(sockets.used).toBeLessThanOrEqual(20);
      expect(sockets.cut).toBeGreaterThanOrEqual(40);
      await until(() => held.filter(({ socket }) => socket.closed).length >= 40);
    });

    it('that only replace others of the same address are closed at once when they are too many', async () => {
      const attacked = await Attacked.open(engine, { sockets: { most: 20 } });
      const held = await attacked.hold(400, '');
      await work(attacked);
      await until(() => held.filter(({ socket }) => socket.closed).length >= 380);
      expect(attacked.core.shares.sockets.cut).toBeLessThan(200);
    });

    it('of one holder may use all there are while nobody else needs one', async () => {
      const attacked = await Attacked.open(engine, { sockets: { most: 20 } });
      const held = await attacked.hold(20, announced('/v1/register'));
      await until(() => attacked.core.shares.sockets.used === 20);
      expect(held.filter(({ socket }) => socket.closed)).toEqual([]);
      expect(attacked.core.shares.sockets).toMatchObject({ cut: 0, refused: 0 });
    });

    it('of an agent are its own, so a crowd at the same address costs it none', async () => {
      const attacked = await Attacked.open(engine, { sockets: { most: 6 } });
      const { key } = await attacked.client().register('honest');
      const ask = `GET /v1/me HTTP/1.1\r\nHost: pinchwork\r\nAuthorization: Bearer ${key}\r\n\r\n`;
      const [honest] = await attacked.hold(1, ask, '127.0.0.1');
      const replies = () => honest!.received.match(/HTTP\/1\.1 200 /g)?.length ?? 0;
      await until(() => replies() === 1);
      await attacked.hold(20, '', '127.0.0.1');
      await work(attacked);
      honest!.socket.write(ask);
      await until(() => replies() === 2 || honest!.socket.closed);
      expect(replies()).toBe(2);
      expect(attacked.core.shares.sockets.cut).toBeGreaterThan(14);
    });

    it('of a trusted proxy belong to its clients, one by one', async () => {
      const attacked = await Attacked.open(engine, { sockets: { most: 20 } }, { PINCHWORK_TRUST_PROXY: '127.0.0.0/8' });
      await attacked.hold(30, announced('/v1/register', undefined, 100, 'X-Forwarded-For: 203.0.113.6'), '127.0.0.1');
      await work(attacked);
      const { sockets } = attacked.core.shares;
      await until(() => sockets.heldBy('203.0.113.6') > 0);
      expect(sockets.heldBy('127.0.0.1')).toBe(0);
      expect(sockets.used).toBeLessThanOrEqual(20);
    });
  });

  describe('bodies', () => {
    it.each([
      ['in chunks', undefined],
      ['with a length', 6 * kibibyte * kibibyte],
    ])('that are announced %s, and do not come, take no memory', async (_, length) => {
      const attacked = await Attacked.open(engine, { body_bytes: { most: 200 * kibibyte } });
      const { key } = await attacked.client().register('attacker');
      await attacked.hold(43, announced('/v1/tasks', key, length));
      await work(attacked);
      expect(attacked.core.shares.body_bytes).toMatchObject({ used: 0, refused: 0, cut: 0 });
    });

    it('that stop before their end yield to those of others', async () => {
      const attacked = await Attacked.open(engine, { body_bytes: { most: 400 * kibibyte } });
      const { id, key } = await attacked.client().register('attacker');
      const { body_bytes: share } = attacked.core.shares;
      const held = await attacked.hold(3, announced('/v1/tasks', key, 120 * kibibyte) + 'x'.repeat(119 * kibibyte));
      await until(() => share.heldBy(id) === 3 * 119 * kibibyte);
      await work(attacked);
      expect(share.cut).toBe(1);
      await until(() => held.some(({ received }) => received.startsWith('HTTP/1.1 503 ')));
      expect(share.heldBy(id)).toBe(2 * 119 * kibibyte);
    });

    it('count as long as they are held, and no longer', async () => {
      const attacked = await Attacked.open(engine, {});
      const agent = await attacked.client().register('honest');
      const { body_bytes: share } = attacked.core.shares;
      const waiting = agent.post('/v1/tasks', { need: 'x', context: longText, max_credits: 1, wait: 60 });
      await until(() => attacked.core.watch.count === 1);
      await until(() => share.used === 0);
      expect(attacked.core.watch.count).toBe(1);
      const [held] = await attacked.hold(
        1,
        announced('/v1/tasks', agent.key, 120 * kibibyte) + 'x'.repeat(99 * kibibyte),
      );
      await until(() => share.used === 99 * kibibyte);
      held!.socket.destroy();
      await until(() => share.used === 0);
      attacked.core.watch.close();
      expectAllServed([await waiting]);
    });

    it('to a path that nobody knows are not read', async () => {
      const attacked = await Attacked.open(engine, {});
      const [held] = await attacked.hold(1, announced('/v1/nothing', undefined, 1_000_000) + 'x'.repeat(99 * kibibyte));
      await until(() => held!.received !== '');
      expect(held!.received).toMatch(/^HTTP\/1\.1 404 /);
      expect(attacked.core.shares.body_bytes.used).toBe(0);
    });

    it('that are long are read in turn by holder, with others in between', async () => {
      const attacked = await Attacked.open(engine, {});
      const [attacker, honest] = [
        await attacked.client().register('attacker'),
        await attacked.client().register('honest'),
      ];
      const { loop } = attacked.core.shares;
      const turn = await loop.wait('somebody');
      const ended: string[] = [];
      // Refused as soon as it is read: how long the database takes says nothing of the turns.
      const refused = async (name: string, agent: Agent) => {
        const { status } = await agent.post('/v1/tasks', { context: longText });
        ended.push(`${name} ${status}`);
      };
      const all = Array.from({ length: 8 }, () => refused('attacker', attacker));
      await until(() => loop.waiting === 8);
      all.push(refused('honest', honest));
      await until(() => loop.waiting === 9);
      turn.release();
      await Promise.all(all);
      expect(ended.slice(0, 3)).toContain('honest 400');
    });
  });

  describe('a request that is odd', () => {
    const ask = async (attacked: Attacked, bytes: string) => {
      const [held] = await attacked.hold(1, bytes, '127.0.0.1');
      await once(held!.socket, 'close');
      return held!.received;
    };

    it.each([
      ['a path that can’t be decoded', 'GET /%zz HTTP/1.1\r\nHost: pinchwork\r\nConnection: close\r\n\r\n', 404],
      [
        'an encoded half of a character',
        'POST /v1/%e2%28 HTTP/1.1\r\nHost: pinchwork\r\nConnection: close\r\n\r\n',
        404,
      ],
      ['no HTTP', 'hello\r\n\r\n', 400],
      ['headers that are too large', `GET / HTTP/1.1\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
      ['CONNECT', 'CONNECT example.com:443 HTTP/1.1\r\nHost: pinchwork\r\n\r\n', 400],
    ])('is counted, has the security headers and is logged: %s', async (_, bytes, status) => {
      const attacked = await Attacked.open(
        engine,
        {},
        { PINCHWORK_RATE_LIMIT_READ: '2/minute', PINCHWORK_LOG_LEVEL: 'info' },
      );
      const lines: object[] = [];
      const { log } = attacked.core;
      log.info = (line: object) => void lines.push(line);
      const replies = [await ask(attacked, bytes), await ask(attacked, bytes), await ask(attacked, bytes)];
      expect(replies.map((reply) => Number(reply.slice(9, 12)))).toEqual([status, status, 429]);
      for (const reply of replies) {
        expect(reply).toMatch(/\r\nx-request-id: [0-9a-f-]{36}\r\n/i);
        expect(reply).toMatch(/\r\nx-content-type-options: nosniff\r\n/i);
        expect(reply).toMatch(/\r\ncontent-security-policy: /i);
      }
      expect(replies[2]).toMatch(/\r\nretry-after: \d+\r\n/i);
      await until(() => lines.length === 3);
      expect(lines[0]).toMatchObject({ status, address: '127.0.0.1', route: 'unknown' });
      expect(lines[2]).toMatchObject({ status: 429, code: 'rate_limited' });
    });
  });
});
