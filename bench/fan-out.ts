import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Cleanup, runWithCleanup } from './cleanup.ts';
import { openEngine } from './engines.ts';
import { Connection, expectStatus, fieldsOf, postTemplate, taskIdOf } from './http.ts';
import { describeMachine } from './machine.ts';
import { wholeNumber } from './options.ts';
import { table, verdict } from './report.ts';
import { startServerOn } from './sides.ts';

/** Whether the events for matched agents keep up with tasks that are posted at a steady rate. */
const usage = `npm run bench:fan-out -- [options]

  --rate N      tasks posted a second (210)
  --agents N    agents that a task may match; the matcher chooses five (30)
  --seconds N   seconds of posting (15)
  --help        this text`;

const lanes = 8;
/** Where the server has its metrics while it is measured. */
const metricsPort = 19_464;
/** The outbox may hold what half a second of postings put into it. */
const mostWaitingSeconds = 0.5;

interface Amounts {
  readonly rate: number;
  readonly agents: number;
  readonly seconds: number;
}

async function main(amounts: Amounts, cleanup: Cleanup): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'pinchwork-bench-'));
  cleanup.add(() => rmSync(folder, { recursive: true, force: true }));
  console.log(`${describeMachine(folder)}\n`);
  const rows = [['', 'tasks/s', 'most waiting', 'wanted', 'empty after', '']];
  for (const name of ['sqlite', 'postgres'] as const) {
    const engine = await openEngine(name, folder, cleanup);
    const server = await startServerOn(await engine.freshUrl(), cleanup, {
      PINCHWORK_INITIAL_CREDITS: '1000000',
      PINCHWORK_METRICS_PORT: String(metricsPort),
    });
    await employ(server.url, await register(server.url, amounts.agents, 'Counting words'));
    rows.push([name, ...(await measure(server.url, amounts))]);
    await server.stop();
  }
  console.log(table(rows));
}

async function register(url: URL, count: number, goodAt?: string): Promise<string[]> {
  const connection = await Connection.open(url);
  const request = postTemplate(url.host, undefined, { name: 'agent', good_at: goodAt })('/v1/register');
  const keys: string[] = [];
  for (let i = 0; i < count; i++) {
    keys.push(fieldsOf(expectStatus(await connection.send(request), 201)).api_key as string);
  }
  connection.close();
  return keys;
}

/** Has one task of each agent approved: of agents without approved work, a task matches only one. */
async function employ(url: URL, keys: readonly string[]): Promise<void> {
  const connection = await Connection.open(url);
  const [posterKey] = (await register(url, 1)) as [string];
  const send = async (key: string, path: string, fields: object, status: number) =>
    expectStatus(await connection.send(postTemplate(url.host, key, fields)(path)), status);
  for (const key of keys) {
    const id = taskIdOf(await send(posterKey, '/v1/tasks', { need: 'Sing', max_credits: 1 }, 201));
    await send(key, `/v1/tasks/${id}/pickup`, {}, 200);
    await send(key, `/v1/tasks/${id}/deliver`, { result: 'Sung' }, 200);
    await send(posterKey, `/v1/tasks/${id}/approve`, {}, 200);
  }
  connection.close();
}

async function waiting(): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  return Number(/^pinchwork_outbox_waiting (\d+)/m.exec(text)?.[1]);
}

async function measure(url: URL, { rate, seconds }: Amounts): Promise<string[]> {
  const start = performance.now();
  const passed = () => (performance.now() - start) / 1_000;
  let posted = 0;
  let most = 0;
  const keys = await register(url, lanes);
  const posting = keys.map(async (key, lane) => {
    const connection = await Connection.open(url);
    const create = postTemplate(url.host, key, { need: 'Count the words', max_credits: 1 })('/v1/tasks');
    for (let i = 0; passed() < seconds; i++) {
      await sleep(Math.max(0, ((i * lanes + lane) / rate - passed()) * 1_000));
      expectStatus(await connection.send(create), 201);
      posted++;
    }
    connection.close();
  });
  const looking = (async () => {
    while (passed() < seconds) {
      await sleep(500);
      most = Math.max(most, await waiting());
    }
  })();
  await Promise.all([...posting, looking]);
  const reached = posted / passed();
  const end = performance.now();
  while ((await waiting()) > 0) await sleep(100);
  const wanted = Math.ceil(rate * mostWaitingSeconds);
  const isMet = most <= wanted && reached >= rate * 0.95;
  const after = `${((performance.now() - end) / 1_000).toFixed(1)} s`;
  return [reached.toFixed(0), String(most), `<= ${wanted}`, after, verdict(isMet)];
}

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '210' },
    agents: { type: 'string', default: '30' },
    seconds: { type: 'string', default: '15' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(usage);
else {
  const amounts = {
    rate: wholeNumber('--rate', values.rate, 10_000),
    agents: wholeNumber('--agents', values.agents, 10_000),
    seconds: wholeNumber('--seconds', values.seconds, 600),
  };
  await runWithCleanup((cleanup) => main(amounts, cleanup));
}
