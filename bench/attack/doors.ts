import { expectStatus, fieldsOf, postTemplate, taskIdOf } from '../http.ts';
import type { Attack } from './attack.ts';
import { announce, type Attacker } from './attacker.ts';
import { deliverLongest, unlimitedReads } from './outbound.ts';

/** What is tried through REST, through the other doors: bodies, long replies, waits. */

const largest = 6 * 1024 * 1024;

/** How a door of another protocol is called. */
interface Door {
  readonly path: string;
  readonly headers: string;
  /** The body that reads a task. @param wait seconds */
  read(taskId: string, wait?: number): object;
}

const mcp: Door = {
  path: '/mcp',
  headers: '',
  read: (task_id, wait = 0) => ({
    ...{ jsonrpc: '2.0', id: 1, method: 'tools/call' },
    params: { name: 'pinchwork_task_detail', arguments: { task_id, wait } },
  }),
};

const a2a: Door = {
  path: '/a2a',
  headers: 'A2A-Version: 1.0\r\n',
  read: (id, wait = 0) => ({
    ...{ jsonrpc: '2.0', id: 1, method: wait === 0 ? 'GetTask' : 'SubscribeToTask' },
    params: { id },
  }),
};

const accept = 'Accept: application/json\r\n';

/** The beginning of a request of a door, whose body has this length. */
const head = ({ host, keys }: Attacker, { path, headers }: Door, length: number, key = keys[0]) =>
  announce(host, path, key, { length }).replace(accept, `Accept: application/json, text/event-stream\r\n${headers}`);

const request = (attacker: Attacker, door: Door, body: string, key?: string) =>
  head(attacker, door, Buffer.byteLength(body), key) + body;

const withAccount = async (attacker: Attacker) => {
  await attacker.register();
};

/** @param name how the rows of the door begin. */
function attacksOn(name: string, door: Door): Attack[] {
  let task = '';
  return [
    {
      name: `${name}: 6 MiB of [`,
      prepare: withAccount,
      run: (attacker, signal) => attacker.repeat(request(attacker, door, '['.repeat(largest)), 2, signal),
    },
    {
      name: `${name}: 400,000 keys`,
      prepare: withAccount,
      run: (attacker, signal) => {
        const keys = Array.from({ length: 400_000 }, (_, i) => `"k${i}":1`).join();
        const body = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{${keys}}}`;
        return attacker.repeat(request(attacker, door, body), 2, signal);
      },
    },
    {
      name: `${name}: 300 announced bodies of 6 MiB that never come`,
      prepare: withAccount,
      run: (attacker, signal) => attacker.hold(head(attacker, door, largest), 300, signal),
    },
    {
      name: `${name}: 200 readers of one result of 3 MB, without limits`,
      settings: unlimitedReads,
      prepare: async (attacker) => {
        const [poster, worker] = [await attacker.register(), await attacker.register()];
        task = (await deliverLongest(attacker, poster, worker)).split('/').at(-1) ?? '';
      },
      run: (attacker, signal) => attacker.repeat(request(attacker, door, JSON.stringify(door.read(task))), 200, signal),
    },
    {
      name: `${name}: 120 waits of one account, begun again whenever they end`,
      prepare: async (attacker) => {
        const key = await attacker.register();
        const make = postTemplate(attacker.host, key, { need: 'x', max_credits: 1 });
        const made = expectStatus(await attacker.send(make('/v1/tasks')), 201);
        if (fieldsOf(made).status !== 'posted') throw new Error('The task is not open');
        task = taskIdOf(made);
      },
      run: (attacker, signal) =>
        attacker.repeat(request(attacker, door, JSON.stringify(door.read(task, 1))), 120, signal),
    },
  ];
}

export const doors: readonly Attack[] = [...attacksOn('MCP', mcp), ...attacksOn('A2A', a2a)];
