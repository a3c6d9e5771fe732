import { commands } from '../packages/cli/src/commands/index.ts';
import { synopsisOf } from '../packages/cli/src/command/help.ts';
import { globalFlags } from '../packages/cli/src/command/global-flags.ts';
import { sections } from '../packages/cli/src/command/row.ts';
import type { AnyValues } from '../packages/cli/src/command/values.ts';

/** The tables of docs/cli.md, from the table of commands. */

const cell = (text: string) => text.replaceAll('|', '\\|');
const code = (text: string) => `\`${cell(text)}\``;

const shownFlags = (flags: AnyValues) =>
  Object.entries(flags).map(([name, { shown, short, kind }]) => {
    const value = shown === '' ? '' : kind === 'optional number' ? `[=${shown}]` : ` ${shown}`;
    return code(`${short === undefined ? '' : `-${short}, `}--${name}${value}`);
  });

/** One row per command, in the order of `pinchwork help`: its words, its flags, and what it does. */
export const commandRows = (): string[][] =>
  sections.flatMap((section) =>
    commands
      .filter((command) => command.section === section)
      .map((command) => [
        code(synopsisOf(command).slice('pinchwork '.length)),
        shownFlags(command.flags).join(' '),
        cell(command.summary),
      ]),
  );

/** One row per flag that all commands have. */
export const globalFlagRows = (): string[][] => {
  const shown = shownFlags(globalFlags);
  return Object.values(globalFlags).map(({ about }, i) => [shown[i]!, cell(about)]);
};
