import { type Endpoint, type EndpointName, endpoints, type Scope, scopes } from '@pinchwork/sdk/table';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Door, openDoor } from '../../src/doors/invoke.ts';
import { sqlite } from '../support/engines.ts';
import { Market } from '../support/market.ts';

/** The endpoints that take a scope other than `read`, as contract section 10 lists them. */
const needed: Partial<Record<EndpointName, readonly Scope[]>> = {
  createTask: ['post'],
  approve: ['post'],
  reject: ['post'],
  cancel: ['post'],
  answerQuestion: ['post'],
  pickupNext: ['work'],
  pickupBatch: ['work'],
  pickup: ['work'],
  deliver: ['work'],
  heartbeat: ['work'],
  abandon: ['work'],
  dispute: ['work'],
  decline: ['post', 'work'],
  askQuestion: ['work'],
  sendMessage: ['post', 'work'],
  rate: ['post', 'work'],
  report: ['post', 'work'],
  updateMe: ['manage'],
  deleteMe: ['manage'],
  redeliver: ['manage'],
  testWebhook: ['manage'],
  listKeys: ['manage'],
  createKey: ['manage'],
  revokeKey: ['manage'],
};

const rows = Object.values<Endpoint>(endpoints).filter(({ auth }) => auth === 'agent');

describe('a key with one scope', () => {
  let market: Market;
  let door: Door;
  const keys = new Map<Scope, string>();
  beforeAll(async () => {
    market = await Market.open(await sqlite.marketUrl());
    door = openDoor(market.ctx);
    const agent = await market.register('owner');
    for (const scope of scopes) {
      const { body } = await agent.post('/v1/me/keys', { name: scope, scopes: [scope] });
      keys.set(scope, body.api_key);
    }
  });
  afterAll(() => market.close());

  it.each(rows.map((row) => [row.name, row] as const))('is let in to %s as the contract says', async (name, row) => {
    const mayCall: Scope[] = [];
    for (const [scope, key] of keys) {
      const { refusal } = await door.admit(row, { key, address: '192.0.2.1' });
      if (refusal === undefined) mayCall.push(scope);
      else expect(refusal.code).toBe('scope_missing');
    }
    expect(mayCall).toEqual(needed[name as EndpointName] ?? scopes);
  });
});
