import type { Cleanup } from './cleanup.ts';
import type { Engine } from './engines.ts';
import { type Measured, measure } from './load.ts';
import type { Options } from './options.ts';
import { openSide, programsOf, type Program, type Side } from './sides.ts';

/** The results of one round, by program name. */
export type Round = ReadonlyMap<Program['name'], Measured>;

/**
 * Measures the programs in turn, so that a slow phase of the machine affects all of them. Every second round runs in
 * reverse order.
 *
 * Each program keeps its processes and its database for all rounds. They are new before the warm-up, and the database
 * grows with the program's own work. While one program is measured, the others are idle.
 *
 * @param nodes how many processes each program has. @throws Error with their stderr output when a request fails.
 */
export async function measureRounds(
  engine: Engine,
  options: Options,
  cleanup: Cleanup,
  { nodes, profileFolder }: { readonly nodes: number; readonly profileFolder?: string | undefined },
): Promise<Round[]> {
  const { connections, seconds } = options;
  const sides: Side[] = [];
  for (const program of programsOf(engine, options)) {
    sides.push(await openSide(program, engine, { connections, nodes, profileFolder }, cleanup));
  }
  const done: Round[] = [];
  for (let i = 0; i < options.rounds; i++) {
    const round = new Map<Program['name'], Measured>();
    for (const side of i % 2 === 0 ? sides : sides.toReversed()) {
      round.set(side.name, await measureSide(side, engine, seconds));
    }
    done.push(round);
  }
  for (const { children } of sides) for (const child of children) await child.stop();
  return done;
}

async function measureSide({ name, children, lanes }: Side, engine: Engine, seconds: number): Promise<Measured> {
  try {
    return await measure(children, lanes, seconds, engine);
  } catch (error) {
    const complaints = children.map((child) => child.complaints()).join('');
    throw new Error(`The program "${name}" failed under load: ${String(error)}\n${complaints}`, { cause: error });
  }
}
