import { mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, win32 } from 'node:path';
import { beforeAll, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { liveMarket } from '../../sdk/test/support/market.ts';
import { changeConfig } from '../src/config/profiles.ts';
import { withLock } from '../src/config/files.ts';
import { realClock } from './support/clock.ts';
import { type Ran, shell, Shell } from './support/cli.ts';

const live = liveMarket();
const user = shell();

let alice: { id: string; key: string };
let bob: { id: string; key: string };
beforeAll(async () => {
  user.env.PINCHWORK_DEFAULT_SERVER = live.url;
  [alice, bob] = [await live.agent('alice'), await live.agent('bob')];
});

const configOf = ({ configPath }: Shell) => parse(readFileSync(configPath, 'utf8'));
const write = ({ configPath }: Shell, name: string, text: string) => {
  mkdirSync(dirname(configPath), { recursive: true });
  writeFileSync(join(dirname(configPath), name), text);
};

it('register keeps the key in a file that only its user may read, and makes its profile the current one', async () => {
  const reply = await user.json('register --name "My Agent"');
  expect(configOf(user)).toEqual({
    current_profile: 'my-agent',
    profiles: { 'my-agent': { server: live.url, api_key: reply.api_key } },
  });
  expect(statSync(user.configPath).mode & 0o777).toBe(0o600);
  expect(statSync(dirname(user.configPath)).mode & 0o777).toBe(0o700);
  expect(readdirSync(dirname(user.configPath))).toEqual(['config.yaml']);
  expect((await user.json('whoami')).id).toBe(reply.agent_id);
});

it('register overwrites no profile: a name that is taken gets a number, and it says so', async () => {
  const before = configOf(user).profiles['my-agent'];
  const { err } = await user.run(['register', '--name', 'My agent!']);
  expect(err).toContain('"my-agent-2"');
  expect(configOf(user)).toMatchObject({ current_profile: 'my-agent-2', profiles: { 'my-agent': before } });
});

it('login checks the key before it keeps it, and reads it from stdin or from the user', async () => {
  const before = readFileSync(user.configPath, 'utf8');
  expect(await user.run(['login', '--key', '-'], { stdin: 'pwk-wrong\n' })).toMatchObject({ code: 4 });
  expect(await user.run(['login'])).toMatchObject({ code: 2, err: expect.stringContaining('--key -') });
  expect(await user.run(['login', '--no-input'], { typed: [alice.key] })).toMatchObject({ code: 2 });
  // An empty file, and Ctrl-D.
  expect(await user.run(['login', '--key', '-'], { stdin: '\n' })).toMatchObject({ code: 2 });
  expect(await user.run(['login'], { typed: [] })).toMatchObject({ code: 2 });
  expect(readFileSync(user.configPath, 'utf8')).toBe(before);
  expect((await user.run(['login', '--key', '-'], { stdin: `${alice.key}\n` })).err).not.toContain('other users');
  expect(configOf(user)).toMatchObject({ current_profile: 'alice', profiles: { alice: { api_key: alice.key } } });
  await user.ok('login --profile typed', { typed: [` ${bob.key} `] });
  expect(configOf(user)).toMatchObject({ current_profile: 'typed', profiles: { typed: { api_key: bob.key } } });
  // The same key again needs no second profile.
  await user.ok('login --key -', { stdin: alice.key });
  expect(Object.keys(configOf(user).profiles)).toEqual(['my-agent', 'my-agent-2', 'alice', 'typed']);
  expect((await user.run(['login', '--key', alice.key])).err).toContain('other users of the machine');
});

it.each([
  { from: 'a flag', flags: '--key KEY_A', env: { PINCHWORK_API_KEY: 'KEY_B' }, current: 'profile-b', expected: 'a' },
  { from: 'the environment', flags: '', env: { PINCHWORK_API_KEY: 'KEY_A' }, current: 'profile-b', expected: 'a' },
  {
    from: 'a profile that a flag names',
    flags: '--profile profile-a',
    env: { PINCHWORK_API_KEY: 'KEY_B' },
    current: 'profile-b',
    expected: 'a',
  },
  { from: 'the current profile', flags: '', env: {}, current: 'profile-a', expected: 'a' },
  { from: 'credentials.json', flags: '', env: {}, current: null, expected: 'b' },
])('the key comes from $from first', async ({ flags, env, current, expected }) => {
  const named = (text: string) => text.replace('KEY_A', alice.key).replace('KEY_B', bob.key);
  const own = new Shell({ PINCHWORK_DEFAULT_SERVER: live.url });
  const profiles = { 'profile-a': { api_key: alice.key }, 'profile-b': { api_key: bob.key } };
  write(own, 'config.yaml', JSON.stringify({ ...(current === null ? {} : { current_profile: current }), profiles }));
  write(own, 'credentials.json', JSON.stringify({ api_key: bob.key, agent_id: bob.id, agent_name: 'bob' }));
  const values = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, named(value)]));
  expect((await own.ok(`whoami -q ${named(flags)}`, { env: values })).trim()).toBe(
    { a: alice.id, b: bob.id }[expected],
  );
  own.remove();
});

