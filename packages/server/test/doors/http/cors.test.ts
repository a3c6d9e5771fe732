import { describe, expect, it } from 'vitest';
import { sqlite } from '../../support/engines.ts';
import { Market } from '../../support/market.ts';

describe('web pages of other origins', () => {
  const from = (origin: string) => ({ origin });
  const preflight = (market: Market, origin: string) =>
    market.request({
      method: 'OPTIONS',
      url: '/v1/tasks',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    });

  it('are kept out by default', async () => {
    const market = await Market.fresh(sqlite);
    const { status, headers } = await preflight(market, 'https://app.example');
    expect(status).toBe(405);
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });

  it('may call when they are listed, and can read refusals too', async () => {
    const market = await Market.fresh(sqlite, {
      PINCHWORK_CORS_ORIGINS: 'https://app.example',
      PINCHWORK_RATE_LIMIT_READ: '1/minute',
    });
    const asked = await preflight(market, 'https://app.example');
    expect(asked.status).toBe(204);
    expect(asked.headers).toMatchObject({
      'access-control-allow-origin': 'https://app.example',
      'access-control-allow-methods': 'GET, POST, PATCH, DELETE',
    });
    expect(asked.headers['access-control-allow-headers']).toContain('Idempotency-Key');
    expect(asked.headers['access-control-allow-credentials']).toBeUndefined();
    const get = (url: string, origin: string) => market.request({ method: 'GET', url, headers: from(origin) });
    for (const status of [401, 429]) {
      const reply = await get('/v1/me', 'https://app.example');
      expect(reply.status).toBe(status);
      expect(reply.headers['access-control-allow-origin']).toBe('https://app.example');
      expect(reply.headers['access-control-expose-headers']).toContain('Retry-After');
      expect(reply.headers.vary).toBe('Accept, Origin');
    }
    for (const origin of ['https://evil.example', 'https://app.example.evil', 'null', 'http://app.example']) {
      expect((await get('/health', origin)).headers['access-control-allow-origin']).toBeUndefined();
      expect((await preflight(market, origin)).status).not.toBe(204);
    }
  });

  it('may call from any origin when the setting is *', async () => {
    const market = await Market.fresh(sqlite, { PINCHWORK_CORS_ORIGINS: '*' });
    const reply = await market.request({ method: 'GET', url: '/health', headers: from('https://any.example') });
    expect(reply.headers['access-control-allow-origin']).toBe('*');
    expect(reply.headers.vary).toBe('Accept');
  });
});
