import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import ts from 'typescript';

/**
 * Finds exports that no other file uses, exports that only tests use, and dependencies that no file of their package
 * uses. `npm run unused` prints them and fails if there are any.
 *
 * What only tests use is dead code of the product, unless `forTests` gives a reason. A test may use an export that
 * the rest of its own file uses too.
 *
 * An export counts as used if another file names it, or if it is reachable from an entry point of its package (`exports` in
 * package.json).
 */

const root = join(import.meta.dirname, '..');

/** The exports that exist for tests, with the reason. */
const forTests: Readonly<Record<string, string>> = {
  'docs/floors.ts: upwardImports': 'the rule that the test holds; the script prints the graph',
  'docs/skill.ts: writtenSkill': 'what the test compares with the guide',
  'packages/server/src/ground/log.ts: logInto': 'a log that a test can read',
  'packages/server/src/storage/prepared.ts: declaredQueries': 'the list of the queries whose plans are tested',
};

/** Exports by what is wrong with them, each as `path: name`, sorted. */
interface Findings {
  /** No other file uses it. */
  readonly unused: string[];
  /** Only tests use it: neither another file of the product nor the rest of its own file. */
  readonly onlyTested: string[];
}

const isTest = (path: string) => /\/test\/|\.test\.ts$/.test(path);

export function judgeExports(program: ts.Program, entryPoints: readonly string[], folder: string): Findings {
  const checker = program.getTypeChecker();
  const sources = program
    .getSourceFiles()
    .filter(({ fileName, isDeclarationFile }) => !isDeclarationFile && !fileName.includes('/node_modules/'));
  const uses = usesOf(checker, sources);
  for (const path of entryPoints)
    for (const symbol of exportsOf(checker, program.getSourceFile(path))) uses.product.add(symbol);
  const findings: Findings = { unused: [], onlyTested: [] };
  for (const source of sources) {
    for (const symbol of exportsOf(checker, source)) {
      if (!symbol.declarations?.some((declaration) => declaration.getSourceFile() === source)) continue;
      const name = `${relative(folder, source.fileName)}: ${symbol.name}`;
      if (uses.product.has(symbol)) continue;
      if (!uses.test.has(symbol)) findings.unused.push(name);
      else if (!uses.own.has(symbol) && !isTest(source.fileName)) findings.onlyTested.push(name);
    }
  }
  return { unused: findings.unused.sort(), onlyTested: findings.onlyTested.sort() };
}

/** The symbols that some other file of the product uses, that some other test uses, and that their own file uses. */
function usesOf(checker: ts.TypeChecker, sources: readonly ts.SourceFile[]) {
  const uses = { product: new Set<ts.Symbol>(), test: new Set<ts.Symbol>(), own: new Set<ts.Symbol>() };
  for (const source of sources) {
    const elsewhere = isTest(source.fileName) ? uses.test : uses.product;
    const visit = (node: ts.Node) => {
      const symbol = ts.isIdentifier(node) ? declared(checker, node) : undefined;
      const declarations = symbol?.declarations ?? [];
      if (symbol && declarations.length > 0) {
        if (declarations.every((declaration) => declaration.getSourceFile() !== source)) elsewhere.add(symbol);
        else if (!declarations.some((declaration) => nameOf(declaration) === node)) uses.own.add(symbol);
      }
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return uses;
}

const nameOf = (declaration: ts.Declaration) => ts.getNameOfDeclaration(declaration);

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
  /** A path, or paths by condition. */
  readonly exports?: Record<string, string | Record<string, string>>;
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
  const files = globSync([...patterns], { cwd: folder, exclude: (path) => /node_modules|dist/.test(path) });
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
    Object.values(packageAt(folder, []).manifest.exports ?? {}).map((entry) =>
      // Of an entry with conditions, the first is the source.
      join(folder, typeof entry === 'string' ? entry : Object.values(entry)[0]!),
    ),
  );
  const { unused, onlyTested } = judgeExports(programOf(join(root, 'tsconfig.json')), entryPoints, root);
  const accepted = Object.keys(forTests);
  const dead = onlyTested.filter((line) => !accepted.includes(line));
  const stale = accepted.filter((line) => !onlyTested.includes(line));
  const everywhere = packageAt(root, [
    '{bench,docs,examples,interop,mutate}/**/*.ts',
    '*.{ts,js}',
    'packages/*/{*,{src,test}/**/*}.{ts,tsx}',
  ]);
  const dependencies = [
    everywhere,
    ...packages.map((folder) => packageAt(folder, ['*.ts', 'src/**/*.{ts,tsx}'])),
  ].flatMap(({ manifest, texts }) => unusedDependencies(manifest, texts).map((name) => `${manifest.name}: ${name}`));
  for (const line of unused) console.log(`unused export: ${line}`);
  for (const line of dead) console.log(`used by tests alone: ${line}`);
  for (const line of stale) console.log(`not used by tests alone, take it off the list: ${line}`);
  for (const line of dependencies) console.log(`unused dependency: ${line}`);
  if (unused.length + dead.length + stale.length + dependencies.length > 0) process.exitCode = 1;
}
