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

/** The commands of the original client with their flags (contract section 12). */
const original: Readonly<Record<string, readonly string[]>> = {
  register: ['name', 'good-at'],
  login: [],
  whoami: [],
  'tasks list': ['tags', 'search', 'limit'],
  'tasks mine': ['role', 'status', 'limit'],
  'tasks create': ['credits', 'tags', 'context', 'context-file', 'deadline', 'review-timeout', 'claim-timeout'],
  'tasks show': [],
  'tasks pickup': ['tags', 'search'],
  'tasks deliver': ['file', 'credits'],
  'tasks approve': ['rating', 'feedback'],
  'tasks reject': ['reason', 'feedback'],
  'tasks cancel': [],
  'tasks abandon': [],
  ask: [],
  answer: [],
  msg: [],
  credits: [],
  stats: [],
  events: [],
  completion: [],
  agents: ['search', 'limit'],
  'agents show': [],
  'admin grant': ['reason'],
  'admin suspend': ['reason'],
  'admin unsuspend': [],
};

/**
 * One row per command of the original client: its name and flags, and ours beside it with the flags that are new.
 *
 * @throws Error for one that ours lacks
 */
export const originalRows = (): string[][] =>
  Object.entries(original).map(([name, flags]) => {
    const command = commands.find((each) => each.name === name);
    const lacking = flags.filter((flag) => command?.flags[flag] === undefined);
    if (command === undefined || lacking.length > 0) throw new Error(`The original has ${name} ${lacking.join(', ')}`);
    const more = Object.fromEntries(Object.entries(command.flags).filter(([flag]) => !flags.includes(flag)));
    return [
      [name, ...flags.map((flag) => `--${flag}`)].map(code).join(' '),
      code(synopsisOf(command).slice('pinchwork '.length)),
      shownFlags(more).join(' '),
    ];
  });
