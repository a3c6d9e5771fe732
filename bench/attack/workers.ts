import { taskIdOf } from '../http.ts';
import type { Attack } from './attack.ts';
import { type Attacker, post } from './attacker.ts';

/** Accounts that pick up tasks: of the board, or of each other. */

/** JSON takes six bytes for each. */
const control = '\u0001';
const result = JSON.stringify({ result: control.repeat(500_000) });
const reject = JSON.stringify({ reason: control.repeat(5_000), feedback: control.repeat(5_000) });
const need = JSON.stringify({ need: 'x', max_credits: 1 });

/** The worker delivers the longest result and the poster rejects it, until the task has no rejections left. */
async function deliverAndReject(
  attacker: Attacker,
  [poster, worker]: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { host } = attacker;
  while (!signal.aborted) {
    const posted = await attacker.send(post(host, '/v1/tasks', poster, need));
    if (posted.status === 201) {
      const task = `/v1/tasks/${taskIdOf(posted)}`;
      await attacker.send(post(host, `${task}/pickup`, worker, '{}'));
      let last = 200;
      while (last === 200) {
        await attacker.send(post(host, `${task}/deliver`, worker, result));
        last = (await attacker.send(post(host, `${task}/reject`, poster, reject))).status;
      }
      await attacker.send(post(host, `${task}/abandon`, worker, '{}'));
      await attacker.send(post(host, `${task}/cancel`, poster, '{}'));
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

let count = 0;

/** Picks up as much as it gets, each time with an idempotency key of its own, and keeps it. */
async function claimAll(attacker: Attacker, key: string | undefined, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const request = post(attacker.host, '/v1/tasks/pickup/batch', key, '{"count": 10}');
    await attacker.send(request.replace('\r\nHost:', `\r\nIdempotency-Key: attack ${++count}\r\nHost:`));
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export const workers: readonly Attack[] = [
  {
    name: 'two accounts deliver and reject the longest results',
    prepare: async (attacker) => {
      for (let i = 0; i < 2; i++) await attacker.register();
    },
    run: (attacker, signal) => deliverAndReject(attacker, attacker.keys, signal),
  },
  {
    name: 'a new account picks up the whole board in batches, with idempotency keys',
    prepare: async (attacker) => {
      await attacker.register();
    },
    run: (attacker, signal) => claimAll(attacker, attacker.keys[0], signal),
  },
];
