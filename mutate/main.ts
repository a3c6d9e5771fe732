import { spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import ts from 'typescript';
import type { Fault } from './fault.ts';
import { faults } from './faults.ts';

/**
 * Inserts single faults into a copy of the sources, one at a time, runs the tests that should notice, and prints the
 * faults that no test notices.
 */
const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    jobs: { type: 'string', default: '2' },
    only: { type: 'string', default: '' },
  },
});

const help = `npm run test:mutate -- [options]

  --check       only checks that each fault still fits its file
  --only TEXT   only faults with TEXT in their name or file
  --jobs N      runs N faults at the same time (2)`;

const root = fileURLToPath(new URL('..', import.meta.url));
const longestRunMs = 5 * 60_000;
const longestWholeMs = 30 * 60_000;

async function main(): Promise<number> {
  const misfits = faults.filter((fault) => countIn(readFileSync(join(root, fault.file), 'utf8'), fault.find) !== 1);
  for (const { name, file, find } of misfits)
    console.error(`Does not stand in ${file} exactly once (${name}):\n${find}\n`);
  const broken = faults.filter((fault) => !misfits.includes(fault) && !parses(fault));
  for (const { name, file, put } of broken) console.error(`Leaves ${file} with a syntax error (${name}):\n${put}\n`);
  if (misfits.length + broken.length > 0) return 1;
  console.log(`${faults.length} faults, each fits its file`);
  return values.check ? 0 : runAll();
}

const countIn = (text: string, part: string) => text.split(part).length - 1;

const patched = (text: string, { find, put }: Fault) => text.replace(find, () => put);

/** Whether the file with the fault is still valid TypeScript. Otherwise every test would fail. */
function parses(fault: Fault): boolean {
  if (!fault.file.endsWith('.ts')) return true;
  const text = patched(readFileSync(join(root, fault.file), 'utf8'), fault);
  const options = { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext };
  return ts.transpileModule(text, { reportDiagnostics: true, compilerOptions: options }).diagnostics?.length === 0;
}

async function runAll(): Promise<number> {
  const chosen = faults.filter(({ name, file }) => `${name} ${file}`.includes(values.only));
  const folder = mkdtempSync(join(tmpdir(), 'pinchwork-mutate-'));
  const outcomes = new Map<Fault, Outcome>();
  try {
    const queue = [...chosen];
    const copies = Array.from({ length: Number(values.jobs) }, (_, i) => copyTree(join(folder, String(i))));
    await refuseBlindTests(copies[0]!, chosen);
    const work = async (copy: string) => {
      for (let fault = queue.shift(); fault !== undefined; fault = queue.shift()) {
        const outcome = await runOne(copy, fault);
        outcomes.set(fault, outcome);
        console.log(`${String(outcomes.size).padStart(4)}/${chosen.length} ${outcome.padEnd(9)} ${fault.name}`);
      }
    };
    await Promise.all(copies.map(work));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return report(chosen, outcomes);
}

/** `TIMED OUT`: the tests did not end in time, so it is unknown whether they notice the fault. */
type Outcome = 'noticed' | 'SURVIVED' | 'TIMED OUT';

const notCopied = ['node_modules', '.git', 'data'];

/** Copies this checkout without what is installed, since some tests read documents and settings beside the packages. */
function copyTree(to: string): string {
  for (const part of readdirSync(root).filter((name) => !notCopied.includes(name))) {
    cpSync(join(root, part), join(to, part), {
      recursive: true,
      filter: (path) => !path.includes('/node_modules') && !path.endsWith('/data'),
    });
  }
  linkModules(join(root, 'node_modules'), join(to, 'node_modules'));
  for (const name of readdirSync(join(root, 'packages'))) {
    linkModules(join(root, 'packages', name, 'node_modules'), join(to, 'packages', name, 'node_modules'));
  }
  return to;
}

/** Links each package by itself, so that `@pinchwork/…` leads to the copy and not to this checkout. */
function linkModules(from: string, to: string): void {
  let names: string[];
  try {
    names = readdirSync(from);
  } catch {
    return;
  }
  mkdirSync(to, { recursive: true });
  for (const name of names) {
    if (name === '.bin' || name === '.vite' || name === '.cache') continue;
    if (name === '@pinchwork') {
      mkdirSync(join(to, name));
      for (const own of readdirSync(join(from, name)))
        symlinkSync(join(dirname(to), 'packages', own), join(to, name, own));
    } else symlinkSync(join(from, name), join(to, name));
  }
}

/** @throws Error when tests fail in a copy without a fault, because they would fail for every fault. */
async function refuseBlindTests(copy: string, chosen: readonly Fault[]): Promise<void> {
  for (const [engine, own] of Map.groupBy(chosen, (fault) => fault.engine)) {
    const tests = [...new Set(own.flatMap((fault) => fault.tests))];
    if ((await outcomeOf(copy, tests, engine, longestWholeMs)) === 'SURVIVED') continue;
    throw new Error(`These tests fail on ${engine} without a fault: ${tests.join(' ')}`);
  }
}

async function runOne(copy: string, fault: Fault): Promise<Outcome> {
  const { file, tests, engine } = fault;
  const path = join(copy, file);
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, patched(text, fault));
  try {
    return await outcomeOf(copy, tests, engine);
  } finally {
    writeFileSync(path, text);
  }
}

/** Runs tests on a copy and returns their outcome. @throws Error when there are none. */
function outcomeOf(
  copy: string,
  tests: readonly string[],
  engine: Fault['engine'],
  longestMs = longestRunMs,
): Promise<Outcome> {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const options = ['--project', 'short*', '--bail', '1', '--maxWorkers', '1', '--testTimeout', '30000'];
  const run = spawn(process.execPath, [vitest, 'run', ...options, ...tests], {
    cwd: copy,
    env: { ...process.env, ENGINES: engine, CI: 'true', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: longestMs,
  });
  let output = '';
  for (const stream of [run.stdout, run.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text));
  return new Promise((resolve, reject) => {
    run.once('error', reject);
    run.once('close', (code) => {
      if (/No test files found|No projects matched/.test(output))
        reject(new Error(`No tests for ${tests.join(' ')}:\n${output}`));
      else resolve(code === 0 ? 'SURVIVED' : run.killed ? 'TIMED OUT' : 'noticed');
    });
  });
}

function report(chosen: readonly Fault[], outcomes: ReadonlyMap<Fault, Outcome>): number {
  const survivors = chosen.filter((fault) => outcomes.get(fault) === 'SURVIVED');
  const unexplained = survivors.filter(({ survives }) => survives === undefined);
  const late = chosen.filter((fault) => outcomes.get(fault) === 'TIMED OUT');
  const noticed = chosen.length - survivors.length - late.length;
  console.log(`\n${noticed} of ${chosen.length} faults were noticed.`);
  for (const { name, file, tests } of late) console.log(`\nTimed out: ${name}\n  ${file}, tests ${tests.join(' ')}`);
  for (const { name, file, tests, survives } of survivors) {
    console.log(`\nSurvived: ${name}\n  ${file}, tests ${tests.join(' ')}\n  ${survives ?? 'UNEXPLAINED'}`);
  }
  return unexplained.length + late.length === 0 ? 0 : 1;
}

if (values.help) console.log(help);
else process.exitCode = await main();
