import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { table } from './report.ts';
import type { Program } from './sides.ts';

/** The parts of a `.cpuprofile` that are read here. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly callFrame: { readonly functionName: string; readonly url: string };
    readonly hitCount?: number;
    readonly positionTicks?: readonly { readonly line: number; readonly ticks: number }[];
  }[];
}

/** Where a sample was taken: a function, its file, and the text of the line. */
interface Frame {
  readonly name: string;
  readonly url: string;
  readonly line: string;
}

const ours = /\/(packages\/(server|sdk)|bench)\//;

/** V8 counts a native add-on's time as its caller's, so calls into SQLite are recognised by their source line. */
const commit = /(begin|commit|savepoint|release)\.run\(/;
const statement = /\.(get|run|all)\(/;
const sqliteFile = /\/(storage\/sqlite\/(batches|statements)|floor\/(sqlite|leanest|group-commit))\.ts$/;

/** The first match counts. */
const groups: readonly [string, (frame: Frame) => boolean][] = [
  ['garbage collection', ({ name }) => name === '(garbage collector)'],
  ['SQLite: begin, savepoint, commit', ({ url, line }) => sqliteFile.test(url) && commit.test(line)],
  ['SQLite: statements', ({ url, line }) => sqliteFile.test(url) && statement.test(line)],
  ['pg', ({ url }) => /node_modules\/(pg|pg-.*|postgres-.*)\//.test(url)],
  ['JSON', ({ line }) => /JSON\.(parse|stringify)\(/.test(line)],
  ['zod and contract', ({ url }) => /node_modules\/zod\/|packages\/sdk\//.test(url)],
  ['hashing, random', ({ url, line }) => url.includes('internal/crypto') || /\b(hash|random\w+)\(/.test(line)],
  ['Fastify', ({ url }) => /node_modules\/(fastify|find-my-way|fast-|avvio|light-my|@fastify)/.test(url)],
  ['Kysely, binding', ({ url }) => /node_modules\/kysely\/|\/storage\/prepared\.ts$/.test(url)],
  ['Node: HTTP, streams, sockets', ({ url }) => /^node:.*(http|net$|stream|events)/.test(url)],
  ['Node: other', ({ url }) => url.startsWith('node:')],
  ['own code', ({ url }) => ours.test(url)],
  ['V8, system calls, compiling', () => true],
];

/** How the programs spent their busy time, including the warm-up, and the paths of the full profiles. */
export function profileReport(folder: string, programs: readonly Program[]): string {
  const names = programs.map(({ name }) => name);
  const shares = names.map((name) => sharesOf(folder, name));
  const rows = groups
    .filter(([group]) => shares.some((share) => share.has(group)))
    .map(([group]) => [group, ...shares.map((share) => `${((share.get(group) ?? 0) * 100).toFixed(1)} %`)]);
  return `${table([['self time', ...names], ...rows])}\n\n  Profiles: ${folder}`;
}

function sharesOf(folder: string, name: string): Map<string, number> {
  const { nodes } = JSON.parse(readFileSync(join(folder, `${name}.cpuprofile`), 'utf8')) as CpuProfile;
  const lineOf = sourceReader();
  const ticksOf = new Map<string, number>();
  let all = 0;
  for (const { callFrame, hitCount = 0, positionTicks } of nodes) {
    const { functionName: name, url } = callFrame;
    if (name === '(idle)' || name === '(root)') continue;
    for (const { line, ticks } of positionTicks ?? [{ line: 0, ticks: hitCount }]) {
      const frame = { name, url, line: lineOf(url, line) };
      const [group] = groups.find(([, fits]) => fits(frame))!;
      ticksOf.set(group, (ticksOf.get(group) ?? 0) + ticks);
      all += ticks;
    }
  }
  return new Map([...ticksOf].map(([group, ticks]) => [group, ticks / all]));
}

/** Reads lines of the source files: stripping the types leaves every line where it was. */
function sourceReader() {
  const files = new Map<string, readonly string[]>();
  return (url: string, line: number): string => {
    if (!url.startsWith('file:')) return '';
    const lines = files.get(url) ?? readFileSync(fileURLToPath(url), 'utf8').split('\n');
    files.set(url, lines);
    return lines[line - 1] ?? '';
  };
}