it('the server comes from a flag, then from the environment, then from the profile', async () => {
  const seen: string[] = [];
  const fetch: typeof globalThis.fetch = async (input) => {
    seen.push(new URL(input).origin);
    return Response.json({ id: 'ag-1' });
  };
  const own = new Shell({ PINCHWORK_API_KEY: 'pwk-1', PINCHWORK_DEFAULT_SERVER: 'http://default.test' });
  await own.ok('whoami', { fetch });
  write(own, 'config.yaml', 'current_profile: p\nprofiles: {p: {server: "http://profile.test/"}}\n');
  await own.ok('whoami', { fetch });
  await own.ok('whoami', { fetch, env: { PINCHWORK_SERVER: 'http://env.test' } });
  await own.ok('--server http://flag.test whoami', { fetch, env: { PINCHWORK_SERVER: 'http://env.test' } });
  expect(seen).toEqual(['http://default.test', 'http://profile.test', 'http://env.test', 'http://flag.test']);
  own.remove();
});

it('the key of a profile goes to no other server than that of the profile', async () => {
  let requests = 0;
  const fetch = async () => (requests++, Response.json({ id: 'ag-1' }));
  const ran = await user.run(['whoami', '--server', 'http://other.test'], { fetch });
  expect(ran).toMatchObject({ code: 4, err: expect.stringContaining('not for http://other.test') });
  // Nor does the key of another agent stand in for it.
  vi.stubEnv('PINCHWORK_API_KEY', 'pwk-another');
  const named = await user.run(['whoami', '--profile', 'alice', '--server', 'http://other.test'], { fetch });
  vi.unstubAllEnvs();
  expect(named).toMatchObject({ code: 4, err: expect.stringContaining('not for http://other.test') });
  expect(requests).toBe(0);
});

it('an address that is none is refused, and it says where it stands', async () => {
  const own = new Shell();
  for (const server of ['market.example', 'localhost:8000', 'https://market.example/?a=b'])
    for (const command of ['whoami', 'profile set x', 'doctor'])
      expect(await own.run([...command.split(' '), '--server', server]), `${command} ${server}`).toMatchObject({
        ...{ code: 2, err: expect.stringContaining('Correct --server') },
      });
  write(own, 'config.yaml', 'current_profile: p\nprofiles: {p: {server: market.example}}\n');
  expect((await own.run(['whoami'])).err).toContain('Correct the profile');
  own.remove();
});

it('a configuration file that is named is one file, whatever the folder', async () => {
  const own = new Shell();
  await own.ok('profile set p --server http://p.test --config own/config.yaml');
  expect(parse(readFileSync(join(own.home, 'own/config.yaml'), 'utf8')).current_profile).toBe('p');
  own.remove();
});

