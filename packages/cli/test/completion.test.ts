import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { noTool } from '../../server/test/support/tools.ts';
import { liveMarket } from '../../sdk/test/support/market.ts';
import { commands } from '../src/commands/index.ts';
import { scripts, shellNames } from '../src/completion/scripts.ts';
import { patientClock } from './support/clock.ts';
import { shell } from './support/cli.ts';

const run = promisify(execFile);
const live = liveMarket();
const user = shell();

/** The values that are offered behind these words; the last one is being typed. */
async function offered(...typed: readonly string[]): Promise<string[]> {
  const { code, out, err } = await user.run(['__complete', ...typed], { clock: patientClock });
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t')[0]!);
}

describe('without a server', () => {
  it('commands are offered word by word, under every name of their group', async () => {
    const words = await offered('');
    for (const { name } of commands) expect(words).toContain(name.split(' ')[0]);
    expect(await offered('tas')).toEqual(['tasks']);
    expect(await offered('tasks', 'li')).toEqual(['list']);
    expect(await offered('t', 'li')).toEqual(['list']);
    expect(await offered('--profile', 'x', 'tasks', 'li')).toEqual(['list']);
    expect(await offered('tasks', 'list', 'li')).toEqual([]);
  });

  it('flags are those of the command and of all commands, and values those that a flag may have', async () => {
    expect(await offered('tasks', 'mine', '--st')).toEqual(['--status']);
    expect(await offered('tasks', 'mine', '--ou')).toEqual(['--output']);
    expect(await offered('tasks', 'mine', '--status', 'de')).toEqual(['delivered']);
    expect(await offered('tasks', 'mine', '--status=de')).toEqual(['--status=delivered']);
    // As bash splits it.
    expect(await offered('tasks', 'mine', '--status', '=', 'de')).toEqual(['delivered']);
    expect(await offered('tasks', 'mine', '-o', 'jso')).toEqual(['json', 'jsonl']);
    expect(await offered('completion', 'z')).toEqual(['zsh']);
    expect(await offered('tasks', 'list', '--limit', '1')).toEqual([]);
    expect(await offered('events', '--config', '')).toEqual([':file']);
  });

  it('a shell waits for a server no longer than a second', async () => {
    const silent: typeof fetch = (_, init) =>
      new Promise((_resolve, reject) => init!.signal!.addEventListener('abort', () => reject(new Error('Aborted'))));
    const limits: number[] = [];
    const after = (delayMs: number, wake: () => void) => {
      limits.push(delayMs);
      queueMicrotask(wake);
      return () => undefined;
    };
    const around = { env: { PINCHWORK_API_KEY: 'x' }, fetch: silent, clock: { ...patientClock, after } };
    expect(await user.run(['__complete', 'tasks', 'show', ''], around)).toEqual({ code: 0, out: '', err: '' });
    expect(limits).toEqual([1_000]);
  });

  it('nothing is said where the server is away or refuses', async () => {
    const env = { PINCHWORK_SERVER: 'http://127.0.0.1:1', PINCHWORK_API_KEY: 'x' };
    for (const words of [
      ['tasks', 'show', ''],
      ['tasks', 'list', '--tags', ''],
    ])
      expect(await user.run(['__complete', ...words], { env })).toEqual({ code: 0, out: '', err: '' });
    const broken = await user.run(['__complete', '--profile', 'none', 'tasks', 'show', '']);
    expect(broken).toEqual({ code: 0, out: '', err: '' });
  });
});

