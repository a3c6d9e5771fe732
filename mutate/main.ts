import { spawn } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
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
    most: { type: 'string', default: 'Infinity' },
    outcomes: { type: 'string' },
  },
});

const help = `npm run test:mutate -- [options]

  --check       only checks that each fault still fits its file
  --only TEXT   only faults with TEXT in their name or file
  --jobs N      runs N faults at the same time (2)
  --outcomes F  keeps the outcomes in the file F, and runs only faults that F does not say were noticed
  --most N      runs at most N faults; with --outcomes the next run goes on`;

const root = fileURLToPath(new URL('..', import.meta.url));
const testFiles = globSync('packages/*/test/**/*.test.ts', { cwd: root });
const longestRunMs = 5 * 60_000;
const longestWholeMs = 30 * 60_000;

async function main(): Promise<number> {
  const misfits = faults.filter((fault) => countIn(readFileSync(join(root, fault.file), 'utf8'), fault.find) !== 1);
  for (const { name, file, find } of misfits)
    console.error(`Does not stand in ${file} exactly once (${name}):\n${find}\n`);
  const broken = faults.filter((fault) => !misfits.includes(fault) && !parses(fault));
  for (const { name, file, put } of broken) console.error(`Leaves ${file} with a syntax error (${name}):\n${put}\n`);
  const twice = faults.filter(({ name }, i) => faults.findIndex((other) => other.name === name) !== i);
  for (const { name } of twice) console.error(`Two faults have the name "${name}"`);
  const untested = faults.flatMap(({ name, tests }) => tests.map((part) => ({ name, part }))).filter(hasNoTests);
  for (const { name, part } of untested) console.error(`No test file has ${part} in its path (${name})`);
  if (misfits.length + broken.length + twice.length + untested.length > 0) return 1;
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
  const asked = faults.filter(({ name, file }) => `${name} ${file}`.includes(values.only));
  const outcomes = readOutcomes(asked);
  const left = asked.filter((fault) => outcomes.get(fault) !== 'noticed');
  const chosen = left.slice(0, Number(values.most));
  const folder = mkdtempSync(join(tmpdir(), 'pinchwork-mutate-'));
  let done = 0;
  const note = (fault: Fault, outcome: Outcome) => {
    outcomes.set(fault, outcome);
    console.log(`${String(++done).padStart(4)}/${chosen.length} ${outcome.padEnd(9)} ${fault.name}`);
    if (values.outcomes !== undefined) appendFileSync(values.outcomes, `${JSON.stringify([keyOf(fault), outcome])}\n`);
  };
  try {
    const queue = [...chosen];
    const copies = Array.from({ length: Number(values.jobs) }, (_, i) => copyTree(join(folder, String(i))));
    const failing = await failingTests(present(copies[0]), chosen);
    const work = async (copy: string) => {
      for (let fault = queue.shift(); fault !== undefined; fault = queue.shift()) {
        const { engine, tests } = fault;
        const isBlind = failing[engine].some((file) => tests.some((part) => file.includes(part)));
        note(fault, isBlind ? 'BLIND' : await runOne(copy, fault));
      }
    };
    await Promise.all(copies.map(work));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  console.log(`\n${left.length - chosen.length} faults are left to run.`);
  return report(
    asked.filter((fault) => outcomes.has(fault)),
    outcomes,
  );
}

/** A fault's identity. An outcome does not hold for another text or other tests. */
const keyOf = ({ file, find, put, tests, engine }: Fault) => JSON.stringify([file, find, put, tests, engine]);

/** The outcomes of earlier runs, from the file that `--outcomes` names. */
function readOutcomes(asked: readonly Fault[]): Map<Fault, Outcome> {
  if (values.outcomes === undefined || !existsSync(values.outcomes)) return new Map();
  const lines = readFileSync(values.outcomes, 'utf8').trim().split('\n');
  const known = new Map(lines.filter((line) => line !== '').map((line) => JSON.parse(line) as [string, Outcome]));
  return new Map(
    asked.flatMap((fault) => {
      const outcome = known.get(keyOf(fault));
      return outcome === undefined ? [] : [[fault, outcome] as const];
    }),
  );
}

function present<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('--jobs must be at least 1');
  return value;
}

