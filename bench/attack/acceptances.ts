import { expectStatus, taskIdOf } from '../http.ts';
import type { Attack } from './attack.ts';
import { type Attacker, post } from './attacker.ts';

/** What a machine must check: acceptances and results that take as long as they can. */

/** Each level has the one below it twice. */
function doubling(): object {
  const $defs: Record<string, object> = { n60: { type: 'string' } };
  for (let i = 0; i < 60; i++) {
    const below = { $ref: `#/$defs/n${i + 1}` };
    $defs[`n${i}`] = { anyOf: [below, below] };
  }
  return { $defs, $ref: '#/$defs/n0' };
}

function nested(levels: number): object {
  let schema: object = {};
  for (let i = 0; i < levels; i++) schema = { allOf: [schema] };
  return schema;
}

const manyItems = JSON.stringify(Array.from({ length: 80_000 }, (_, i) => i % 70_000));

type Delivery = readonly [acceptance: object, result: string];

const plain: Delivery = [{ min_length: 2 }, '1'];

/** Acceptances, and results that they are compared with. */
const hostile: readonly Delivery[] = [
  [{ must_match: ['(.{1,90}x){1,10}y'] }, 'ax'.repeat(200_000)],
  [{ schema: doubling() }, '1'],
  [{ schema: { items: { enum: Array.from({ length: 4_000 }, (_, i) => i) } } }, manyItems],
  [{ schema: { uniqueItems: true } }, manyItems],
];

/** It can't be compiled. */
const refused = JSON.stringify({ need: 'x', max_credits: 1, acceptance: { schema: nested(1_500) } });

const pause = () => new Promise((resolve) => setTimeout(resolve, 100));

/** A worker delivers to its task what does not fit, and its poster posts a schema that can't be compiled. */
async function check(
  { attacker, poster, worker }: { attacker: Attacker; poster: string; worker: string },
  [acceptance, result]: Delivery,
  signal: AbortSignal,
): Promise<void> {
  const { host } = attacker;
  const body = JSON.stringify({ need: 'x', max_credits: 1, acceptance });
  const task = taskIdOf(expectStatus(await attacker.send(post(host, '/v1/tasks', poster, body)), 201));
  expectStatus(await attacker.send(post(host, `/v1/tasks/${task}/pickup`, worker, '{}')), 200);
  const delivery = post(host, `/v1/tasks/${task}/deliver`, worker, JSON.stringify({ result }));
  while (!signal.aborted) {
    await attacker.send(delivery);
    await attacker.send(post(host, '/v1/tasks', poster, refused));
    await pause();
  }
}

const pairs = 8;

export const acceptances: readonly Attack[] = [
  {
    name: `${2 * pairs} accounts deliver to acceptances that take long to check`,
    prepare: async (attacker) => {
      for (let i = 0; i < 2 * pairs; i++) await attacker.register();
    },
    run: async (attacker, signal) => {
      const { keys } = attacker;
      await Promise.all(
        Array.from({ length: pairs }, (_, i) => {
          const [poster = '', worker = ''] = keys.slice(2 * i);
          return check({ attacker, poster, worker }, hostile[i % hostile.length] ?? plain, signal);
        }),
      );
    },
  },
];
