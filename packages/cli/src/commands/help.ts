import { findCommand } from '../command/find.ts';
import { commandHelp, groupHelp } from '../command/help.ts';
import { command, Done } from '../command/row.ts';
import { optionalTextArgument } from '../command/values.ts';
import { pageOf } from '../output/print.ts';

export const helpCommands = [
  command({
    name: 'help',
    section: 'Help',
    summary: 'Show help',
    examples: [
      ['help', 'All commands'],
      ['help tasks create', 'One command'],
    ],
    args: { command: optionalTextArgument('COMMAND', 'What to explain') },
    calls: [],
    isOffline: true,
    prints: 'text',
    run: async (context, { args }) => {
      const { commands, groups, print } = context;
      const found = findCommand((args.command ?? '').split(' ').filter(Boolean), commands, groups);
      const page = pageOf(context);
      await print(
        'command' in found ? commandHelp(found.command, page) : groupHelp(found.group, commands, groups, page),
      );
      return new Done();
    },
  }),
];
