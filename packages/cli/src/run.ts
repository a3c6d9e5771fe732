import { Pinchwork, type PinchworkError } from '@pinchwork/sdk';
import { findCommand } from './command/find.ts';
import type { GlobalValues } from './command/global-flags.ts';
import { commandHelp, groupHelp } from './command/help.ts';
import { parseWords, readGlobals, readInput, type Parsed } from './command/parse.ts';
import { Reader } from './command/read.ts';
import { type AnyCommand, type Context, Done, Nothing } from './command/row.ts';
import { commands, groups } from './commands/index.ts';
import { readSettings, type Settings } from './config/settings.ts';
import { exitCodes } from './exit-codes.ts';
import { type Io, OutputClosed } from './io.ts';
import { failureJson, failureText, toldOf } from './output/failures.ts';
import { isForPrograms, pageOf, printingOf, type Printing, printReply } from './output/print.ts';
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
  const state: { printing: Printing | undefined; settings: Settings | undefined } = {
    printing: undefined,
    settings: undefined,
  };
  try {
    const found = findCommand(argv, commands, groups);
    const path = 'command' in found ? found.command.name : found.group;
    const help = `pinchwork ${path === '' ? '' : `${path} `}--help`;
    const reader = new Reader(io, help);
    const parsed = parseWords(found.rest, 'command' in found ? found.command.flags : {}, help);
    const globals = await readGlobals(parsed, reader);
    if (globals.version === true) return await print(io, `pinchwork ${version}`);
    if (!('command' in found)) return await print(io, groupHelp(found.group, commands, groups, pageOf(io)));
    if (globals.help === true) return await print(io, commandHelp(found.command, pageOf(io)));
    state.printing = printingOf(globals);
    return await execute(found.command, { io, parsed, globals, reader, state });
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
  readonly state: { printing: Printing | undefined; settings: Settings | undefined };
}

async function execute(command: AnyCommand, { io, parsed, globals, reader, state }: Execution): Promise<number> {
  const printing = printingOf(globals);
  const input = await readInput(parsed, command, reader);
  if (command.isOffline !== true) state.settings = await readSettings(io, globals);
  const outcome = await command.run(contextOf(io, state.settings, globals), input);
  if (outcome instanceof Done) return outcome.exitCode;
  if (outcome instanceof Nothing) {
    if (printing.format === 'json' || printing.format === 'yaml') await io.stdout.write('null\n');
    await (isForPrograms(printing) ? io.stderr : io.stdout).write(`${safeText(outcome.message)}\n`);
    return globals['exit-status'] === true ? exitCodes.nothing : exitCodes.done;
  }
  if (command.show !== undefined) {
    await printReply(io, printing, command.show, outcome);
    const rows =
      command.show.rows === undefined ? undefined : (outcome as Record<string, unknown[]>)[command.show.rows];
    if (globals['exit-status'] === true && rows?.length === 0) return exitCodes.nothing;
  }
  return exitCodes.done;
}

function contextOf(io: Io, settings: Settings | undefined, globals: GlobalValues): Context {
  const tell = (line: string) => io.stderr.write(`${safeText(line)}\n`);
  const clientOptions = {
    server: settings?.server,
    apiKey: settings?.apiKey,
    adminKey: settings?.adminKey,
    headers: { 'user-agent': `pinchwork/${version}` },
    onRetry: ({ error, delayMs }: { error: PinchworkError; delayMs: number }) =>
      void tell(`${error.message}; trying again in ${Math.ceil(delayMs / 1_000)} s`),
    ...(io.fetch === undefined ? {} : { fetch: io.fetch }),
  };
  return {
    ...io,
    // Made only where there are settings: see `isOffline`.
    settings: settings!,
    client: (settings === undefined ? undefined : new Pinchwork(clientOptions))!,
    globals,
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
  { printing, settings }: Execution['state'],
): Promise<number> {
  const isInterrupted = io.signal.aborted && (error === io.signal.reason || (error as Error).name === 'AbortError');
  if (isInterrupted) return exitCodes.interrupted;
  const refused = (error as { code?: unknown }).code === 'no_key' ? settings?.keyRefusal : undefined;
  const told = toldOf(refused ?? error, settings?.adminKey);
  // A command line that is wrong may say what it wants all the same.
  const isJson =
    printing === undefined
      ? /(^| )(-o ?|--output[= ])(json|jsonl|yaml)( |$)/.test(argv.join(' '))
      : isForPrograms(printing);
  const text = isJson ? failureJson(told) : failureText(told, styleOf(io.stderr, io.env));
  await io.stderr.write(`${text}\n`).catch(() => undefined);
  return told.exit_code;
}