describe('with a server', () => {
  let [task, tag] = ['', ''];
  beforeAll(async () => {
    const [poster, worker] = [await live.agent('poster'), await live.agent('worker')];
    tag = `tag-${poster.id}`.toLowerCase();
    task = (await poster.tasks.create({ need: 'Count\nthe "words"', max_credits: 1, tags: [tag] })).task_id;
    Object.assign(user.env, { PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: poster.key, WORKER_KEY: worker.key });
  });

  it('tasks are offered by their ids, with which the command can do something', async () => {
    const { out } = await user.run(['__complete', 'tasks', 'show', 'tk-'], { clock: patientClock });
    expect(out).toBe(`${task}\tposted: Count the "words"\n`);
    expect(await offered('events', '--task', '')).toEqual([task]);
  });

  it('what a shell could take for a command is not offered, whatever a server says', async () => {
    const hostile: typeof fetch = async (input, init) => {
      const text = await (await fetch(input, init)).text();
      return new Response(text.replaceAll(tag, '$(reboot)').replaceAll(task, 'tk-1;reboot'));
    };
    for (const typed of [
      ['tasks', 'list', '--tags', ''],
      ['tasks', 'show', ''],
    ])
      expect(await user.run(['__complete', ...typed], { fetch: hostile })).toEqual({ code: 0, out: '', err: '' });
  });

  it('tags are offered in lists', async () => {
    user.env.PINCHWORK_API_KEY = user.env.WORKER_KEY!;
    expect(await offered('tasks', 'list', '--tags', '')).toEqual([tag]);
    expect(await offered('tasks', 'list', '--tags', 'a,tag-')).toEqual([`a,${tag}`]);
    expect(await offered('tasks', 'list', '--tags=a,')).toEqual([`--tags=a,${tag}`]);
  });
});

/** A folder with a program `pinchwork` that says what it is asked, and offers what a test wants. */
function talkingProgram(): string {
  const folder = join(user.home, 'bin');
  mkdirSync(folder, { recursive: true });
  const program = join(folder, 'pinchwork');
  writeFileSync(
    program,
    `#!/bin/sh\nshift\ncase "$*" in\n  'tasks show tk-') printf 'tk-one\\tposted: One\\ntk-two\\tposted: a:b\\n';;\n  'tasks show --config ') echo :file;;\n  *) printf 'asked\\t%s\\n' "$*";;\nesac\n`,
  );
  chmodSync(program, 0o755);
  return folder;
}

describe('the scripts', () => {
  it.each(shellNames)('that of %s is as it was', async (name) => {
    const out = await user.ok(`completion ${name}`);
    expect(out).toBe(scripts[name]);
    expect(out).toMatchSnapshot();
  });

  it('bash asks the program with the words so far, and offers what it says', async ({ skip }) => {
    skip(noTool('bash'), 'there is no bash');
    const script = `${scripts.bash}
      ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pinchwork; printf '%s\\n' "\${COMPREPLY[@]}" --; }
      ask pinchwork tasks show tk-
      ask pinchwork tasks ''
      cd ${user.home}; ask pinchwork tasks show --config ''`;
    const { stdout } = await run('bash', ['--norc', '-c', script], {
      env: { PATH: `${talkingProgram()}${delimiter}${process.env.PATH}`, HOME: user.home },
    });
    expect(stdout.split('--\n').map((part) => part.trim().split('\n'))).toEqual([
      ['tk-one', 'tk-two'],
      ['asked'],
      expect.arrayContaining(['bin']),
      [''],
    ]);
  });

  it('fish offers what the program says', async ({ skip }) => {
    skip(noTool('fish'), 'there is no fish');
    const script = `${scripts.fish}\ncomplete -C 'pinchwork tasks show tk-'`;
    const env = { PATH: `${talkingProgram()}${delimiter}${process.env.PATH}`, HOME: user.home };
    const { stdout } = await run('fish', ['--no-config', '-c', script], { env });
    expect(stdout.trim().split('\n')).toEqual(['tk-one\tposted: One', 'tk-two\tposted: a:b']);
  });

  it('zsh describes what the program says', async ({ skip }) => {
    skip(noTool('zsh'), 'there is no zsh');
    const script = `compdef() { :; }; ${scripts.zsh}
      _describe() { print -l -- "\${(@P)2}"; }
      words=(pinchwork tasks show tk-); CURRENT=4; _pinchwork`;
    const env = { PATH: `${talkingProgram()}${delimiter}${process.env.PATH}`, HOME: user.home };
    const { stdout } = await run('zsh', ['-f', '-c', script], { env });
    expect(stdout.trim().split('\n')).toEqual(['tk-one:posted: One', 'tk-two:posted: a:b']);
  });
});
