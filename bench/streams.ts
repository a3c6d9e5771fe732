import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Child } from './children.ts';
import { type Cleanup, runWithCleanup } from './cleanup.ts';
import { openEngine } from './engines.ts';
import { Connection, expectStatus, fieldsOf, postTemplate } from './http.ts';
import { describeMachine } from './machine.ts';
import { wholeNumber } from './options.ts';
import { table, verdict } from './report.ts';
import { startServerOn } from './sides.ts';
import { deliveryRow, measureDeliveries } from './wake-ups.ts';

/**
 * The cost of event streams: the memory of idle ones, and how long a delivery takes to reach a waiting poster, on one
 * server and between two.
 */
const usage = `npm run bench:streams -- [options]

  --streams N      idle event streams held open (10000)
  --deliveries N   deliveries timed for each row (300)
  --help           this text`;

const targets = { idleMiB: 400, sameServerMs: 10, otherServerMs: 50 };
const mebibyte = 1024 * 1024;
const streamsPerAgent = 10;
/** Descriptors that a process needs besides those of the streams. */
const spareDescriptors = 200;
const connecting = 50;
/** After this time V8 has collected most garbage of the connecting. */
const settleMs = 5_000;

async function main(streams: number, deliveries: number, cleanup: Cleanup): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'pinchwork-bench-'));
  cleanup.add(() => rmSync(folder, { recursive: true, force: true }));
  console.log(`${describeMachine(folder)}\n`);
  const rows = [['idle streams', 'wanted', 'measured', 'each', '']];
  const waits = [['wake-up', 'wanted p99', 'answer p50', 'p99', 'heard p50', 'p99', '']];

  const sqlite = await openEngine('sqlite', folder, cleanup);
  const server = await startServerOn(await sqlite.freshUrl(), cleanup);
  rows.push(await measureMemory(server, streams));
  await server.stop();

  for (const name of ['sqlite', 'postgres'] as const) {
    const engine = name === 'sqlite' ? sqlite : await openEngine(name, folder, cleanup);
    const database = await engine.freshUrl();
    const credits = { PINCHWORK_INITIAL_CREDITS: '1000000' };
    const one = await startServerOn(database, cleanup, credits);
    const here = await measureDeliveries(one.url, one.url, deliveries);
    for (const way of ['wait', 'stream'] as const) {
      waits.push(deliveryRow(`${way}, ${name}, same server`, targets.sameServerMs, here.deliver, here[way]));
    }
    if (name === 'postgres') {
      const other = await startServerOn(database, cleanup, credits);
      const there = await measureDeliveries(one.url, other.url, deliveries);
      for (const way of ['wait', 'stream'] as const) {
        waits.push(deliveryRow(`${way}, ${name}, other server`, targets.otherServerMs, there.deliver, there[way]));
      }
      await other.stop();
    }
    await one.stop();
  }
  console.log(
    `${table(rows)}\n\nMilliseconds from when a delivery is sent until it is answered, and until it is heard of:\n${table(waits)}`,
  );
}

/** Opens streams and keeps them idle. */
async function measureMemory(server: Child, wanted: number): Promise<string[]> {
  const streams = Math.min(wanted, descriptors() - spareDescriptors);
  if (streams < wanted) console.log(`Only ${streams} streams: this process may have no more files open (ulimit -n).\n`);
  const keys = await register(server.url, Math.ceil(streams / streamsPerAgent));
  await sleep(settleMs);
  const before = server.memory();
  const close: (() => void)[] = [];
  const open = async (lane: number) => {
    for (let i = lane; i < streams; i += connecting) close.push(await openStream(server.url, keys[i % keys.length]!));
  };
  await Promise.all(Array.from({ length: connecting }, (_, lane) => open(lane)));
  await sleep(settleMs);
  const after = server.memory();
  for (const end of close) end();
  const idleMiB = after / mebibyte;
  return [
    streams.toLocaleString('en-US'),
    `<= ${targets.idleMiB} MiB`,
    `${idleMiB.toFixed(0)} MiB`,
    `${((after - before) / 1024 / streams).toFixed(1)} KiB`,
    verdict(idleMiB <= targets.idleMiB),
  ];
}

/** How many files this process may open. Systems other than Linux count as unlimited, and opening too many fails. */
function descriptors(): number {
  if (process.platform !== 'linux') return Number.MAX_SAFE_INTEGER;
  const [, soft] = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  return soft === undefined ? Number.MAX_SAFE_INTEGER : Number(soft);
}

async function register(url: URL, count: number): Promise<string[]> {
  const connection = await Connection.open(url);
  const request = postTemplate(url.host, undefined, { name: 'listener' })('/v1/register');
  const keys: string[] = [];
  for (let i = 0; i < count; i++) {
    keys.push(fieldsOf(expectStatus(await connection.send(request), 201)).api_key as string);
  }
  connection.close();
  return keys;
}

/** Resolves when the headers have arrived. @returns a function that closes the stream. */
function openStream({ host, hostname, port }: URL, key: string): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.once('error', reject);
    socket.once('data', (chunk: Buffer) => {
      const head = chunk.toString('latin1');
      if (head.startsWith('HTTP/1.1 200 ')) resolve(() => socket.destroy());
      else reject(new Error(`A stream was answered:\n${head}`));
    });
    socket.write(`GET /v1/events HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${key}\r\n\r\n`);
  });
}

await runWithCleanup(async (cleanup) => {
  const { values } = parseArgs({
    options: {
      streams: { type: 'string', default: '10000' },
      deliveries: { type: 'string', default: '300' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) console.log(usage);
  else {
    const deliveries = wholeNumber('--deliveries', values.deliveries, 100_000);
    await main(wholeNumber('--streams', values.streams, 20_000), deliveries, cleanup);
  }
});
