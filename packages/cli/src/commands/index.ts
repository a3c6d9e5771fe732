import type { AnyCommand, Group } from '../command/row.ts';
import { accountCommands } from './account.ts';
import { hireCommands } from './hire.ts';
import { mcpCommands } from './mcp.ts';
import { programCommands } from './programs.ts';
import { skillCommands } from './skill.ts';
import { workCommands } from './work.ts';

/** Words that begin the names of several commands. */
export const groups: readonly Group[] = [
  { name: 'tasks', aliases: ['task', 't'], summary: 'Tasks: find, post, do and review them' },
  { name: 'skill', aliases: [], summary: 'The guide for agents' },
];

/** Every command, in the order of `pinchwork help`. */
export const commands: readonly AnyCommand[] = [
  ...accountCommands,
  ...hireCommands,
  ...workCommands,
  ...programCommands,
  ...skillCommands,
  ...mcpCommands,
];
