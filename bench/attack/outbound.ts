import { setTimeout as sleep } from 'node:timers/promises';
import { expectStatus, getRequest, postTemplate, taskIdOf } from '../http.ts';
import type { Attack } from './attack.ts';
import type { Attacker } from './attacker.ts';

/** What goes out: long replies, and many of them. */

/** JSON takes six bytes for each. */
const control = '\u0001';
const longest = { need: 50_000, context: 100_000, result: 500_000 };

const sendJson = async (attacker: Attacker, key: string, path: string, body: object) =>
  expectStatus(await attacker.send(postTemplate(attacker.host, key, body)(path)), 200, 201);

/** Makes a delivered task whose result is as long as it may be. @returns the path of the task. */
export async function deliverLongest(attacker: Attacker, poster: string, worker: string): Promise<string> {
  const task = `/v1/tasks/${taskIdOf(await sendJson(attacker, poster, '/v1/tasks', { need: 'x', max_credits: 1 }))}`;
  await sendJson(attacker, worker, `${task}/pickup`, {});
  await sendJson(attacker, worker, `${task}/deliver`, { result: control.repeat(longest.result) });
  return task;
}

export const unlimitedReads = { PINCHWORK_RATE_LIMIT_READ: 'off', PINCHWORK_READ_MB_PER_MINUTE: 'off' };

/** One account reads its own result over and over. */
const readers = (name: string, connections: number, settings: Record<string, string>): Attack => {
  let path = '';
  return {
    name,
    settings,
    prepare: async (attacker) => {
      const [poster, worker] = [await attacker.register(), await attacker.register()];
      path = await deliverLongest(attacker, poster, worker);
    },
    run: (attacker, signal) => attacker.repeat(getRequest(attacker.host, attacker.keys[0], path), connections, signal),
  };
};

/** Fills the front of the board. */
async function postLongest(attacker: Attacker, count: number, character: string): Promise<void> {
  const key = await attacker.register();
  const texts = { need: character.repeat(longest.need), context: character.repeat(longest.context) };
  for (let i = 0; i < count; i++) await sendJson(attacker, key, '/v1/tasks', { ...texts, max_credits: 1 });
}

/** More agents than a request examines by itself, so that a search of the directory runs apart. */
async function fillDirectory(attacker: Attacker): Promise<void> {
  for (let i = 0; i < 60; i++) await Promise.all(Array.from({ length: 40 }, () => attacker.register()));
}

export const outbound: readonly Attack[] = [
  readers('200 readers of one result of 3 MB', 200, {}),
  readers('200 readers of one result of 3 MB, without limits', 200, unlimitedReads),
  {
    name: '100 clients that do not read their result of 3 MB',
    settings: unlimitedReads,
    prepare: async (attacker) => {
      const [poster, worker] = [await attacker.register(), await attacker.register()];
      attacker.keys.push(await deliverLongest(attacker, poster, worker));
    },
    run: async (attacker, signal) => {
      const request = getRequest(attacker.host, attacker.keys[0], attacker.keys[2]!);
      for (let i = 0; i < 100; i++) attacker.socket(request, { read: false });
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
  },
  {
    name: '1,000 waits of 100 accounts, begun again whenever they end',
    settings: unlimitedReads,
    prepare: async (attacker) => {
      for (let i = 0; i < 100; i++) {
        const key = await attacker.register();
        const task = taskIdOf(await sendJson(attacker, key, '/v1/tasks', { need: 'x', max_credits: 1 }));
        attacker.keys[i] = getRequest(attacker.host, key, `/v1/tasks/${task}?wait=1`);
      }
    },
    run: async (attacker, signal) => {
      await Promise.all(attacker.keys.map((request) => attacker.repeat(request, 10, signal)));
    },
  },
  {
    name: '20,000 waits of 34 accounts',
    // Until all connections are open.
    leadSeconds: 15,
    prepare: async (attacker) => {
      for (let i = 0; i < 34; i++) {
        const key = await attacker.register();
        const task = taskIdOf(await sendJson(attacker, key, '/v1/tasks', { need: 'x', max_credits: 1 }));
        attacker.keys[i] = getRequest(attacker.host, key, `/v1/tasks/${task}?wait=60`);
      }
    },
    run: async (attacker, signal) => {
      for (let i = 0; i < 20_000 && !signal.aborted; i++) {
        attacker.socket(attacker.keys[i % attacker.keys.length], { address: attacker.address(i % 100) });
        if (i % 20 === 0) await sleep(10);
      }
    },
  },
  {
    name: 'searches of the directory without a key',
    settings: { ...unlimitedReads, PINCHWORK_RATE_LIMIT_REGISTER: 'off' },
    prepare: fillDirectory,
    run: (attacker, signal) =>
      attacker.repeat(getRequest(attacker.host, undefined, '/v1/agents?search=nobody-says-this'), 16, signal),
  },
  {
    name: 'a board of 27 tasks full of control characters',
    settings: { PINCHWORK_RATE_LIMIT_CREATE: 'off' },
    prepare: (attacker) => postLongest(attacker, 27, control),
    run: (attacker, signal) =>
      attacker.repeat(getRequest(attacker.host, attacker.keys[0], '/v1/tasks/mine?limit=100'), 4, signal),
  },
];
