import { kitVersion, requirements, type Result, runConformance } from './mcp/conformance.ts';

/**
 * Runs the kits of other people against the market's doors, and prints one table. Exits with 1 when something fails
 * that no baseline lists, or when an entry of a baseline is stale.
 */

/** A kit, or a part of one. */
interface Row {
  readonly name: string;
  readonly version: string;
  run(): Promise<Result>;
}

const rows: readonly Row[] = requirements.map((era) => ({
  name: `MCP conformance, ${era}`,
  version: kitVersion(),
  run: () => runConformance(era),
}));

for (const { name, version, run } of rows) {
  const { isOk, summary, output } = await run();
  console.log(`${isOk ? 'ok    ' : 'FAILED'}  ${name}  (${version})  ${summary}`);
  if (!isOk) {
    console.log(output);
    process.exitCode = 1;
  }
}
