import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Cleanup, runWithCleanup } from './cleanup.ts';
import { openEngine } from './engines.ts';
import { describeMachine } from './machine.ts';
import { type EngineName, type Options, readOptions, usage } from './options.ts';
import { profileReport } from './profile.ts';
import { nodesReport, report } from './report.ts';
import { measureRounds } from './rounds.ts';
import { programsOf } from './sides.ts';
import { measureStartup } from './startup.ts';

/**
 * Measures whole lifecycles per second and the CPU time of each (docs/decisions/0016), next to hand-written floors
 * measured in the same run, because absolute figures differ from machine to machine. A missed target is marked, not an
 * error.
 */
async function main(options: Options, cleanup: Cleanup): Promise<void> {
  const { seconds, rounds, connections } = options;
  const folder = mkdtempSync(join(tmpdir(), 'pinchwork-bench-'));
  cleanup.add(() => rmSync(folder, { recursive: true, force: true }));
  console.log(
    `Lifecycles (create, pickup, deliver, approve), ${connections} connections, ${rounds} rounds of ${seconds} s a program`,
  );
  console.log(`${describeMachine(folder)}\n`);
  for (const name of options.engines) await benchEngine(name, options, folder, cleanup);
}

async function benchEngine(name: EngineName, options: Options, folder: string, cleanup: Cleanup): Promise<void> {
  const engine = await openEngine(name, folder, cleanup);
  const startup = await measureStartup(engine, cleanup);
  const profileFolder = options.profile ? mkdtempSync(join(tmpdir(), `pinchwork-profile-${name}-`)) : undefined;
  const [first, ...more] = name === 'sqlite' ? [1] : options.nodes;
  const run = {
    nodes: first!,
    rounds: await measureRounds(engine, options, cleanup, { nodes: first!, profileFolder }),
  };
  console.log(`${report(engine, run, startup)}\n`);
  if (profileFolder !== undefined) console.log(`${profileReport(profileFolder, programsOf(engine, options))}\n`);
  if (more.length === 0) return;
  const runs = [run];
  for (const nodes of more) runs.push({ nodes, rounds: await measureRounds(engine, options, cleanup, { nodes }) });
  console.log(`${nodesReport(engine, runs)}\n`);
}

await runWithCleanup(async (cleanup) => {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) console.log(usage);
  else await main(options, cleanup);
});
