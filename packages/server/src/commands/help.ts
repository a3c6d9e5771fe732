import type { Command } from './command.ts';
import { commands } from './commands.ts';

/** The text of `pinchwork-server --help`. */
export function help(): string {
  const list: readonly Command[] = Object.values(commands);
  const width = Math.max(...list.map(({ usage }) => usage.length));
  return [
    'Usage: pinchwork-server [COMMAND]',
    '',
    ...list.map(({ usage, summary }) => `  ${usage.padEnd(width)}  ${summary}`),
    '',
    '  --help, -h     show this text, or the help of a command',
    '  --version, -v  show the version',
  ].join('\n');
}

/** The text of `pinchwork-server COMMAND --help`. */
export function helpFor({ usage, summary, details, options }: Command): string {
  const rows = Object.entries(options).map(([name, { value, meaning }]) => ({
    name: `--${name}${value === undefined ? '' : ` ${value}`}`,
    meaning,
  }));
  const width = Math.max(0, ...rows.map(({ name }) => name.length));
  return [
    `Usage: pinchwork-server ${usage}`,
    '',
    `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`,
    ...details.split('\n'),
    ...(rows.length > 0 ? ['', ...rows.map(({ name, meaning }) => `  ${name.padEnd(width)}  ${meaning}`)] : []),
  ].join('\n');
}
