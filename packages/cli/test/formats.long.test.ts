import { beforeAll, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { liveMarket } from '../../sdk/test/support/market.ts';
import { adminKey } from '../../server/test/support/market.ts';
import { commands } from '../src/commands/index.ts';
import type { View } from '../src/output/view.ts';
import { patientClock } from './support/clock.ts';
import { type Ran, shell, type Surroundings, wordsOf } from './support/cli.ts';

/** Every command obeys -q, -o, --json and --jq in the same way, or refuses them. */

const live = liveMarket({ PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true' });
const user = shell({ PINCHWORK_ADMIN_KEY: adminKey });
type Agent = Awaited<ReturnType<typeof live.agent>>;
let [me, other] = [] as unknown as [Agent, Agent];

beforeAll(async () => {
  [me, other] = [await live.agent('me'), await live.agent('other')];
  Object.assign(user.env, { PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: me.key });
});

const posted = async (by = me, tags: string[] = []) =>
  (await by.tasks.create({ need: 'Say hello', tags, max_credits: 1 })).task_id;
/** A task that `other` offers to me alone. */
const offered = async () =>
  (await other.tasks.create({ need: 'Say hello', for_agents: [me.id], max_credits: 1 })).task_id;
/** A task of `other` that I have in hand. */
const claimed = async () => {
  const id = await posted(other);
  await me.tasks.pickup(id);
  return id;
};
/** A task of mine whose result is there. */
const delivered = async () => {
  const id = await posted();
  await other.tasks.pickup(id);
  await other.tasks.deliver(id, { result: 'Hello' });
  return id;
};
const rejected = async () => {
  const id = await claimed();
  await me.tasks.deliver(id, { result: 'Hello' });
  await other.tasks.reject(id, { reason: 'Louder' });
  return id;
};
const asked = async () => {
  const id = await posted();
  return `${id} ${(await other.tasks.ask(id, { question: 'How?' })).id}`;
};
const reported = async () => {
  const id = await posted();
  return (await other.tasks.report(id, { reason: 'Odd' })).report_id;
};
const disputed = async () => {
  const id = await rejected();
  return (await me.tasks.dispute(id, { reason: 'It was loud' })).dispute_id;
};
const hooked = async () => {
  await me.me.update({ webhook_url: `${live.url}/health` });
  return (await me.webhook.test()).id;
};

/** A line for each command whose reply is shown. What it needs is made before. */
const replies: Readonly<Record<string, () => string | Promise<string>>> = {
  register: () => 'register --name formats',
  login: () => 'login',
  whoami: () => 'whoami',
  credits: () => 'credits',
  stats: () => 'stats',
  trust: () => 'trust',
  'tasks create': () => 'tasks create Say hello --credits 1',
  wait: async () => `wait ${await delivered()}`,
  'tasks mine': () => 'tasks mine',
  'tasks approve': async () => `tasks approve ${await delivered()}`,
  'tasks reject': async () => `tasks reject ${await delivered()} --reason Louder`,
  'tasks cancel': async () => `tasks cancel ${await posted()}`,
  'tasks list': async () => `tasks list --tags ${(await posted(other, ['board'])) && 'board'}`,
  'tasks show': async () => `tasks show ${await posted()}`,
  'tasks pickup': async () => `tasks pickup ${await posted(other)}`,
  batch: async () => `batch --count 2 --tags ${(await posted(other, ['many'])) && 'many'}`,
  'tasks deliver': async () => `tasks deliver ${await claimed()} Hello`,
  'tasks abandon': async () => `tasks abandon ${await claimed()}`,
  heartbeat: async () => `heartbeat ${await claimed()}`,
  decline: async () => `decline ${await offered()}`,
  dispute: async () => `dispute ${await rejected()} --reason Loud`,
  ask: async () => `ask ${await posted(other)} How?`,
  questions: async () => `questions ${(await asked()).split(' ')[0]}`,
  answer: async () => `answer ${await asked()} So`,
  msg: async () => `msg ${await claimed()} Hello`,
  messages: async () => `messages ${await claimed()}`,
  deliveries: async () => `deliveries ${await delivered()}`,
  rate: async () => {
    const id = await claimed();
    await me.tasks.deliver(id, { result: 'Hello' });
    await other.tasks.approve(id);
    return `rate ${id} 5`;
  },
  report: async () => `report ${await posted(other)} --reason Odd`,
  market: () => 'market',
  prices: () => 'prices board',
  agents: () => 'agents',
  'agents show': () => `agents show ${other.id}`,
  'profile list': () => 'profile list',
  'profile show': () => 'profile show formats',
  'profile set': () => `profile set other --server ${live.url}`,
  'profile use': () => 'profile use other',
  'profile remove': () => 'profile remove other',
  'keys list': () => 'keys list',
  'keys create': () => 'keys create --name ci',
  'keys revoke': async () => `keys revoke ${(await me.keys.create({ name: 'old' })).key_id}`,
  'keys rotate': () => 'keys rotate --overlap 60',
  'webhook set': () => `webhook set ${live.url}/health`,
  'webhook test': async () => (await hooked(), 'webhook test'),
  'webhook deliveries': async () => (await hooked(), 'webhook deliveries'),
  'webhook redeliver': async () => `webhook redeliver ${await hooked()}`,
  'webhook remove': () => 'webhook remove',
  api: () => 'api GET /v1/me',
  'admin overview': () => 'admin overview',
  'admin grant': () => `admin grant ${other.id} 5 --reason gift`,
  'admin debit': () => `admin debit ${other.id} 5 --reason gift`,
  'admin suspend': () => `admin suspend ${other.id} --reason spam`,
  'admin unsuspend': () => `admin unsuspend ${other.id}`,
  'admin cancel': async () => `admin cancel ${await posted()} --reason spam`,
  'admin redact': async () => {
    const id = await posted();
    await me.tasks.cancel(id);
    return `admin redact ${id} --reason secret`;
  },
  'admin audit': () => 'admin audit',
  'admin log': () => 'admin log',
  'admin agents': () => 'admin agents',
  'admin tasks': () => 'admin tasks --limit 3',
  'admin reports': async () => (await reported(), 'admin reports'),
  'admin disputes': async () => (await disputed(), 'admin disputes'),
  'admin invites': () => 'admin invites',
  'admin invites create': () => 'admin invites create --credits 5',
  'admin invites revoke': async () =>
    `admin invites revoke ${(await live.client().admin.createInvite({ credits: 5 })).invite_id}`,
  'skill install': () => 'skill install',
};

/** A server that answers again as it has answered, so that a line can be run in each format. */
function recorder() {
  const kept = new Map<string, { status: number; text: string }[]>();
  const key = (input: Parameters<typeof fetch>[0], init?: RequestInit) => `${init?.method ?? 'GET'} ${input as string}`;
  const record: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    const text = await response.text();
    kept.set(key(input, init), [...(kept.get(key(input, init)) ?? []), { status: response.status, text }]);
    return answer({ status: response.status, text });
  };
  const replay = (): typeof fetch => {
    const left = new Map([...kept].map(([name, all]) => [name, [...all]]));
    return async (input, init) => answer(left.get(key(input, init))!.shift()!);
  };
  const answer = ({ status, text }: { status: number; text: string }) =>
    new Response(status === 204 ? null : text, { status, headers: { 'content-type': 'application/json' } });
  return { record, replay };
}

const jsonLines = (out: string): unknown[] =>
  out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown);

const shown = (name: string, reply: unknown): View<never> => {
  const { show } = commands.find((each) => each.name === name)!;
  return typeof show === 'function' ? show(reply) : (show as View<never>);
};

describe('a reply is the same in each format:', () => {
  it.each(Object.keys(replies))('%s', async (name) => {
    const line = wordsOf(await replies[name]!());
    const { record, replay } = recorder();
    const first = await user.run([...line, '-o', 'json'], { fetch: record });
    expect(first.code, first.err).toBe(0);
    const reply = JSON.parse(first.out) as Record<string, unknown>;
    const { rows: field, id } = shown(name, reply);
    const rows = field === undefined ? undefined : (reply[field] as Record<string, unknown>[]);
    const run = async (...flags: readonly string[]) => {
      // What was removed is there again.
      if (name === 'profile remove') await user.ok('profile set other --server http://127.0.0.1:9');
      return user.run([...line, ...flags], { fetch: replay() });
    };
    expect(jsonLines((await run('-o', 'jsonl')).out)).toEqual(rows ?? [reply]);
    expect(parse((await run('-o', 'yaml')).out)).toEqual(reply);
    expect(JSON.parse((await run('--jq', '.')).out)).toEqual(rows ?? reply);
    const [some = 'none'] = Object.keys(rows === undefined ? reply : (rows[0] ?? {}));
    const pick = (row: Record<string, unknown>) => ({ [some]: row[some] ?? null });
    const picked = await run('--json', some);
    if (rows?.length !== 0) expect(JSON.parse(picked.out)).toEqual(rows?.map(pick) ?? pick(reply));
    const quiet = await run('-q');
    if (id === undefined) expect(quiet).toMatchObject({ code: 2, out: '', err: expect.stringContaining('id') });
    else expect(quiet.out).toBe((rows ?? [reply]).map((row) => `${id(row as never)}\n`).join(''));
    expect(await run('-q', '-o', 'json')).toMatchObject({ code: 2, out: '' });
  });
});

/** Programs that print one thing after the other. Each begins, makes one thing happen, and ends. */
const streams: Readonly<Record<string, (flags: readonly string[]) => Promise<Ran>>> = {
  events: async (flags) => user.run(['events', '--since', '0', '--limit', '1', ...flags]),
  'market --follow': (flags) =>
    following(['market', '--follow', ...flags], async () => {
      await posted();
      await live.market.ctx.feed.look();
    }),
  listen: (flags) =>
    following(['listen', '--forward-to', 'http://127.0.0.1:9/hook', ...flags], () =>
      me.keys.create({ name: 'heard', scopes: ['read'] }),
    ),
  work: async (flags) => {
    const tag = `work-${Math.random().toString(36).slice(2)}`;
    await posted(other, [tag]);
    return user.run(['work', '--exec', 'echo done', '--tags', tag, '--max', '1', '--once', ...flags]);
  },
};

/** Runs a program until it has printed something about what `happen` does. */
async function following(argv: readonly string[], happen: () => Promise<unknown>): Promise<Ran> {
  const end = new AbortController();
  const around: Surroundings = {
    signal: end.signal,
    clock: patientClock,
    onOutput: (text) => {
      if (text.trim() !== '---') end.abort(new Error('Ctrl-C'));
    },
    fetch: async (input, init) => {
      if ((input as string).endsWith('/hook')) return new Response();
      const response = await fetch(input, init);
      if (/\/v1\/(market\/)?events(\?|$)/.test(input as string)) void happen();
      return response;
    },
  };
  return user.run(argv, around);
}

describe('what happens is told in each format:', () => {
  beforeAll(() => void me.keys.create({ name: 'first', scopes: ['read'] }));

  it.each(Object.keys(streams))('%s', async (name) => {
    const run = (...flags: readonly string[]) => streams[name]!(flags);
    for (const flags of [
      ['-o', 'json'],
      ['-o', 'jsonl'],
      ['--jq', '.'],
    ]) {
      const rows = jsonLines((await run(...flags)).out);
      expect(rows[0], flags.join(' ')).toMatchObject({ type: expect.any(String) });
    }
    const documents = parseAllDocuments((await run('-o', 'yaml')).out);
    expect([...documents][0]!.toJS()).toMatchObject({ type: expect.any(String) });
    expect(jsonLines((await run('--json', 'type,nothing')).out)[0]).toEqual({
      type: expect.any(String),
      nothing: null,
    });
    expect((await run('-q')).out).toMatch(/^(\d+|tk-\w{12})\n/);
    expect((await run()).out).not.toMatch(/^[{"-]/);
  });
});

describe('what has one form alone refuses others:', () => {
  const texts = commands.filter(({ prints }) => prints === 'text');
  const words = { completion: ['bash'] } as Readonly<Record<string, readonly string[]>>;

  it.each(texts.map(({ name }) => name))('%s', async (name) => {
    for (const flags of [['-o', 'json'], ['-q'], ['--json', 'a'], ['--jq', '.']]) {
      const ran = await user.run([...name.split(' '), ...(words[name] ?? []), ...flags]);
      expect(ran, flags.join(' ')).toMatchObject({ code: 2, out: '', err: expect.stringContaining('leave out') });
    }
  });
});

it.each(['doctor', 'quickstart'])(
  '%s prints what it found in each format, and lines for people alone',
  async (name) => {
    const run = (...flags: readonly string[]) => user.run([name, ...flags], { clock: patientClock });
    const reply = JSON.parse((await run('-o', 'json')).out) as object;
    expect(Object.keys(parse((await run('-o', 'yaml')).out) as object)).toEqual(Object.keys(reply));
    expect(jsonLines((await run('-o', 'jsonl')).out).length).toBeGreaterThan(0);
    expect((await run('-q')).out).toMatch(/^([\w-]+\n)+$/);
    expect((await run('--jq', 'length')).out).toMatch(/^\d+\n$/);
    expect((await run()).out).toMatch(/ .* /);
  },
);

it('every command is in one of these lists', () => {
  const texts = commands.filter(({ prints }) => prints === 'text').map(({ name }) => name);
  const all = [...Object.keys(replies), ...Object.keys(streams), ...texts, 'doctor', 'quickstart'];
  expect(commands.map(({ name }) => name).filter((name) => !all.includes(name))).toEqual([]);
});
