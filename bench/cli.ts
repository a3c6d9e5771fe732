import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from './figures.ts';
import { table, verdict } from './report.ts';

/**
 * How much longer the command line takes to start than bare Node. The three programs run in turn, so that all see the
 * same machine; the median of each counts. The board is answered by a server in this process, which has one task.
 */

const rounds = 25;
const bundle = join(import.meta.dirname, '../packages/cli/dist/pinchwork.mjs');
const home = mkdtempSync(join(tmpdir(), 'pinchwork-bench-'));
const task = {
  task_id: 'tk-AbCdEfGh1234',
  need: 'Name three colours',
  context: null,
  max_credits: 10,
  tags: ['colours'],
  created_at: '2026-01-01T00:00:00+00:00',
  deadline: null,
};
const board = createServer((_, response) => {
  const body = JSON.stringify({ tasks: [task], total: 1, next_cursor: null });
  response.writeHead(200, { 'content-type': 'application/json' }).end(body);
});
await new Promise<void>((resolve) => board.listen(0, '127.0.0.1', resolve));
const server = `http://127.0.0.1:${(board.address() as AddressInfo).port}`;
const env = { PATH: process.env.PATH, HOME: home, PINCHWORK_SERVER: server, PINCHWORK_API_KEY: 'pwk-bench' };

/** Milliseconds from the start of a process to its end. @throws Error if it fails */
async function timed(args: readonly string[]): Promise<number> {
  const start = performance.now();
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`node ${args.join(' ')} ended with ${String(code)}`);
  return performance.now() - start;
}

const bareNode = 'bare Node';
const programs: Readonly<Record<string, readonly string[]>> = {
  [bareNode]: ['-e', '0'],
  'pinchwork --version': [bundle, '--version'],
  'pinchwork tasks list': [bundle, 'tasks', 'list'],
};
/** The milliseconds that a program may take more than bare Node. */
const most: Readonly<Record<string, number>> = { 'pinchwork --version': 40, 'pinchwork tasks list': 80 };
const times = new Map<string, number[]>(Object.keys(programs).map((name) => [name, []]));
for (let round = 0; round <= rounds; round++) {
  for (const [name, args] of Object.entries(programs)) {
    const ms = await timed(args);
    // The first round fills the caches of the disk.
    if (round > 0) times.get(name)!.push(ms);
  }
}
const bare = median(times.get(bareNode)!);
const rows = [...times].map(([name, values]) => {
  const ms = median(values);
  const more = ms - bare;
  const limit = most[name];
  const beyond = limit === undefined ? ['', '', ''] : [more.toFixed(0), `<= ${limit}`, verdict(more <= limit)];
  return [name, ms.toFixed(0), ...beyond];
});
console.log(`node ${process.version}, median of ${rounds}\n`);
console.log(table([['program', 'ms', 'more than bare Node', 'wanted', ''], ...rows]));
board.close();
board.closeAllConnections();
rmSync(home, { recursive: true });
