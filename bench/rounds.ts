import type { Cleanup } from './cleanup.ts';
import type { Engine } from './engines.ts';
import { type Measured, measure } from './load.ts';
import type { Options } from './options.ts';
import { openSide, programsOf, type Program, type Side } from './sides.ts';

/** What each program did in one round, by its name. */
export type Round = ReadonlyMap<Program['name'], Measured>;

/**
 * Measures the programs in turn, so that a slow spell of the machine falls on all of them; every second round in the
 * opposite order.
 *
 * Each program has its processes and one database for all rounds: they are new before the warm-up, and the database
 * grows with what the program itself gets done. While one is measured the others are idle.
 *
 * @param nodes how many processes each program has. @throws Error with what they complained about when a request fails.
 */
export async function measureRounds(
  engine: Engine,
  nodes: number,
  options: Options,
  cleanup: Cleanup,
  profileFolder?: string,
): Promise<Round[]> {
  const { connections, seconds } = options;
  const sides: Side[] = [];
  for (const program of programsOf(engine, options)) {
    sides.push(await openSide(program, engine, { connections, nodes, profileFolder }, cleanup));
  }
  const done: Round[] = [];
  for (let i = 0; i < options.rounds; i++) {
    const round = new Map<Program['name'], Measured>();
    for (const side of i % 2 === 0 ? sides : sides.toReversed()) round.set(side.name, await measureSide(side, seconds));
    done.push(round);
  }
  for (const { children } of sides) for (const child of children) await child.stop();
  return done;
}

async function measureSide({ name, children, lanes }: Side, seconds: number): Promise<Measured> {
  try {
    return await measure(children, lanes, seconds);
  } catch (error) {
    const complaints = children.map((child) => child.complaints()).join('');
    throw new Error(`The program "${name}" failed under load: ${String(error)}\n${complaints}`, { cause: error });
  }
}
