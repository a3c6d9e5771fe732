import { usage } from '../failure.ts';
import type { AnyCommand, Group } from './row.ts';
import { globalFlags } from './global-flags.ts';
import { nearest } from './suggest.ts';
import type { AnyValues } from './values.ts';

/** What a command line calls, and the words that are left. */
type Found =
  | { readonly command: AnyCommand; readonly rest: readonly string[] }
  /** The words name no command, but the beginning of some: '' for none at all. */
  | { readonly group: string; readonly rest: readonly string[] };

/** The flag that a word is, if it is one of these. */
export function flagOf(word: string, flags: AnyValues): { name: string; hasValue: boolean } | undefined {
  const [written = ''] = word.split('=', 1);
  const name = Object.keys(flags).find((each) =>
    written.startsWith('--') ? each === written.slice(2) : flags[each]?.short === word[1],
  );
  if (name === undefined) return undefined;
  const { kind } = flags[name] ?? { kind: 'boolean' };
  const isInline = written.startsWith('--') ? word.includes('=') : word.length > 2;
  return { name, hasValue: kind === 'boolean' || kind === 'optional number' || isInline };
}

/**
 * Finds the command: the longest sequence of words that is the name of one. Global flags may stand before and between
 * them.
 *
 * @throws Failure for a word that is no command
 */
export function findCommand(argv: readonly string[], commands: readonly AnyCommand[], groups: readonly Group[]): Found {
  const skipped: string[] = [];
  let path = '';
  let i = 0;
  for (; i < argv.length; i++) {
    const word = argv[i] ?? '';
    if (word.startsWith('-') && word !== '-') {
      const flag = flagOf(word, globalFlags);
      // A flag of the command: its words are complete.
      if (flag === undefined) break;
      skipped.push(word);
      if (!flag.hasValue && i + 1 < argv.length) skipped.push(argv[++i] ?? '');
      continue;
    }
    const longer = longerPath(path, word, { commands, groups });
    if (longer === undefined) break;
    path = longer;
  }
  const rest = [...skipped, ...argv.slice(i)];
  const command = commands.find(({ name }) => name === path);
  const next = argv[i];
  const isWord = next !== undefined && !(next.startsWith('-') && next !== '-');
  if (command !== undefined) {
    if (isWord && Object.keys(command.args).length === 0) throw unknown(path, next, commands);
    return { command, rest };
  }
  if (isWord) throw unknown(path, next, commands);
  return { group: path, rest };
}

/** The commands, and the words that several of them share. */
export interface Table {
  readonly commands: readonly AnyCommand[];
  readonly groups: readonly Group[];
}

/**
 * The path with one more word, if a command's name is that or begins so. It has the proper name of its group: `t list` is
 * `tasks list`.
 */
export function longerPath(path: string, word: string, { commands, groups }: Table): string | undefined {
  const longer = path === '' ? (groups.find(({ aliases }) => aliases.includes(word))?.name ?? word) : `${path} ${word}`;
  return commands.some(({ name }) => name === longer || name.startsWith(`${longer} `)) ? longer : undefined;
}

function unknown(path: string, word: string, commands: readonly AnyCommand[]) {
  const prefix = path === '' ? '' : `${path} `;
  const words = commands
    .filter(({ name }) => name.startsWith(prefix))
    .map(({ name }) => name.slice(prefix.length).split(' ')[0] ?? '');
  const meant = nearest(
    word,
    [...new Set(words)].filter((each) => each !== ''),
  );
  // The same word elsewhere (`create` of `tasks create`), else one that is spelled like it here.
  const elsewhere = commands.find(({ name }) => name === word || name.endsWith(` ${word}`));
  const next = elsewhere?.name ?? `${prefix}${meant ?? '--help'}`;
  const takesNone = commands.some(({ name }) => name === path);
  return usage(
    takesNone
      ? `"pinchwork ${path}" takes no argument, but there is "${word}"`
      : `There is no command "pinchwork ${prefix}${word}"`,
    `pinchwork ${next}`,
  );
}