/**
 * `TIMED OUT`: the tests did not end in time, so it is unknown whether they notice the fault. `BLIND`: they fail without
 * the fault too.
 */
type Outcome = 'noticed' | 'SURVIVED' | 'TIMED OUT' | 'BLIND';

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

/** The test files that fail in a copy without a fault, because they would fail for every fault. */
async function failingTests(copy: string, chosen: readonly Fault[]): Promise<Record<Fault['engine'], string[]>> {
  const failing: Record<Fault['engine'], string[]> = { sqlite: [], postgres: [] };
  const results = join(copy, 'results.json');
  for (const [engine, own] of Map.groupBy(chosen, (fault) => fault.engine)) {
    const tests = [...new Set(own.flatMap((fault) => fault.tests))];
    const outcome = await outcomeOf(copy, tests, engine, ['--reporter=json', `--outputFile=${results}`]);
    if (outcome === 'SURVIVED') continue;
    const { testResults } = JSON.parse(readFileSync(results, 'utf8')) as {
      testResults: { name: string; status: string }[];
    };
    failing[engine] = testResults.filter(({ status }) => status === 'failed').map(({ name }) => name);
    for (const file of failing[engine]) console.log(`Fails on ${engine} without a fault: ${file}`);
  }
  return failing;
}

async function runOne(copy: string, fault: Fault): Promise<Outcome> {
  const { file, tests, engine } = fault;
  const path = join(copy, file);
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, patched(text, fault));
  try {
    return await outcomeOf(copy, tests, engine, ['--bail', '1']);
  } finally {
    writeFileSync(path, text);
  }
}

const filesOf = (part: string): string[] => testFiles.filter((file) => file.includes(part));
const hasNoTests = ({ part }: { part: string }): boolean => filesOf(part).length === 0;

/**
 * The projects with these tests: the long ones take part only where the short ones have none, and where these run on
 * SQLite alone.
 */
function projectsOf(tests: readonly string[], engine: Fault['engine']): string[] {
  const isLong = tests.some((part) => filesOf(part).every((file) => file.endsWith('.long.test.ts')));
  const projects = ['short*', ...(isLong ? ['long'] : []), ...(engine === 'postgres' ? ['long on*'] : [])];
  return projects.flatMap((project) => ['--project', project]);
}

/** Runs tests on a copy and returns their outcome. @throws Error when there are none. */
function outcomeOf(
  copy: string,
  tests: readonly string[],
  engine: Fault['engine'],
  more: readonly string[],
): Promise<Outcome> {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs');
  const options = [...projectsOf(tests, engine), '--maxWorkers', '1', '--testTimeout', '30000', ...more];
  const run = spawn(process.execPath, [vitest, 'run', ...options, ...tests], {
    cwd: copy,
    env: { ...process.env, ENGINES: engine, CI: 'true', NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: more.includes('--bail') ? longestRunMs : longestWholeMs,
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
  const open = chosen.filter((fault) => ['TIMED OUT', 'BLIND'].includes(outcomes.get(fault) ?? ''));
  const noticed = chosen.length - survivors.length - open.length;
  console.log(`\n${noticed} of ${chosen.length} faults were noticed.`);
  for (const fault of open)
    console.log(`\n${outcomes.get(fault)}: ${fault.name}\n  ${fault.file}, tests ${fault.tests.join(' ')}`);
  for (const { name, file, tests, survives } of survivors) {
    console.log(`\nSurvived: ${name}\n  ${file}, tests ${tests.join(' ')}\n  ${survives ?? 'UNEXPLAINED'}`);
  }
  return unexplained.length + open.length === 0 ? 0 : 1;
}

if (values.help) console.log(help);
else process.exitCode = await main();
