import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import ts from 'typescript';

/**
 * The floors of the server, from the roof to the ground: a file imports from its own floor and from those below it.
 * `npm run floors` prints what imports what; `packages/server/test/docs/floors.test.ts` holds the order.
 */
export const floors = [
  'main.ts',
  'commands',
  'serve.ts',
  'metrics',
  'compose.ts',
  'doors',
  'backup',
  'jobs',
  'audit',
  'verbs',
  'rules',
  'storage',
  'ground',
] as const;

/** One file imports another; paths from the folder that was read. */
interface Import {
  readonly from: string;
  readonly to: string;
}

/** A folder's files and folders, importers first, and the imports of each. */
interface Folder {
  /** From the folder that was read; empty: that one itself. */
  readonly path: string;
  readonly children: ReadonlyMap<string, ReadonlySet<string>>;
}

/**
 * Reads the imports between the files of a folder, including imports of types, dynamic imports (`import(…)`) and
 * modules named by a URL (`new URL('./job.ts', import.meta.url)`).
 */
export function importsOf(root: string): Import[] {
  const files = globSync('**/*.ts', { cwd: root });
  return files.flatMap((from) => {
    const text = readFileSync(join(root, from), 'utf8');
    const imported = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
    const addressed = [...text.matchAll(/new URL\('(\.[^']+\.ts)', import\.meta\.url\)/g)].map(([, path]) => path!);
    return [...imported, ...addressed]
      .filter((path) => path.startsWith('.'))
      .map((path) => join(root, dirname(from), path))
      .filter((path) => path.endsWith('.ts') && existsSync(path))
      .map((path) => ({ from: from.replaceAll('\\', '/'), to: relative(root, path).replaceAll('\\', '/') }));
  });
}

/** The imports among the files and folders of each folder. */
export function foldersOf(imports: readonly Import[]): Folder[] {
  const folders = new Map<string, Map<string, Set<string>>>();
  for (const { from, to } of imports) {
    const [ours, theirs] = [from.split('/'), to.split('/')];
    let depth = 0;
    while (ours[depth] === theirs[depth] && depth < ours.length - 1) depth++;
    if (ours[depth] === theirs[depth]) continue;
    const path = ours.slice(0, depth).join('/');
    const children = folders.get(path) ?? new Map<string, Set<string>>();
    folders.set(path, children);
    for (const name of [ours[depth]!, theirs[depth]!]) if (!children.has(name)) children.set(name, new Set());
    children.get(ours[depth]!)!.add(theirs[depth]!);
  }
  return [...folders]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, children]) => ({
      path,
      children: new Map(inOrder(children).map((name) => [name, children.get(name)!])),
    }));
}

/** Sorts importers before their imports, except in cycles. */
function inOrder(children: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const order: string[] = [];
  const seen = new Set<string>();
  const visit = (name: string) => {
    if (seen.has(name)) return;
    seen.add(name);
    for (const next of children.get(name) ?? []) visit(next);
    order.unshift(name);
  };
  for (const name of [...children.keys()].sort().reverse()) visit(name);
  return order;
}

/** The cycles among the children of folders, each as `folder: a -> b -> a`. One for each child that takes part. */
export function cyclesOf(folders: readonly Folder[]): string[] {
  return folders.flatMap(({ path, children }) =>
    [...children.keys()].flatMap((start) => {
      const way = wayBack(children, start);
      return way === undefined ? [] : [`${path || '.'}: ${way.join(' -> ')}`];
    }),
  );
}

/** The shortest way from a child back to itself. */
function wayBack(children: ReadonlyMap<string, ReadonlySet<string>>, start: string): string[] | undefined {
  const ways = [[start]];
  const seen = new Set<string>();
  for (let way = ways.shift(); way !== undefined; way = ways.shift()) {
    for (const next of children.get(way.at(-1)!) ?? []) {
      if (next === start) return [...way, next];
      if (!seen.has(next)) ways.push([...way, next]);
      seen.add(next);
    }
  }
  return undefined;
}

/** The imports from a lower floor to a higher one, and those from or to a file on no floor. */
export function upwardImports(imports: readonly Import[]): string[] {
  const floorOf = (path: string) => (floors as readonly string[]).indexOf(path.split('/', 1)[0]!);
  return imports
    .filter(({ from, to }) => floorOf(from) < 0 || floorOf(to) < floorOf(from))
    .map(({ from, to }) => `${from} -> ${to}`);
}

/** The server's source. Another root may be given, to compare with. */
export const serverSource = posix.join(import.meta.dirname, '../packages/server/src');

if (import.meta.main) {
  const imports = importsOf(process.argv[2] ?? serverSource);
  const folders = foldersOf(imports);
  for (const { path, children } of folders) {
    console.log(`\n${path || '.'}`);
    for (const [name, imported] of children)
      console.log(`  ${name}${imported.size > 0 ? ` -> ${[...imported].sort().join(', ')}` : ''}`);
  }
  const cycles = cyclesOf(folders);
  console.log(`\n${imports.length} imports, ${folders.length} folders, ${cycles.length} files or folders in cycles`);
  for (const cycle of cycles) console.log(`  ${cycle}`);
}
