import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { liveMarket } from '../../sdk/test/support/market.ts';
import { adminKey } from '../../server/test/support/market.ts';
import { commands, groups } from '../src/commands/index.ts';
import { findCommand } from '../src/command/find.ts';
import { parseWords } from '../src/command/parse.ts';
import { exitCodes } from '../src/exit-codes.ts';
import { shell } from './support/cli.ts';

/** The original client's commands and flags, which scripts use (contract section 12), and its faults, which ours lacks. */

const live = liveMarket();
const user = shell();
beforeAll(async () => {
  user.env.PINCHWORK_DEFAULT_SERVER = live.url;
  await user.ok('register --name first');
});

describe('the original’s commands', () => {
  it.each([
    'register --name n --good-at g',
    'login',
    'whoami',
    'tasks list --tags a,b --search s --limit 1',
    'task list',
    't list',
    'tasks mine --role poster --status posted --limit 1',
    'tasks create need --credits 1 --tags a --context c --context-file f --deadline 1 --review-timeout 1 --claim-timeout 1',
    'tasks show tk-1',
    'tasks pickup tk-1 --tags a --search s',
    'tasks deliver tk-1 result --file f --credits 1',
    'tasks approve tk-1 --rating 5 --feedback f',
    'tasks reject tk-1 --reason r --feedback f',
    'tasks cancel tk-1',
    'tasks abandon tk-1',
    'ask tk-1 a question',
    'answer tk-1 qa-1 an answer',
    'msg tk-1 a message',
    'credits',
    'stats',
    'events',
    'completion bash',
    'agents --search s --limit 1',
    'agents show ag-1',
    'admin grant ag-1 5',
    'admin suspend ag-1 --reason r',
    'admin unsuspend ag-1',
    'help',
    '--config c --profile p --server s --key k -o json whoami',
    'whoami --output table --config c --profile p --server s --key k',
  ])('are ours too: %s', (line) => {
    const found = findCommand(line.split(' '), commands, groups);
    if (!('command' in found)) return expect.unreachable(line);
    expect(() => parseWords(found.rest, found.command.flags, '')).not.toThrow();
  });

  it('--version says which version it is', async () => {
    expect(await user.ok('--version')).toMatch(/^pinchwork \d+\.\d+\.\d+\n$/);
  });
});

describe('the original’s faults are not ours:', () => {
  it('a file is delivered without a RESULT besides', async () => {
    const poster = await live.agent('poster');
    const { task_id: id } = await poster.tasks.create({ need: 'A file', max_credits: 5 });
    await user.ok(`tasks pickup ${id}`);
    writeFileSync(join(user.home, 'result.md'), 'From a file\n');
    await user.ok(`tasks deliver ${id} --file result.md`);
    expect((await poster.tasks.get(id)).result).toBe('From a file\n');
    expect(await user.run(['tasks', 'deliver', id, 'X', '--file', 'result.md'])).toMatchObject({ code: 2 });
  });

  it('the environment goes before the profile', async () => {
    const other = await live.agent('other');
    expect(await user.ok('whoami -q', { env: { PINCHWORK_API_KEY: other.key } })).toBe(`${other.id}\n`);
  });

  it('register keeps the key that is there', async () => {
    const before = parse(readFileSync(user.configPath, 'utf8')).profiles.first;
    await user.ok('register --name first --profile first');
    const { current_profile: current, profiles } = parse(readFileSync(user.configPath, 'utf8'));
    expect([current, profiles.first]).toEqual(['first-2', before]);
  });

  it('events are JSON alone with -o json, and go on after a connection that broke', async () => {
    const agent = await live.agent('events');
    const stop = new AbortController();
    let streams = 0;
    // The first stream breaks before its first event.
    const fetch: typeof globalThis.fetch = (input, init) => {
      if (!(input as string).includes('/v1/events') || (input as string).includes('history'))
        return globalThis.fetch(input, init);
      if (++streams > 1) return globalThis.fetch(input, init);
      return Promise.resolve(new Response('retry: 1\n\n', { headers: { 'content-type': 'text/event-stream' } }));
    };
    const { task_id: id } = await agent.tasks.create({ need: 'X', max_credits: 1 });
    await (await live.agent('w')).tasks.pickup(id);
    await agent.events.history();
    const running = user.run(['events', '-o', 'json', '--since', '0'], {
      ...{ env: { PINCHWORK_API_KEY: agent.key }, fetch, signal: stop.signal },
      onOutput: () => stop.abort(),
    });
    const { out } = await running;
    for (const line of out.trim().split('\n')) expect(JSON.parse(line)).toMatchObject({ task_id: id });
    expect(streams).toBe(2);
  });

  it('the operator’s commands take the admin key from the environment', async () => {
    const agent = await live.agent('poor');
    const env = { PINCHWORK_ADMIN_KEY: adminKey };
    await user.ok(`admin grant ${agent.id} 50 --reason gift`, { env });
    expect(await user.ok(`admin suspend ${agent.id} --reason spam`, { env })).toContain('suspended');
    expect(await user.json(`admin agents ${agent.id}`, { env })).toMatchObject({
      agent: { credits: 150, suspended: true },
    });
    await user.ok(`admin unsuspend ${agent.id}`, { env });
    expect(await user.json('admin log --limit 1', { env })).toMatchObject({ actions: [{ action: 'unsuspend_agent' }] });
    expect(await user.ok('admin audit --jq .ok', { env })).toBe('true\n');
  });

  it('a key need not stand on the command line', async () => {
    const { key, id } = await live.agent('quiet');
    expect(await user.ok('login --key - -q', { stdin: `${key}\n` })).toBe(`${id}\n`);
    expect(await user.ok('whoami --key - -q', { stdin: `${key}\n` })).toBe(`${id}\n`);
  });

  it('a text is cut between characters, and a whole one is whole', async () => {
    const poster = await live.agent('emoji');
    const need = '👩‍💻漢字'.repeat(60);
    await poster.tasks.create({ need, tags: ['emoji'], max_credits: 1 });
    const cut = await user.ok('tasks list --tags emoji', { columns: 80, env: { NO_COLOR: '1' } });
    expect(cut).toMatch(/(👩‍💻漢字)+(👩‍💻|👩‍💻漢)?…/u);
    expect(cut).not.toContain('\ufffd');
    expect(await user.ok('tasks list --tags emoji')).toContain(need);
  });

  it('a request that fails is told from a command line that is wrong, by an exit code for each kind of failure', async () => {
    const codes = [];
    for (const line of ['tasks shwo', 'tasks show tk-000000000000', 'whoami --key pwk-wrong'])
      codes.push((await user.run(line.split(' '))).code);
    expect(codes).toEqual([exitCodes.usage, exitCodes.notFound, exitCodes.auth]);
    expect(new Set(Object.values(exitCodes)).size).toBe(Object.keys(exitCodes).length);
  });
});

it('docs/cli.md names nine faults, each with its test here', () => {
  const page = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8');
  const [, table = ''] = page.split('| The test |\n');
  const named = table.split('\n').flatMap((line) => /\| ([^|]+) \|$/.exec(line)?.slice(1) ?? []);
  const here = readFileSync(new URL(import.meta.url), 'utf8');
  expect(named).toHaveLength(9);
  for (const name of named) expect(here).toContain(`  it('${name}', async`);
});
