import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';

/**
 * Finds exports that no other file uses, and dependencies that no file of their package uses. `npm run unused` prints them
 * and fails if there are any.
 *
 * An export counts as used if another file names it, or if it is reachable from an entry point of its package (`exports` in
 * package.json).
 */

const root = join(import.meta.dirname, '..');

/** The names of a file's exports that no other file uses, as `path: name`, sorted. */
export function unusedExports(program: ts.Program, entryPoints: readonly string[], folder: string): string[] {
  const checker = program.getTypeChecker();
  const sources = program
    .getSourceFiles()
    .filter(({ fileName, isDeclarationFile }) => !isDeclarationFile && !fileName.includes('/node_modules/'));
  const used = new Set<ts.Symbol>();
  for (const source of sources) {
    const visit = (node: ts.Node) => {
      const symbol = ts.isIdentifier(node) ? declared(checker, node) : undefined;
      if (symbol?.declarations?.every((declaration) => declaration.getSourceFile() !== source)) used.add(symbol);
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  for (const path of entryPoints)
    for (const symbol of exportsOf(checker, program.getSourceFile(path))) used.add(symbol);
  return sources
    .flatMap((source) =>
      exportsOf(checker, source)
        .filter((symbol) => symbol.declarations?.some((declaration) => declaration.getSourceFile() === source))
        .filter((symbol) => !used.has(symbol))
        .map((symbol) => `${relative(folder, source.fileName)}: ${symbol.name}`),
    )
    .sort();
}

/** Resolves an identifier through imports, re-exports and `const { name } = await import(…)`. */
function declared(checker: ts.TypeChecker, node: ts.Identifier): ts.Symbol | undefined {
  const { parent } = node;
  const symbol = ts.isShorthandPropertyAssignment(parent)
    ? checker.getShorthandAssignmentValueSymbol(parent)
    : ts.isBindingElement(parent) && ts.isObjectBindingPattern(parent.parent)
      ? checker.getTypeAtLocation(parent.parent).getProperty((parent.propertyName ?? node).getText())
      : checker.getSymbolAtLocation(node);
  return symbol && resolved(checker, symbol);
}

/** The named exports. Default exports are skipped, because threads load their modules by URL. */
function exportsOf(checker: ts.TypeChecker, source: ts.SourceFile | undefined): ts.Symbol[] {
  const module = source && checker.getSymbolAtLocation(source);
  const symbols = module ? checker.getExportsOfModule(module) : [];
  return symbols.filter(({ name }) => name !== 'default').map((symbol) => resolved(checker, symbol));
}

function resolved(checker: ts.TypeChecker, symbol: ts.Symbol): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

interface Manifest {
  readonly name: string;
  readonly scripts?: Record<string, string>;
  readonly exports?: Record<string, string>;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
}

/**
 * The dependencies in a manifest that neither its scripts nor a string in the texts name. `@types/x` is used if `x` is,
 * and `x` if a string names a package of the scope `@x/`.
 */
export function unusedDependencies(manifest: Manifest, texts: readonly string[]): string[] {
  const commands = Object.values(manifest.scripts ?? {}).join(' ');
  const named = (name: string) =>
    new RegExp(`(^|[ "])${name}( |$)`).test(commands) ||
    texts.some((text) => new RegExp(`['"\`@]${name}[/'"\`]`).test(text));
  const names = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies });
  return names.filter((name) => !named(name.replace(/^@types\//, '')));
}

/** The manifest of a package and the sources that may use its dependencies. */
function packageAt(folder: string, patterns: readonly string[]): { manifest: Manifest; texts: string[] } {
  const files = globSync([...patterns], { cwd: folder, exclude: (path) => path.includes('node_modules') });
  return {
    manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Manifest,
    texts: files.map((file) => readFileSync(join(folder, file), 'utf8')),
  };
}

function programOf(configPath: string): ts.Program {
  const { config } = ts.readConfigFile(configPath, (path) => ts.sys.readFile(path)) as { config: unknown };
  const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, dirname(configPath));
  return ts.createProgram(fileNames, options);
}

if (import.meta.main) {
  const packages = globSync('packages/*', { cwd: root }).map((folder) => join(root, folder));
  const entryPoints = packages.flatMap((folder) =>
    Object.values(packageAt(folder, []).manifest.exports ?? {}).map((path) => join(folder, path)),
  );
  const exports = unusedExports(programOf(join(root, 'tsconfig.json')), entryPoints, root);
  const everywhere = packageAt(root, [
    '{bench,docs,examples,mutate}/**/*.ts',
    '*.{ts,js}',
    'packages/*/{src,test}/**/*.ts',
  ]);
  const dependencies = [everywhere, ...packages.map((folder) => packageAt(folder, ['src/**/*.ts']))].flatMap(
    ({ manifest, texts }) => unusedDependencies(manifest, texts).map((name) => `${manifest.name}: ${name}`),
  );
  for (const line of exports) console.log(`unused export: ${line}`);
  for (const line of dependencies) console.log(`unused dependency: ${line}`);
  if (exports.length + dependencies.length > 0) process.exitCode = 1;
}
