import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expectStatus, postTemplate, taskIdOf } from '../http.ts';
import type { Attack } from './attack.ts';
import { type Attacker, post } from './attacker.ts';

/** What is written to the disk, and what the server sends to others: one account wears them out. */

/** JSON takes six bytes for each. */
const control = '\u0001';
const longest = JSON.stringify({ need: control.repeat(50_000), context: control.repeat(100_000), max_credits: 1 });

let count = 0;

/** Posts with an idempotency key of its own, so that the answer is stored. */
const postOnce = (host: string, path: string, key: string | undefined, body: string) =>
  post(host, path, key, body).replace('\r\nHost:', `\r\nIdempotency-Key: attack ${++count}\r\nHost:`);

/** An account creates a task each two seconds, which is what it may in the long run. */
const pauseMs = 2_000;

const pause = () => new Promise((resolve) => setTimeout(resolve, pauseMs));

/** Creates and cancels the longest tasks. */
async function createAndCancel(attacker: Attacker, key: string | undefined, signal: AbortSignal): Promise<void> {
  const { host } = attacker;
  while (!signal.aborted) {
    const reply = await attacker.send(postOnce(host, '/v1/tasks', key, longest));
    if (reply.status === 201) {
      await attacker.send(postOnce(host, `/v1/tasks/${taskIdOf(reply)}/cancel`, key, '{}'));
    }
    await pause();
  }
}

/** How many accounts have a webhook. One address may register five an hour. */
const owners = 12;

export const writers: readonly Attack[] = [
  {
    name: '4 accounts create and cancel the longest tasks, with idempotency keys',
    prepare: async (attacker) => {
      for (let i = 0; i < 4; i++) await attacker.register();
    },
    run: async (attacker, signal) => {
      await Promise.all(attacker.keys.map((key) => createAndCancel(attacker, key, signal)));
    },
  },
  {
    name: `${owners} webhooks of one host that never answers`,
    settings: { PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true' },
    prepare: async (attacker) => {
      const silent = createServer(() => undefined);
      await new Promise<void>((resolve) => silent.listen(0, attacker.address(200), resolve));
      silent.unref();
      const { address, port } = silent.address() as AddressInfo;
      for (let i = 0; i < owners; i++) {
        const key = await attacker.register();
        const body = { webhook_url: `http://${address}:${port}/${i}` };
        const connection = postTemplate(attacker.host, key, body)('/v1/me').replace('POST', 'PATCH');
        expectStatus(await attacker.send(connection), 200);
      }
    },
    run: async (attacker, signal) => {
      const [worker = '', ...others] = attacker.keys;
      const events = async (key: string) => {
        while (!signal.aborted) {
          const reply = await attacker.send(
            postTemplate(attacker.host, key, { need: 'x', max_credits: 1 })('/v1/tasks'),
          );
          if (reply.status === 201) {
            const path = `/v1/tasks/${taskIdOf(reply)}`;
            await attacker.send(postTemplate(attacker.host, worker, { question: 'Why?' })(`${path}/questions`));
            await attacker.send(postTemplate(attacker.host, key, {})(`${path}/cancel`));
          }
          await pause();
        }
      };
      await Promise.all(others.map(events));
    },
  },
];
