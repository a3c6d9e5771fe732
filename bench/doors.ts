import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Child } from './children.ts';
import { type Cleanup, runWithCleanup } from './cleanup.ts';
import { type Door, doors } from './doors/doors.ts';
import { openEngine } from './engines.ts';
import { median } from './figures.ts';
import { Connection, expectStatus, fieldsOf, postTemplate } from './http.ts';
import { describeMachine } from './machine.ts';
import { wholeNumber } from './options.ts';
import { table, verdict } from './report.ts';
import { startServerOn } from './sides.ts';

/** What posting a task costs by each door, beside REST, in processor time of the server. */
const usage = `npm run bench:doors -- [options]

  --calls N      tasks posted by each door in each round (2000)
  --rounds N     rounds that count (5)
  --help         this text`;

/** The part of REST's rate, by processor time, that each door must reach. */
const wantedShare = 0.6;
const lanes = 4;
const settings = { PINCHWORK_INITIAL_CREDITS: '1000000', PINCHWORK_TEXT_MB_PER_DAY: 'off' };

async function main(calls: number, rounds: number, cleanup: Cleanup): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'pinchwork-bench-'));
  cleanup.add(() => rmSync(folder, { recursive: true, force: true }));
  console.log(`${describeMachine(folder)}\n`);
  const engine = await openEngine('sqlite', folder, cleanup);
  const server = await startServerOn(await engine.freshUrl(), cleanup, settings);
  const register = await Connection.open(server.url);
  const request = postTemplate(server.url.host, undefined, { name: 'poster' })('/v1/register');
  const key = fieldsOf(expectStatus(await register.send(request), 201)).api_key as string;
  register.close();
  const costs = new Map<Door, number[]>(doors.map((door) => [door, []]));
  // The first round warms up.
  for (let round = -1; round < rounds; round++) {
    for (const door of doors) {
      const cost = await costOf(door, { server, key, calls });
      if (round >= 0) costs.get(door)!.push(cost);
    }
  }
  await server.stop();
  console.log(table([['create by', 'CPU, ms', 'of REST’s rate', 'wanted', ''], ...rowsOf(costs)]));
}

interface Load {
  readonly server: Child;
  readonly key: string;
  readonly calls: number;
}

/** Posts tasks by a door. @returns the processor time of the server for each, in milliseconds. */
async function costOf(door: Door, { server, key, calls }: Load): Promise<number> {
  const request = door.request(server.url.host, key);
  const before = server.cpuMs()!;
  await Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      const connection = await Connection.open(server.url);
      for (let i = lane; i < calls; i += lanes) door.check(await connection.send(request(i)));
      connection.close();
    }),
  );
  return (server.cpuMs()! - before) / calls;
}

function rowsOf(costs: ReadonlyMap<Door, readonly number[]>): string[][] {
  const [[, rest]] = [...costs] as [[Door, readonly number[]]];
  return [...costs].map(([{ name }, own]) => {
    const share = median(own.map((cost, i) => rest[i]! / cost));
    const percent = (part: number) => `${(part * 100).toFixed(0)} %`;
    return [name, median(own).toFixed(3), percent(share), `>= ${percent(wantedShare)}`, verdict(share >= wantedShare)];
  });
}

const { values } = parseArgs({
  options: {
    calls: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '5' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) console.log(usage);
else {
  const [calls, rounds] = [wholeNumber('--calls', values.calls, 10_000), wholeNumber('--rounds', values.rounds, 20)];
  await runWithCleanup((cleanup) => main(calls, rounds, cleanup));
}
