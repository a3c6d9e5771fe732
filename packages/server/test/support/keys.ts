import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { Engine } from './engines.ts';
import { type Agent, Market } from './market.ts';

/** A market with one agent, the owner of keys. */
export async function openOwner(engine: Engine, env: Record<string, string> = {}) {
  const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '1000', ...env });
  return { market, agent: await market.register('owner') };
}

/** Makes a key, and speaks with it. */
export async function makeKey(market: Market, maker: Agent, fields: object = {}): Promise<Agent & { keyId: string }> {
  const { status, body, text } = await maker.post('/v1/me/keys', { name: 'spare', ...fields });
  expect(status, text).toBe(201);
  return Object.assign(market.client(maker.id, body.api_key), { keyId: body.key_id as string });
}

/** The list of the agent's keys. */
export const keysOf = async (agent: Agent) => (await agent.get('/v1/me/keys')).body;
export const rowOf = async (agent: Agent, keyId: string) =>
  (await keysOf(agent)).keys.find(({ key_id }: { key_id: string }) => key_id === keyId);

/** The headers of a request whose answer has a secret. */
export const sealed = () => ({ 'idempotency-key': randomUUID() });
