import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { wholeNumber } from '../options.ts';

export interface GrowthOptions {
  /** How many finished tasks each market has, the smallest first. */
  readonly tasks: readonly number[];
  /** Where the filled markets are kept for the next run. */
  readonly data: string;
  readonly rounds: number;
  /** How long lifecycles are measured in each round. */
  readonly seconds: number;
}

export const usage = `npm run bench:growth -- [options]

  --tasks LIST      finished tasks, one market for each number (1000,100000,1000000)
  --data FOLDER     where the filled markets are kept for the next run (in the folder for temporary files)
  --rounds N        rounds, of which the median counts (3)
  --seconds N       seconds of lifecycles on each market in a round (3)
  --help            this text`;

/**
 * Reads the command line.
 *
 * @returns the options, or undefined when help is asked for.
 * @throws Error with a sentence for people.
 */
export function readGrowthOptions(args: readonly string[]): GrowthOptions | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      tasks: { type: 'string', default: '1000,100000,1000000' },
      data: { type: 'string', default: join(tmpdir(), 'pinchwork-growth') },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '3' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    tasks: values.tasks.split(',').map((count) => wholeNumber('--tasks', count, 10_000_000)),
    data: values.data,
    rounds: wholeNumber('--rounds', values.rounds, 100),
    seconds: wholeNumber('--seconds', values.seconds, 3_600),
  };
}
