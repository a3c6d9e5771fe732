import { flagOf, longerPath, type Table } from '../command/find.ts';
import { globalFlags } from '../command/global-flags.ts';
import type { AnyCommand } from '../command/row.ts';
import type { AnyValues, Value } from '../command/values.ts';

/** Something that may come next on a command line. */
export interface Candidate {
  readonly value: string;
  readonly about: string;
}

/** What is to be completed: candidates that are known, or a kind that only the server or the shell knows. */
export interface Wanted {
  readonly candidates: readonly Candidate[];
  readonly live: Value<unknown>['completes'] | undefined;
  /** The command that is typed. */
  readonly path: string;
  /** What stands before the part that is completed: `a,` of a list, `--status=` of a flag. */
  readonly before: string;
  /** The beginning of the part. */
  readonly begun: string;
  /** The flags so far that choose the server and the agent. */
  readonly chosen: Readonly<Record<string, string>>;
}

/**
 * What may come next.
 *
 * @param typed the words behind the name of the program; the last is the one that is being typed, maybe empty
 */
export function wantedAfter(typed: readonly string[], table: Table): Wanted {
  const { words, isSplit } = joined(typed);
  const current = words.at(-1) ?? '';
  const { path, command, taken, open, chosen } = walk(words.slice(0, -1), table);
  const base = { path, chosen, before: '', begun: current, candidates: [], live: undefined };
  if (open !== undefined) return ofValue(open, base);
  const flags: AnyValues = { ...globalFlags, ...command?.flags };
  const [, name = '', value] = /^--([^=]+)=(.*)$/s.exec(current) ?? [];
  if (value !== undefined) {
    const flag = flags[name];
    if (flag === undefined) return base;
    // Bash takes the sign for the end of a word, so it replaces only what is behind it.
    return ofValue(flag, { ...base, before: isSplit ? '' : `--${name}=`, begun: value });
  }
  if (current.startsWith('-')) {
    const candidates = Object.entries(flags).map(([flag, { about }]) => ({ value: `--${flag}`, about }));
    return { ...base, candidates };
  }
  const further = furtherWords(path, table);
  const argument = command === undefined ? undefined : argumentAt(command, taken);
  if (taken > 0 || further.length === 0) return argument === undefined ? base : ofValue(argument, base);
  if (argument === undefined) return { ...base, candidates: further };
  const own = ofValue(argument, base);
  return { ...own, candidates: [...further, ...own.candidates] };
}

/** Bash splits `--flag=value` into three words. */
function joined(typed: readonly string[]): { words: string[]; isSplit: boolean } {
  const words: string[] = [];
  let isSplit = false;
  for (const [i, word] of typed.entries()) {
    const last = words.at(-1);
    isSplit =
      (word === '=' && last?.startsWith('--') === true) || (typed[i - 1] === '=' && last?.endsWith('=') === true);
    if (isSplit && last !== undefined) words[words.length - 1] = last + word;
    else words.push(word);
  }
  return { words, isSplit };
}

/** Follows the words that are complete: the command, how many arguments it has, and a flag that waits for its value. */
function walk(words: readonly string[], table: Table) {
  const chosen: Record<string, string> = {};
  let path = '';
  let taken = 0;
  let open: Value<unknown> | undefined;
  let openName = '';
  for (const word of words) {
    if (open !== undefined) {
      chosen[openName] = word;
      open = undefined;
      continue;
    }
    const command = table.commands.find(({ name }) => name === path);
    if (word.startsWith('-') && word !== '-') {
      const flags: AnyValues = { ...globalFlags, ...command?.flags };
      const flag = flagOf(word, flags);
      if (flag !== undefined && !flag.hasValue) [open, openName] = [flags[flag.name], flag.name];
      else if (flag !== undefined && word.includes('=')) chosen[flag.name] = word.slice(word.indexOf('=') + 1);
      continue;
    }
    const longer = taken === 0 ? longerPath(path, word, table) : undefined;
    if (longer === undefined) taken++;
    else path = longer;
  }
  return { path, command: table.commands.find(({ name }) => name === path), taken, open, chosen };
}

/** The words that make a path longer. */
function furtherWords(path: string, { commands, groups }: Table): Candidate[] {
  const prefix = path === '' ? '' : `${path} `;
  const found = new Map<string, string>();
  for (const { name, summary } of commands) {
    if (!name.startsWith(prefix) || name === path) continue;
    const [word = '', ...more] = name.slice(prefix.length).split(' ');
    const group = groups.find((each) => each.name === prefix + word);
    if (more.length === 0 || !found.has(word))
      found.set(word, more.length === 0 ? summary : (group?.summary ?? summary));
  }
  return [...found].map(([value, about]) => ({ value, about }));
}

function argumentAt({ args }: AnyCommand, taken: number): Value<unknown> | undefined {
  const all = Object.values(args);
  const last = all.at(-1);
  return all[taken] ?? (last?.takes === 'many' ? last : undefined);
}

function ofValue({ kind, choices = [], about, completes }: Value<unknown>, base: Wanted): Wanted {
  const comma = kind === 'list' ? base.begun.lastIndexOf(',') + 1 : 0;
  return {
    ...base,
    before: base.before + base.begun.slice(0, comma),
    begun: base.begun.slice(comma),
    candidates: choices.map((value) => ({ value, about })),
    live: completes,
  };
}
