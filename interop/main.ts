import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { kitCommit, kits, runKit } from './a2a.ts';
import { libraries } from './clients/javascript.ts';
import { playWith } from './clients/story.ts';
import type { Result } from './market.ts';
import { requirements, runConformance } from './mcp/conformance.ts';
import { hasPython, playInPython } from './python.ts';
import { runSchemathesis, schemathesisVersion } from './schemathesis.ts';

/**
 * Runs the kits and the clients of other people against the market's doors, and prints one table. Exits with 1 when
 * something fails that no baseline lists, or when an entry of a baseline is stale.
 */

/** A kit, a part of one, or a client. */
interface Row {
  readonly name: string;
  readonly version: string;
  /** What a machine must have for it, besides what npm brings. */
  readonly needs?: 'Python';
  run(): Promise<Result>;
}

const versionOf = (name: string): string =>
  (
    JSON.parse(readFileSync(join(import.meta.dirname, '../node_modules', name, 'package.json'), 'utf8')) as {
      version: string;
    }
  ).version;

const pythonClient = (script: string, version: string, ...packages: readonly string[]): Row => ({
  ...{ name: `Python: ${packages[0] ?? ''}`, version, needs: 'Python' },
  run: () =>
    playInPython(
      script,
      packages.map((each, index) => (index === 0 ? `${each}==${version}` : each)),
    ),
});

const rows: readonly Row[] = [
  ...requirements.map((era) => ({
    name: `MCP conformance, ${era}`,
    version: versionOf('@modelcontextprotocol/conformance'),
    run: () => runConformance(era),
  })),
  ...Object.entries(libraries).map(([name, open]) => ({
    ...{ name, version: versionOf(name) },
    run: () => playWith(open),
  })),
  ...kits.map((kit) => ({ name: `A2A TCK, ${kit.version}`, version: kitCommit(kit), run: () => runKit(kit) })),
  { name: 'Schemathesis', version: schemathesisVersion, needs: 'Python', run: runSchemathesis },
  pythonClient('story_mcp.py', '1.30.0', 'mcp'),
  pythonClient('story_mcp.py', '2.3.0', 'mcp'),
  pythonClient('story_langchain.py', '0.3.2', 'langchain-mcp-adapters'),
];

const isThere = { Python: await hasPython() };

for (const { name, version, needs, run } of rows) {
  const label = `${name}  (${version})`;
  if (needs !== undefined && !isThere[needs]) {
    console.log(`left    ${label}  this machine has no ${needs}`);
    continue;
  }
  const { isOk, summary, output } = await run().catch((error: unknown) => ({
    ...{ isOk: false, summary: 'it could not be run' },
    output: error instanceof Error ? (error.stack ?? error.message) : String(error),
  }));
  console.log(`${isOk ? 'ok    ' : 'FAILED'}  ${label}  ${summary}`);
  if (!isOk) {
    console.log(output);
    process.exitCode = 1;
  }
}
