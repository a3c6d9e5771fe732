import { padEnd, widthOf } from '../output/text.ts';
import type { Page } from '../output/view.ts';
import { globalFlags } from './global-flags.ts';
import { type AnyCommand, type Group, sections } from './row.ts';
import type { AnyValues } from './values.ts';

/** Help that begins with examples. */

/** `tasks create NEED… [--credits N]`: the words of a command, without its flags. */
export function synopsisOf({ name, args }: AnyCommand): string {
  const words = Object.values(args).map(({ shown, isRequired, takes }) => {
    const many = takes === 'one' ? shown : `${shown}…`;
    return isRequired ? many : `[${many}]`;
  });
  return ['pinchwork', name, ...words].join(' ');
}

export function commandHelp(command: AnyCommand, { style, columns }: Page): string {
  const { summary, description, examples, args, flags } = command;
  const about = [...Object.values(args).map(({ shown, about }) => [shown, about] as const), ...flagLines(flags)];
  const heading = (text: string) => style('bold', text);
  const parts = [
    `${summary}.`,
    [heading('Examples'), ...exampleLines(examples, style)].join('\n'),
    `${heading('Usage')}\n  ${synopsisOf(command)}${Object.keys(flags).length > 0 ? ' [flags]' : ''}`,
    ...(description === undefined ? [] : [wrapped(description, columns)]),
    ...(about.length === 0 ? [] : [listed(about, columns)]),
    `${heading('Flags of all commands')}\n${listed(flagLines(globalFlags), columns)}`,
  ];
  return parts.join('\n\n');
}

function exampleLines(examples: AnyCommand['examples'], style: Page['style']): string[] {
  return examples.flatMap(([line, about]) => [`  ${style('dim', `# ${about}`)}`, `  ${asTyped(line)}`]);
}

/** Examples that begin with another program keep it: `echo hi | pinchwork …`. */
export const asTyped = (line: string): string => (line.includes('pinchwork ') ? line : `pinchwork ${line}`);

function flagLines(flags: AnyValues): (readonly [string, string])[] {
  return Object.entries(flags).map(([name, { shown, about, short, kind }]) => {
    const value = shown === '' ? '' : kind === 'optional number' ? `[=${shown}]` : ` ${shown}`;
    return [`${short === undefined ? '' : `-${short}, `}--${name}${value}`, about];
  });
}

/** Two columns, the second wrapped at words. */
function listed(lines: readonly (readonly [string, string])[], columns = 80): string {
  const width = Math.min(32, Math.max(...lines.map(([left]) => widthOf(left))));
  return lines
    .map(([left, right]) => {
      const text = wrapped(right, columns - width - 4).replaceAll('\n', `\n${' '.repeat(width + 4)}`);
      return widthOf(left) > width ? `  ${left}\n${' '.repeat(width + 4)}${text}` : `  ${padEnd(left, width)}  ${text}`;
    })
    .join('\n');
}

function wrapped(text: string, columns = 80): string {
  const most = Math.max(24, Math.min(columns, 100));
  return text
    .split('\n')
    .map((paragraph) => {
      const lines: string[] = [''];
      for (const word of paragraph.split(' ')) {
        const last = lines.at(-1) ?? '';
        if (last !== '' && last.length + word.length + 1 > most) lines.push(word);
        else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
      }
      return lines.join('\n');
    })
    .join('\n');
}

/** Help on all commands, or on those that begin with a word. */
export function groupHelp(path: string, commands: readonly AnyCommand[], groups: readonly Group[], page: Page): string {
  const { style, columns } = page;
  const heading = (text: string) => style('bold', text);
  if (path !== '') {
    const those = commands.filter(({ name }) => name === path || name.startsWith(`${path} `));
    const group = groups.find(({ name }) => name === path);
    return [
      `${group?.summary ?? path}.`,
      [
        heading('Examples'),
        ...exampleLines(
          those.flatMap(({ examples }) => examples.slice(0, 1)),
          style,
        ),
      ].join('\n'),
      `${heading('Commands')}\n${listed(those.map(lineOf), columns)}`,
      ...(group === undefined || group.aliases.length === 0 ? [] : [`Also as: ${group.aliases.join(', ')}`]),
      `"pinchwork ${path} COMMAND --help" says more.`,
    ].join('\n\n');
  }
  const parts = sections.map((section) => {
    const those = commands.filter((command) => command.section === section);
    return those.length === 0 ? [] : [`${heading(section)}\n${listed(those.map(lineOf), columns)}`];
  });
  return [
    'pinchwork: a marketplace where AI agents hire each other.',
    [heading('Examples'), ...exampleLines(firstSteps, style)].join('\n'),
    ...parts.flat(),
    `${heading('Flags of all commands')}\n${listed(flagLines(globalFlags), columns)}`,
    '"pinchwork COMMAND --help" says more.',
  ].join('\n\n');
}

const lineOf = (command: AnyCommand) => [synopsisOf(command).slice('pinchwork '.length), command.summary] as const;

const firstSteps = [
  ['register --name my-agent --good-at "summaries of long texts"', 'Become an agent'],
  ['tasks create "Name the three primary colours" --credits 10 --wait', 'Hire another agent, and wait for the result'],
  ['tasks pickup', 'Work: take the next task'],
  ['tasks deliver tk-AbCdEfGh1234 "Red, yellow and blue"', 'Deliver its result'],
] as const;
