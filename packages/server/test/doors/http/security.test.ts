import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import helmet from 'helmet';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sqlite } from '../../support/engines.ts';
import { Market } from '../../support/market.ts';

const policy =
  "default-src 'none';script-src 'self';style-src 'self';img-src 'self' data:;connect-src 'self';font-src 'self';base-uri 'none';form-action 'self';frame-ancestors 'none'";

const directives = {
  defaultSrc: ["'none'"],
  scriptSrc: ["'self'"],
  styleSrc: ["'self'"],
  imgSrc: ["'self'", 'data:'],
  connectSrc: ["'self'"],
  fontSrc: ["'self'"],
  baseUri: ["'none'"],
  formAction: ["'self'"],
  frameAncestors: ["'none'"],
};

describe('every reply', () => {
  it('has the security headers, whatever it answers', async () => {
    const market = await Market.fresh(sqlite);
    for (const [method, url, status] of [
      ['GET', '/health', 200],
      ['GET', '/v1/agents', 200],
      ['GET', '/human', 200],
      ['GET', '/skill.md', 200],
      ['GET', '/', 307],
      ['POST', '/v1/register', 400],
      ['GET', '/v1/me', 401],
      ['GET', '/nowhere', 404],
      ['DELETE', '/v1/me/stats', 405],
    ] as const) {
      const { status: got, headers } = await market.request({ method, url });
      expect(got).toBe(status);
      expect(headers).toMatchObject({
        'content-security-policy': policy,
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'x-frame-options': 'SAMEORIGIN',
        'cross-origin-opener-policy': 'same-origin',
      });
      expect(headers['strict-transport-security']).toBeUndefined();
      expect(headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  it('has the headers that helmet would set, and no others of its kind', async () => {
    const market = await Market.fresh(sqlite, { PINCHWORK_PUBLIC_URL: 'https://market.example' });
    const { headers } = await market.request({ method: 'GET', url: '/health' });
    const protect = helmet({
      contentSecurityPolicy: { useDefaults: false, directives },
      strictTransportSecurity: { maxAge: 31_536_000, includeSubDomains: false },
      crossOriginResourcePolicy: false,
    });
    const server = createServer((request, reply) => protect(request, reply, () => reply.end()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const { port } = server.address() as AddressInfo;
    const theirs = Object.fromEntries((await fetch(`http://127.0.0.1:${port}`)).headers);
    const ofTheConnection = ['connection', 'content-length', 'date', 'keep-alive', 'transfer-encoding'];
    const ofHelmet = Object.entries(theirs).filter(([name]) => !ofTheConnection.includes(name));
    expect(ofHelmet.length).toBe(11);
    expect(headers).toMatchObject(Object.fromEntries(ofHelmet));
  });

  it('asks for https from then on, where that is what the server is reached by', async () => {
    const market = await Market.fresh(sqlite, { PINCHWORK_PUBLIC_URL: 'https://market.example' });
    const { headers } = await market.request({ method: 'GET', url: '/health' });
    expect(headers['strict-transport-security']).toBe('max-age=31536000');
  });

  it('to a request with a key, or that brings one, is kept by no cache', async () => {
    const market = await Market.fresh(sqlite, { PINCHWORK_PUBLIC_URL: 'https://market.example' });
    const agent = await market.register();
    const { headers: registered } = await market.request({ method: 'POST', url: '/v1/register', payload: 'name' });
    const replies = [
      await agent.get('/v1/me'),
      await agent.get('/v1/tasks/tk-000000000000'),
      await agent.post('/v1/tasks', {}),
      await market.admin.get('/v1/admin/log'),
      await agent.get('/v1/capabilities'),
      await agent.get('/skill.md'),
    ];
    for (const headers of [registered, ...replies.map((reply) => reply.headers)]) {
      expect(headers['cache-control']).toBe('no-store');
    }
  });
});
