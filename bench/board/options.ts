import { parseArgs } from 'node:util';
import { type EngineName, readEngines, wholeNumber } from '../options.ts';

export interface BoardOptions {
  readonly engines: readonly EngineName[];
  /** Open tasks on the large board of each engine; the small one is measured beside it. */
  readonly tasks: Readonly<Record<EngineName, number>>;
  readonly agents: number;
  readonly rounds: number;
  /** Requests of each kind in a round, at most. */
  readonly samples: number;
}

/** The board that the others are compared to. */
export const smallBoard = 1_000;

export const usage = `npm run bench:board -- [options]

  --engine NAME     sqlite, postgres or both (both)
  --tasks N         open tasks on the large board (1,000,000 on SQLite, 100,000 on PostgreSQL)
  --agents N        agents on either board (100,000)
  --rounds N        rounds, of which the median counts (3)
  --samples N       requests of each kind in a round, at most (200)
  --help            this text`;

/**
 * Reads the command line.
 *
 * @returns the options, or undefined when help is asked for.
 * @throws Error with a sentence for people.
 */
export function readBoardOptions(args: readonly string[]): BoardOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      engine: { type: 'string', default: 'both' },
      tasks: { type: 'string' },
      agents: { type: 'string', default: '100000' },
      rounds: { type: 'string', default: '3' },
      samples: { type: 'string', default: '200' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const tasks = (ordinary: number) =>
    values.tasks === undefined ? ordinary : wholeNumber('--tasks', values.tasks, 10_000_000);
  return {
    engines: readEngines(values.engine),
    tasks: { sqlite: tasks(1_000_000), postgres: tasks(100_000) },
    agents: wholeNumber('--agents', values.agents, 1_000_000),
    rounds: wholeNumber('--rounds', values.rounds, 100),
    samples: wholeNumber('--samples', values.samples, 100_000),
  };
}
