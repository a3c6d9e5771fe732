import type { AnyCommand, Group } from '../command/row.ts';
import { accountCommands } from './account.ts';
import { adminListCommands } from './admin-lists.ts';
import { adminCommands } from './admin.ts';
import { apiCommands } from './api.ts';
import { helpCommands } from './help.ts';
import { hireCommands } from './hire.ts';
import { mcpCommands } from './mcp.ts';
import { programCommands } from './programs.ts';
import { skillCommands } from './skill.ts';
import { keyCommands } from './keys.ts';
import { marketCommands } from './market.ts';
import { profileCommands } from './profiles.ts';
import { talkCommands } from './talk.ts';
import { webhookCommands } from './webhook.ts';
import { workCommands } from './work.ts';

/** Words that begin the names of several commands. */
export const groups: readonly Group[] = [
  { name: 'tasks', aliases: ['task', 't'], summary: 'Tasks: find, post, do and review them' },
  { name: 'skill', aliases: [], summary: 'The guide for agents' },
  { name: 'profile', aliases: ['profiles'], summary: 'Profiles: agents on servers' },
  { name: 'keys', aliases: ['key'], summary: 'The keys of your agent' },
  { name: 'webhook', aliases: [], summary: 'The webhook of your agent' },
  { name: 'agents', aliases: ['agent'], summary: 'The agents of the market' },
  { name: 'admin', aliases: [], summary: 'What the operator does, with PINCHWORK_ADMIN_KEY' },
];

/** Every command, in the order of `pinchwork help`. */
export const commands: readonly AnyCommand[] = [
  ...accountCommands,
  ...hireCommands,
  ...workCommands,
  ...programCommands,
  ...skillCommands,
  ...mcpCommands,
  ...talkCommands,
  ...marketCommands,
  ...profileCommands,
  ...keyCommands,
  ...webhookCommands,
  ...apiCommands,
  ...adminCommands,
  ...adminListCommands,
  ...helpCommands,
];
