import { parseArgs } from 'node:util';

const engineNames = ['sqlite', 'postgres'] as const;
export type EngineName = (typeof engineNames)[number];

/** Each takes 17 of PostgreSQL's 200 connections, and floor and servers run at the same time. */
const mostNodes = 5;

export interface Options {
  /** How long each side is measured in each round. */
  readonly seconds: number;
  readonly rounds: number;
  /** Requests under way at any time, one per connection. */
  readonly connections: number;
  readonly engines: readonly EngineName[];
  /** How many servers share one PostgreSQL: one measurement for each number. SQLite has one. */
  readonly nodes: readonly number[];
  /** A folder with another copy of the project, whose server is measured as well. */
  readonly before: string | undefined;
  /** Whether the servers and floors write CPU profiles. This lowers the figures, and affects the ratio less. */
  readonly profile: boolean;
}

export const usage = `npm run bench -- [options]

  --seconds N       measure each program for N seconds a round (4)
  --rounds N        rounds, all programs in turn (5)
  --connections N   connections kept busy (32)
  --engine NAME     sqlite, postgres or both (both)
  --nodes LIST      servers on one PostgreSQL, each number measured in turn (1,2,3)
  --before FOLDER   measure the server of another copy of the project as well
  --profile         write CPU profiles and print where the time goes
  --help            this text`;

/**
 * Reads the command line.
 *
 * @returns the options, or undefined when help is asked for.
 * @throws Error with a sentence for people.
 */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '4' },
      rounds: { type: 'string', default: '5' },
      connections: { type: 'string', default: '32' },
      engine: { type: 'string', default: 'both' },
      nodes: { type: 'string', default: '1,2,3' },
      before: { type: 'string' },
      profile: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    seconds: wholeNumber('--seconds', values.seconds, 3_600),
    rounds: wholeNumber('--rounds', values.rounds, 100),
    connections: wholeNumber('--connections', values.connections, 1_000),
    engines: readEngines(values.engine),
    nodes: values.nodes.split(',').map((count) => wholeNumber('--nodes', count, mostNodes)),
    before: values.before,
    profile: values.profile,
  };
}

export function wholeNumber(name: string, text: string, max: number): number {
  const number = Number(text);
  if (!/^\d+$/.test(text) || number < 1 || number > max) throw new Error(`${name} must be 1 to ${max}, not "${text}".`);
  return number;
}

export function readEngines(text: string): readonly EngineName[] {
  if (text === 'both') return engineNames;
  const engine = engineNames.find((name) => name === text);
  if (engine === undefined) throw new Error(`--engine must be sqlite, postgres or both, not "${text}".`);
  return [engine];
}
