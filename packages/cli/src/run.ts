import type { Pinchwork, PinchworkError } from '@pinchwork/sdk';
import { clientOf } from './client.ts';
import { findCommand } from './command/find.ts';
import type { GlobalValues } from './command/global-flags.ts';
import { commandHelp, groupHelp } from './command/help.ts';
import { parseWords, readGlobals, readInput, type Parsed } from './command/parse.ts';
import { Reader } from './command/read.ts';
import { type AnyCommand, type Context, Done, Nothing, Unmet } from './command/row.ts';
import type { Completes } from './command/values.ts';
import { commands, groups } from './commands/index.ts';
import { readSettings, type Settings } from './config/settings.ts';
import { exitCodes } from './exit-codes.ts';
import { type Io, OutputClosed } from './io.ts';
import { type KnownIds, withCommands } from './output/hints.ts';
import { failureJson, failureText, toldOf } from './output/failures.ts';
import { checkFormat, isForPrograms, pageOf, printingOf, type Printing, printReply } from './output/print.ts';
import { spinning } from './output/spinner.ts';
import { styleOf } from './output/style.ts';
import { safeText } from './output/text.ts';
import { version } from './version.ts';

/**
 * Runs one command line. Everything that it sees and does goes through `io`, so that tests run it in their own process.
 *
 * @param argv the words behind the program's name
 * @returns the exit code (contract section 12)
 */
export async function run(argv: readonly string[], io: Io): Promise<number> {
  const state: State = { printing: undefined, settings: undefined, hintOf: undefined, listOfIds: undefined };
  try {
    if (argv[0] === '__complete') {
      const { complete } = await import('./completion/index.ts');
      await complete(argv.slice(1), commands, groups, io);
      return exitCodes.done;
    }
    const found = findCommand(argv, commands, groups);
    const path = 'command' in found ? found.command.name : found.group;
    const help = `pinchwork ${path === '' ? '' : `${path} `}--help`;
    const reader = new Reader(io, help);
    const parsed = parseWords(found.rest, 'command' in found ? found.command.flags : {}, help);
    const globals = await readGlobals(parsed, reader);
    if (globals.version === true) return await print(io, `pinchwork ${version}`);
    if (!('command' in found)) return await print(io, groupHelp(found.group, commands, groups, pageOf(io)));
    if (globals.help === true) return await print(io, commandHelp(found.command, pageOf(io)));
    const printing = (state.printing = printingOf(globals));
    checkFormat(found.command, globals, printing);
    return await execute(found.command, { io, parsed, globals, reader, printing, state });
  } catch (error) {
    if (error instanceof OutputClosed) return exitCodes.done;
    return await tellFailure(error, argv, io, state);
  }
}

interface Execution {
  readonly io: Io;
  readonly parsed: Parsed;
  readonly globals: GlobalValues;
  readonly reader: Reader;
  readonly printing: Printing;
  readonly state: State;
}

/** What is known of a run when it fails. */
interface State {
  printing: Printing | undefined;
  settings: Settings | undefined;
  /** A hint of the server in the words of the command line. */
  hintOf: ((hint: string) => string) | undefined;
  /** The command that lists the ids which the command takes. */
  listOfIds: string | undefined;
}

async function execute(command: AnyCommand, execution: Execution): Promise<number> {
  const { io, parsed, globals, reader, printing, state } = execution;
  const input = await readInput(parsed, command, reader);
  state.listOfIds = listOfIds(command);
  // `api` sends requests, so its user gets the hints as they are.
  if (command.name !== 'api') state.hintOf = (hint) => withCommands(hint, commands, idsOf(command, input.args));
  if (command.isOffline !== true) state.settings = await readSettings(io, globals, command.makesProfile);
  const outcome = await command.run(
    contextOf(io, { settings: state.settings, globals, isKeyShown: isKeyShown(parsed) }),
    input,
  );
  if (outcome instanceof Done) return outcome.exitCode;
  if (outcome instanceof Nothing) {
    if (printing.format === 'json' || printing.format === 'yaml') await io.stdout.write('null\n');
    // The words stand in for the table. Where programs read ids or JSON, they are talk.
    await (printing.format === 'table' ? io.stdout : io.stderr).write(`${safeText(outcome.message)}\n`);
    return globals['exit-status'] === true ? exitCodes.nothing : exitCodes.done;
  }
  const reply = outcome instanceof Unmet ? (outcome as Unmet<unknown>).reply : outcome;
  const view = typeof command.show === 'function' ? command.show(reply) : command.show;
  if (view !== undefined) await printReply(io, printing, view, reply);
  if (outcome instanceof Unmet) throw outcome.failure;
  const rows = view?.rows === undefined ? undefined : (reply as Record<string, unknown[]>)[view.rows];
  return globals['exit-status'] === true && rows?.length === 0 ? exitCodes.nothing : exitCodes.done;
}

