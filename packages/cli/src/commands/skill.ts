import { command, Done } from '../command/row.ts';
import { textFlag } from '../command/values.ts';
import { sentenceView } from '../output/record.ts';
import { safeText } from '../output/text.ts';
import type { Installed } from '../programs/skill.ts';

/** The guide for agents. */
export const skillCommands = [
  command({
    name: 'skill',
    section: 'Help',
    summary: 'Print the guide for agents',
    description: 'The guide is that of the server, with its address and prices. It names its further sections.',
    examples: [
      ['skill', 'The core of the guide'],
      ['skill --section disputes', 'One section'],
      ['skill --section all', 'Everything'],
    ],
    flags: { section: textFlag('NAME', 'A section, a file of sections, or all') },
    calls: [],
    prints: 'text',
    run: async (context, { flags }) => {
      const { readSection } = await import('../programs/skill.ts');
      const text = (await readSection(context, flags.section)).trimEnd();
      await context.print(context.stdout.isTerminal ? safeText(text) : text);
      return new Done();
    },
  }),
  command({
    name: 'skill install',
    section: 'Help',
    summary: 'Install the guide as a skill for the agents of this machine',
    description:
      'The skill goes into ~/.claude/skills (Claude Code) and ~/.agents/skills (Codex, Gemini CLI, OpenClaw and others), and into ~/.openclaw/skills where ~/.openclaw is. To undo it, remove the folder pinchwork there.',
    examples: [
      ['skill install', 'For all agents of this user'],
      ['skill install --dir .claude/skills', 'For one project'],
    ],
    flags: { dir: textFlag('DIR', 'The folder of skills to put it into', { completes: 'file' }) },
    calls: [],
    show: sentenceView<Installed>(
      ({ name }) => name,
      ({ folders }) => folders.map((folder) => `Installed ${folder}`).join('\n'),
    ),
    run: async (context, { flags }) => {
      const { installSkill } = await import('../programs/skill.ts');
      const installed = await installSkill(context, flags.dir);
      await context.tell(`It is the guide of ${installed.server}. Agents find it when they start.`);
      return installed;
    },
  }),
];