it('two shells that change the file at once lose nothing', async () => {
  const own = new Shell({ PINCHWORK_DEFAULT_SERVER: live.url });
  const names = Array.from({ length: 12 }, (_, i) => `p${i}`);
  const runs = await Promise.all(
    names.map((name): Promise<Ran> => own.run(['profile', 'set', name, '--server', live.url, '--key', `pwk-${name}`])),
  );
  expect(runs.map(({ code }) => code)).toEqual(names.map(() => 0));
  expect(Object.keys(configOf(own).profiles).sort()).toEqual([...names].sort());
  expect(readdirSync(dirname(own.configPath))).toEqual(['config.yaml']);
  own.remove();
});

it('the lock of a process that has died is removed, and that of a living one is not', async () => {
  const own = new Shell();
  write(own, 'config.yaml', 'profiles: {}\n');
  // No process has this number; and this process has never made such a lock.
  for (const holder of ['999999999 abc', `${process.pid} abc`]) {
    write(own, 'config.yaml.lock', holder);
    await changeConfig(own.configPath, realClock, (config) => config);
  }
  // A power cut left it empty; or its number was given again since.
  write(own, 'config.yaml.lock', '');
  await changeConfig(own.configPath, realClock, (config) => config);
  write(own, 'config.yaml.lock', `${process.ppid} abc`);
  const before = new Date(Date.now() - 3_600_000);
  utimesSync(`${own.configPath}.lock`, before, before);
  await changeConfig(own.configPath, realClock, (config) => config);
  expect(readdirSync(dirname(own.configPath))).toEqual(['config.yaml']);
  write(own, 'config.yaml.lock', `${process.ppid} abc`);
  // However slow the machine is, it does not grow old.
  const later = new Date(Date.now() + 3_600_000);
  utimesSync(`${own.configPath}.lock`, later, later);
  let nowMs = 0;
  const clock = {
    now: () => nowMs,
    after: (ms: number, wake: () => void) => ((nowMs += 100 * ms), setImmediate(wake), () => undefined),
  };
  await expect(withLock(own.configPath, clock, async () => 1)).rejects.toMatchObject({ code: 'locked' });
  own.remove();
});

it('what killed processes have left beside the file is removed, and nothing else', async () => {
  const own = new Shell();
  write(own, 'config.yaml', 'profiles: {}\n');
  const id = 'c0ffee00c0de';
  const left = [`config.yaml.${id}`, `config.yaml.lock.${id}-${id}`, `config.yaml.lock.${id}-${id}.left`];
  const kept = ['config.yaml.bak', 'config.yaml.lock.old', `other.yaml.${id}`];
  // Of processes that are about to take the lock.
  const young = [`config.yaml.lock.abcdef012345-${id}`];
  const before = new Date(Date.now() - 3_600_000);
  for (const name of [...left, ...kept, ...young]) write(own, name, 'x');
  for (const name of [...left, ...kept]) utimesSync(join(dirname(own.configPath), name), before, before);
  const later = new Date(Date.now() + 3_600_000);
  for (const name of young) utimesSync(join(dirname(own.configPath), name), later, later);
  await changeConfig(own.configPath, realClock, (config) => config);
  expect(readdirSync(dirname(own.configPath)).sort()).toEqual(['config.yaml', ...kept, ...young].sort());
  own.remove();
});

