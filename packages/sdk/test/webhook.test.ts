import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Webhook } from 'standardwebhooks';
import { deliveryHeaders } from '../../server/src/rules/webhooks/signature.ts';
import { verifyWebhook } from '../src/index.ts';

const body = JSON.stringify({ event: 'task_message', task_id: 'tk-1', data: { message_id: 'msg-1' }, timestamp: 'é' });
const whsec = `whsec_${Buffer.from('sixteen bytes !!').toString('base64')}`;

/** The time stands still: a delivery is exactly as old as its row says. */
const now = Date.now();
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'], now }));
afterEach(() => void vi.useRealTimers());

describe('verifyWebhook', () => {
  it.each(['a plain secret', whsec])('takes what the server signs with %j, and returns it', async (secret) => {
    const headers = deliveryHeaders('wd-1', Date.now(), body, secret);
    const capitals = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]));
    for (const each of [headers, new Headers(headers), capitals]) {
      expect(await verifyWebhook({ body, headers: each, secret })).toEqual(JSON.parse(body));
    }
    expect(await verifyWebhook({ body: new TextEncoder().encode(body), headers, secret })).toEqual(JSON.parse(body));
  });

  it('takes one good signature among several, as while a secret is changed', async () => {
    const at = new Date();
    const signatures = ['v1,AAAA', 'v1a,nonsense', 'v1,!', new Webhook(whsec).sign('wd-1', at, body)].join(' ');
    const headers = {
      'webhook-id': 'wd-1',
      'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': signatures,
    };
    expect(await verifyWebhook({ body, headers, secret: whsec })).toEqual(JSON.parse(body));
  });

  const signed = (at = now) => deliveryHeaders('wd-1', at, body, whsec);
  it.each([
    ['another secret', { body, headers: signed(), secret: 'another' }],
    ['another body', { body: `${body} `, headers: signed(), secret: whsec }],
    ['another id', { body, headers: { ...signed(), 'webhook-id': 'wd-2' }, secret: whsec }],
    ['an old delivery', { body, headers: signed(now - 301_000), secret: whsec }],
    ['a delivery of the future', { body, headers: signed(now + 302_000), secret: whsec }],
    ['a time that is no number', { body, headers: { ...signed(), 'webhook-timestamp': 'soon' }, secret: whsec }],
    ['a missing signature', { body, headers: { 'webhook-id': '1', 'webhook-timestamp': '1' }, secret: whsec }],
    ['a signature of another kind', { body, headers: { ...signed(), 'webhook-signature': 'v2,abcd' }, secret: whsec }],
    ['a secret that is no base64', { body, headers: signed(), secret: 'whsec_!' }],
  ])('refuses %s', async (_, input) => {
    await expect(verifyWebhook(input)).rejects.toMatchObject({ code: 'invalid_signature' });
  });
});
