import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import { onBothEngines } from '../support/engines.ts';
import type { Agent, Reply } from '../support/market.ts';
import { MortalServer } from '../support/mortal.ts';
import { Random, testSeed } from '../support/random.ts';

const kills = 4;
const owners = 6;

type Key = Pick<Agent, 'id' | 'key'>;

/** Sends a request until it is answered: the one that broke may have been carried out. */
async function repeat(server: MortalServer, agent: Key | undefined, path: string, body: object): Promise<Reply> {
  const headers = { 'idempotency-key': randomUUID() };
  for (;;) {
    const reply = await server.post(agent, path, body, headers);
    if (reply !== undefined) return reply;
  }
}

/** The live keys of an agent, as the server that is alive says. */
async function liveKeys(server: MortalServer, agent: Key): Promise<{ key_id: string }[]> {
  for (;;) {
    const client = await server.client();
    const reply = await client
      .as(agent)
      .get('/v1/me/keys')
      .catch(() => undefined);
    if (reply === undefined) continue;
    expect(reply.status, reply.text).toBe(200);
    return reply.body.keys;
  }
}

/** Rotates a key again and again, and always goes on with the newest. @returns how many times. */
async function rotateOnAndOn(server: MortalServer, name: string, goesOn: () => boolean): Promise<number> {
  const { body } = await repeat(server, undefined, '/v1/register', { name });
  let agent: Key = { id: body.agent_id, key: body.api_key };
  let rotations = 0;
  for (; goesOn() || rotations === 0; rotations++) {
    const { status, body, text } = await repeat(server, agent, '/v1/me/keys/rotate', {});
    expect(status, text).toBe(201);
    const earlier = agent;
    agent = { id: agent.id, key: body.api_key };
    expect((await liveKeys(server, agent)).map(({ key_id }) => key_id)).toEqual([body.key_id]);
    const refused = await repeat(server, earlier, '/v1/tasks', { need: 'x' });
    expect(refused.status).toBe(401);
  }
  return rotations;
}

onBothEngines('kill -9 in the middle of a rotation', (engine) => {
  it('locks nobody out, and leaves one live key where there is no overlap', async () => {
    console.log(`${engine.name}: ${kills} kills, seed ${testSeed}`);
    const random = new Random(testSeed);
    const server = new MortalServer(await engine.marketUrl());
    let goesOn = true;
    const killing = async () => {
      for (let kill = 0; kill < kills; kill++) {
        await server.untilAnswered(1 + random.below(60));
        await server.die();
      }
      goesOn = false;
    };
    const rotating = Array.from({ length: owners }, (_, i) => rotateOnAndOn(server, `owner ${i}`, () => goesOn));
    const [, ...rotations] = await Promise.all([killing(), ...rotating]);
    console.log(`${rotations.join(', ')} rotations, ${server.broken} requests broken off`);
    expect(server.broken).toBeGreaterThan(0);
    const client = await server.client();
    expect((await client.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
  });
});
