import { parseArgs } from 'node:util';
import { type Invocation, type Command, type Run, UsageError } from './command.ts';
import { commands } from './commands.ts';
import { readEnvFile } from './env-file.ts';
import { messageOf } from '../ground/unknown-error.ts';

type Env = Readonly<Record<string, string | undefined>>;

const commandOf = (name: string): Command | undefined =>
  // `hasOwn` narrows no type.
  Object.hasOwn(commands, name) ? commands[name as keyof typeof commands] : undefined;

/**
 * Runs `pinchwork-server` with the arguments of its command line.
 *
 * @returns the exit code: 0 success, 1 failure, 2 invalid command line. A server that was started keeps running.
 */
export async function run(words: readonly string[], env: Env): Promise<number> {
  const [first = 'start', ...rest] = startsServer(words[0]) ? ['start', ...words] : words;
  try {
    // Without a command, `-h` and `-v` are not options of `start`.
    if (['--help', '-h', 'help'].includes(first)) return await showHelp(rest[0]);
    if (['--version', '-v'].includes(first)) return await showVersion();
    const command = commandOf(first);
    if (command === undefined) throw new UsageError(`"${first}" is not a command of pinchwork-server`);
    const { values, positionals } = parse(command, rest);
    if (values.help === true) return await showHelp(first);
    if (positionals.length !== command.args.length) throw new UsageError(`${first} takes ${expected(command)}`);
    for (const [name, { required }] of Object.entries(command.options)) {
      if (required === true && !values[name]) throw new UsageError(`${first} needs --${name}`);
    }
    const work: Run = await command.load();
    return (await work({ env: settingsFrom(command, values, env), args: positionals, options: values })) ?? 0;
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`${error.message}. Try "pinchwork-server --help".`);
      return 2;
    }
    console.error(messageOf(error));
    return 1;
  }
}

/** Whether a command line begins with an option. Such options belong to `start`. */
const startsServer = (word = '') => word.startsWith('-') && !['--help', '-h', '--version', '-v'].includes(word);

/** Merges the settings. Options override the environment, and the environment overrides the file `.env`. */
function settingsFrom(command: Command, values: Invocation['options'], env: Env): Env {
  const given: Record<string, string> = {};
  for (const [name, { sets }] of Object.entries(command.options)) {
    if (sets !== undefined && values[name] !== undefined) given[`PINCHWORK_${sets}`] = String(values[name]);
  }
  return { ...readEnvFile('.env'), ...env, ...given };
}

interface Parsed {
  readonly values: Invocation['options'];
  readonly positionals: readonly string[];
}

function parse(command: Command, words: readonly string[]): Parsed {
  const options = Object.entries(command.options).map(([name, { type }]) => [name, { type }] as const);
  try {
    return parseArgs({
      args: [...words],
      options: { ...Object.fromEntries(options), help: { type: 'boolean', short: 'h' } },
      allowPositionals: true,
    });
  } catch (error) {
    // The first sentence says what is wrong. The others explain a syntax that this program does not use.
    throw new UsageError(messageOf(error).split(/\.(\s|$)/, 1)[0], { cause: error });
  }
}

const expected = ({ args }: Command) => (args.length === 0 ? 'only options' : `one ${args.join(' ')}`);

async function showHelp(name: string | undefined): Promise<number> {
  const { help, helpFor } = await import('./help.ts');
  const command = name === undefined ? undefined : commandOf(name);
  if (name !== undefined && command === undefined)
    throw new UsageError(`"${name}" is not a command of pinchwork-server`);
  console.log(command === undefined ? help() : helpFor(command));
  return 0;
}

async function showVersion(): Promise<number> {
  console.log((await import('../ground/version.ts')).version);
  return 0;
}
