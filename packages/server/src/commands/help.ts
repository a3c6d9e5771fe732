import type { Command } from './command.ts';
import { commands } from './commands.ts';

/** What `pinchwork-server --help` prints. */
export function help(): string {
  const list: readonly Command[] = Object.values(commands);
  const width = Math.max(...list.map(({ usage }) => usage.length));
  return [
    'Usage: pinchwork-server [COMMAND]',
    '',
    ...list.map(({ usage, summary }) => `  ${usage.padEnd(width)}  ${summary}`),
    '',
    '  --help, -h     this text, or that of a command',
    '  --version, -v  the version',
  ].join('\n');
}

/** What `pinchwork-server COMMAND --help` prints. */
export function helpFor({ usage, summary, details, options }: Command): string {
  const rows = Object.entries(options).map(([name, { value, meaning }]) => [
    `--${name}${value === undefined ? '' : ` ${value}`}`,
    meaning,
  ]);
  const width = Math.max(0, ...rows.map(([name]) => name!.length));
  return [
    `Usage: pinchwork-server ${usage}`,
    '',
    `${summary[0]!.toUpperCase()}${summary.slice(1)}.`,
    ...details.split('\n'),
    ...(rows.length > 0 ? ['', ...rows.map(([name, meaning]) => `  ${name!.padEnd(width)}  ${meaning}`)] : []),
  ].join('\n');
}
