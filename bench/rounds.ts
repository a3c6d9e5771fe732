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
 * Each side has one process and one database for all rounds: both are new before the warm-up, and grow with what the
 * side itself gets done. While one is measured the other is idle.
 *
 * @throws Error with what the child complained about when a request fails.
 */
export async function measureRounds(
  engine: Engine,
  { rounds, seconds, connections }: Options,
  cleanup: Cleanup,
  profileFolder?: string,
): Promise<Round[]> {
  const sides: Partial<Record<SideName, Side>> = {};
  for (const name of sideNames) sides[name] = await openSide(name, engine, { connections, profileFolder }, cleanup);
  const measureSide = async (name: SideName) => {
    const { child, lanes } = sides[name]!;
    try {
      return await measure(child, lanes, seconds);
    } catch (error) {
      throw new Error(`The ${name} failed under load: ${String(error)}\n${child.complaints()}`, { cause: error });
    }
  };
  const done: Round[] = [];
  for (let i = 0; i < rounds; i++) {
    const floor = await measureSide('floor');
    const server = await measureSide('server');
    done.push({ floor, server });
  }
  for (const name of sideNames) await sides[name]!.child.stop();
  return done;
}
