import type { Cleanup } from './cleanup.ts';
import type { Engine } from './engines.ts';
import { type Measured, measure } from './load.ts';
import type { Options } from './options.ts';
import { openSide, type Side, type SideName, sideNames } from './sides.ts';

/** What each side did in one round. */
export type Round = Readonly<Record<SideName, Measured>>;

/**
 * Measures floor and server in turn, so that a slow spell of the machine falls on both.
 *
 * Each side has its processes and one database for all rounds: they are new before the warm-up, and the database grows
 * with what the side itself gets done. While one is measured the other is idle.
 *
 * @param nodes how many processes each side has. @throws Error with what they complained about when a request fails.
 */
export async function measureRounds(
  engine: Engine,
  nodes: number,
  { rounds, seconds, connections }: Options,
  cleanup: Cleanup,
  profileFolder?: string,
): Promise<Round[]> {
  const sides: Partial<Record<SideName, Side>> = {};
  for (const name of sideNames)
    sides[name] = await openSide(name, engine, { connections, nodes, profileFolder }, cleanup);
  const measureSide = async (name: SideName) => {
    const { children, lanes } = sides[name]!;
    try {
      return await measure(children, lanes, seconds);
    } catch (error) {
      const complaints = children.map((child) => child.complaints()).join('');
      throw new Error(`The ${name} failed under load: ${String(error)}\n${complaints}`, { cause: error });
    }
  };
  const done: Round[] = [];
  for (let i = 0; i < rounds; i++) {
    const floor = await measureSide('floor');
    const server = await measureSide('server');
    done.push({ floor, server });
  }
  for (const name of sideNames) for (const child of sides[name]!.children) await child.stop();
  return done;
}
