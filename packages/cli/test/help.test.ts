import { describe, expect, it } from 'vitest';
import { rows } from '../../sdk/src/client/rows.ts';
import { findCommand } from '../src/command/find.ts';
import { parseWords, readInput } from '../src/command/parse.ts';
import { Reader } from '../src/command/read.ts';
import { asTyped } from '../src/command/help.ts';
import { commands, groups } from '../src/commands/index.ts';
import { shell, wordsOf } from './support/cli.ts';

const user = shell();

it('the help of every command is as it was agreed', async () => {
  const names = ['', ...groups.map(({ name }) => name), ...commands.map(({ name }) => name)];
  const helps: string[] = [];
  for (const name of new Set(names)) helps.push(`$ pinchwork ${name} --help\n${await user.ok(`${name} --help`)}`);
  await expect(helps.join('\n')).toMatchFileSnapshot('help.txt');
});

it('help begins with examples, and fits a terminal of 80 columns', async () => {
  for (const { name, examples } of commands) {
    expect(examples.length, name).toBeGreaterThan(0);
    const lines = (await user.ok(`help ${name}`, { columns: 80, env: { NO_COLOR: '1' } })).split('\n');
    expect(lines[2], name).toBe('Examples');
    const typed = examples.map(([line]) => asTyped(line).length + 2);
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(Math.max(80, ...typed, 40 + name.length));
  }
});

describe('every example', () => {
  const lines = commands.flatMap(({ name, examples }) => examples.map(([line]) => [name, asTyped(line)] as const));
  it.each(lines)('of %s is a command line that is understood: %s', async (name, line) => {
    const [, words = ''] = line.split(/pinchwork (.*)/s);
    const found = findCommand(wordsOf(words.replace(/\)$| [<|] .*$/s, '')), commands, groups);
    if (!('command' in found)) return expect.unreachable(line);
    expect(found.command.name).toBe(name);
    const reader = new Reader({} as never, '');
    reader.file = async () => '{}';
    reader.text = async (text) => text;
    const parsed = parseWords(found.rest, found.command.flags, '');
    await expect(readInput(parsed, found.command, reader)).resolves.toBeDefined();
  });
});

/** The calls of the client that no command makes, with the reason. */
const leftOut: Readonly<Record<string, string>> = {
  'me.delete': 'nothing is deleted by a slip of the keyboard: pinchwork api DELETE /v1/me -f confirm=ID',
  capabilities: 'a document for programs: pinchwork api GET /v1/capabilities',
  'health.live': 'for supervisors: pinchwork api GET /health',
  'health.ready': 'for load balancers: pinchwork api GET /health/ready',
};

it('every endpoint has a command, or a reason why it has none', () => {
  const called = new Set(commands.flatMap(({ calls }) => calls));
  const missing = rows.map(({ call }) => call).filter((call) => !called.has(call));
  expect(missing.sort()).toEqual(Object.keys(leftOut).sort());
  const known = new Set(rows.map(({ call }) => call));
  expect([...called].filter((call) => !known.has(call))).toEqual([]);
});