it('comments and other fields in the file stay, and a file that is broken is not touched', async () => {
  const own = new Shell();
  write(
    own,
    'config.yaml',
    '# mine\ncurrent_profile: a # this one\nprofiles:\n  a: {server: http://a.test} # home\ntheme: dark\n',
  );
  await own.ok('profile set b --server http://b.test');
  const text = readFileSync(own.configPath, 'utf8');
  for (const kept of ['# mine', '# this one', '# home', 'theme: dark', 'http://b.test']) expect(text).toContain(kept);
  write(own, 'config.yaml', 'profiles:\n');
  await own.ok('profile set a --server http://a.test');
  write(own, 'config.yaml', 'profiles:\n  b:\n');
  await own.ok('profile set b --server http://b.test');
  expect(configOf(own)).toEqual({ current_profile: 'b', profiles: { b: { server: 'http://b.test' } } });
  for (const broken of ['profiles: [', 'profiles: 5\n', 'current_profile: [a]\n', 'profiles: {a: {api_key: 5}}\n']) {
    write(own, 'config.yaml', broken);
    expect(await own.run(['profile', 'use', 'a']), broken).toMatchObject({
      code: 1,
      err: expect.stringContaining('config.yaml'),
    });
    expect(readFileSync(own.configPath, 'utf8')).toBe(broken);
  }
  own.remove();
});

it('profiles are listed, used, shown without their key, and removed', async () => {
  const own = new Shell();
  await own.ok('profile set a --server http://a.test --key -', { stdin: 'pwk-0123456789abcdef\n' });
  await own.ok('profile set b --server http://b.test');
  expect(await own.ok('profile show')).not.toContain('0123456789abcdef');
  expect(await own.json('profile show')).toEqual({
    name: 'a',
    server: 'http://a.test',
    current: true,
    key: 'pwk-0123…',
  });
  await own.ok('profile use b');
  expect(await own.ok('profile list --json name,current -o jsonl')).toBe(
    '{"name":"a","current":false}\n{"name":"b","current":true}\n',
  );
  await own.ok('profile remove b');
  expect(configOf(own)).toEqual({ profiles: { a: { server: 'http://a.test', api_key: 'pwk-0123456789abcdef' } } });
  expect(await own.run(['profile', 'use', 'b'])).toMatchObject({ code: 5 });
  expect(await own.run(['--profile', 'b', 'whoami'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('It has a.'),
  });
  own.remove();
});

it('a key that is rotated takes the place of the old one where that was read', async () => {
  const own = new Shell({ PINCHWORK_DEFAULT_SERVER: live.url });
  await own.ok('register --name rotating');
  const { api_key: key } = await own.json('keys rotate');
  expect(configOf(own).profiles.rotating.api_key).toBe(key);
  await own.ok('profile remove rotating');
  write(own, 'credentials.json', JSON.stringify({ api_key: key, agent_name: 'rotating' }));
  const { api_key: next } = await own.json('keys rotate');
  const kept = join(dirname(own.configPath), 'credentials.json');
  expect(JSON.parse(readFileSync(kept, 'utf8'))).toEqual({ api_key: next, agent_name: 'rotating' });
  const { err } = await own.run(['keys', 'rotate'], { env: { PINCHWORK_API_KEY: String(next) } });
  expect(err).toContain('came from the environment');
  own.remove();
});

it('a key that is rotated is kept, also when Ctrl-C comes before the answer', async () => {
  const own = new Shell({ PINCHWORK_DEFAULT_SERVER: live.url });
  await own.ok('register --name hasty');
  const stop = new AbortController();
  const fetch: typeof globalThis.fetch = async (input, init) => {
    const reply = await globalThis.fetch(input, init);
    stop.abort();
    init?.signal?.throwIfAborted();
    return reply;
  };
  await own.run(['keys', 'rotate'], { fetch, signal: stop.signal });
  expect(await own.json('whoami')).toMatchObject({ name: 'hasty' });
  own.remove();
});

it('a path of Windows is a path, and no part of it is taken for something else', async () => {
  const own = new Shell();
  const path = win32.join('C:\\Users\\Bob Smith', 'need.md');
  expect(await own.run(['tasks', 'create', '--file', path])).toMatchObject({
    code: 2,
    err: expect.stringContaining(path),
  });
  own.remove();
});