/** The settings, which a command that is `isOffline` runs without. */
function needed(settings: Settings | undefined): Settings {
  if (settings === undefined) throw new Error('A command that is offline has neither settings nor a client');
  return settings;
}

/** The ids on a command line, by what they are ids of. */
const idsOf = (command: AnyCommand, args: object): KnownIds =>
  Object.fromEntries(
    Object.entries(command.args).flatMap(([name, { completes }]) => {
      const given = (args as Readonly<Record<string, unknown>>)[name];
      return completes !== undefined && typeof given === 'string' ? [[completes, given]] : [];
    }),
  );

/** Where an id that the server does not know may be looked up. */
const listOfIds = ({ args }: AnyCommand): string | undefined => {
  const lists: Partial<Record<Completes, string>> = { task: 'pinchwork tasks mine', agent: 'pinchwork agents' };
  return Object.values(args).flatMap(({ completes }) => (completes === undefined ? [] : (lists[completes] ?? [])))[0];
};

const isKeyShown = ({ flags }: Parsed) => (flags.get('key') ?? []).some((key) => key !== '-');

interface ContextParts extends Pick<Context, 'globals' | 'isKeyShown'> {
  readonly settings: Settings | undefined;
}

function contextOf(io: Io, { settings, globals, isKeyShown }: ContextParts): Context {
  // Talk that nobody can read is no reason to end: a worker goes on where its log is full or closed.
  const tell = (line: string) => io.stderr.write(`${safeText(line)}\n`).catch(() => undefined);
  const clientOptions = {
    server: settings?.server,
    // Where the settings have no key, the client must not take another one from the environment.
    apiKey: settings?.apiKey ?? '',
    adminKey: settings?.adminKey,
    onRetry: ({ error, delayMs }: { error: PinchworkError; delayMs: number }) =>
      void tell(`${error.message}; trying again in ${Math.ceil(delayMs / 1_000)} s`),
  };
  let client: Pinchwork | undefined;
  return {
    ...io,
    get settings() {
      return needed(settings);
    },
    get client() {
      needed(settings);
      return (client ??= clientOf(io, clientOptions));
    },
    globals,
    isKeyShown,
    commands,
    groups,
    tell,
    print: (line) => io.stdout.write(`${line}\n`),
    progress: (what, work, state) => spinning({ stream: io.stderr, clock: io.clock }, what, work, state),
  };
}

async function print(io: Io, text: string): Promise<number> {
  await io.stdout.write(`${text}\n`);
  return exitCodes.done;
}

async function tellFailure(
  error: unknown,
  argv: readonly string[],
  io: Io,
  { printing, settings, hintOf, listOfIds: list }: State,
): Promise<number> {
  const isInterrupted = io.signal.aborted && (error === io.signal.reason || (error as Error).name === 'AbortError');
  if (isInterrupted) return exitCodes.interrupted;
  const refused = (error as { code?: unknown }).code === 'no_key' ? settings?.keyRefusal : undefined;
  const failure = toldOf(refused ?? error, settings?.adminKey);
  const plain = failure.code === 'not_found' ? { ...failure, next: failure.next ?? list } : failure;
  const hint = plain.hint === undefined ? undefined : hintOf?.(plain.hint);
  const told = hint === plain.hint ? plain : { ...plain, command_hint: hint };
  // A command line that is wrong may say what it wants all the same.
  const isJson =
    printing === undefined
      ? /(^| )(-o ?|--output[= ])(json|jsonl|yaml)( |$)/.test(argv.join(' '))
      : isForPrograms(printing);
  const text = isJson ? failureJson(told) : failureText(told, styleOf(io.stderr, io.env));
  await io.stderr.write(`${text}\n`).catch(() => undefined);
  return told.exit_code;
}
