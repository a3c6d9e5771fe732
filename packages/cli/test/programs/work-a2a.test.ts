import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { liveMarket } from '../../../sdk/test/support/market.ts';
import { A2aAgentServer, type Speech } from '../support/a2a-agent.ts';
import { shell, type Surroundings } from '../support/cli.ts';

const live = liveMarket();
const user = shell();
const agents: A2aAgentServer[] = [];
afterAll(() => agents.forEach((agent) => agent.close()));

const speeches: Speech[] = [
  { binding: 'JSONRPC', version: '1.0' },
  { binding: 'HTTP+JSON', version: '1.0' },
  { binding: 'JSONRPC', version: '0.3' },
  { binding: 'HTTP+JSON', version: '0.3' },
];

/** Short pauses are shorter; limits are not. */
const brisk = {
  now: () => Date.now(),
  after: (ms: number, wake: () => void) => {
    const timer = setTimeout(wake, ms > 5_000 ? ms : ms / 20);
    return () => clearTimeout(timer);
  },
};

/** A poster, a worker with a tag of its own, and an agent that does its tasks. */
async function trio(speech: Speech = speeches[0]!) {
  const [poster, worker, agent] = [
    await live.agent('poster'),
    await live.agent('worker'),
    await A2aAgentServer.open(speech),
  ];
  agents.push(agent);
  const tag = `tag-${worker.id}`;
  const post = async (need: string, fields: object = {}) =>
    (await poster.tasks.create({ need, tags: [tag], max_credits: 10, ...fields })).task_id;
  const work = (more: readonly string[] = ['--once'], around: Surroundings = {}) =>
    user.run(['work', '--a2a', agent.url, '--tags', tag, ...more], {
      clock: brisk,
      ...around,
      env: { PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: worker.key, ...around.env },
    });
  const result = async (id: string) => (await poster.tasks.get(id)).result;
  return { poster, worker, agent, post, work, result };
}

it.each(speeches)(
  'an agent that speaks $version by $binding does each task, and its artifact is delivered',
  async (speech) => {
    const { agent, post, work, result } = await trio(speech);
    const ids = [await post('count this', { context: 'by hand' }), await post('message hello'), await post('data')];
    const { code, out, err } = await work(['--once', '--concurrency', '3']);
    expect(code, err).toBe(0);
    expect(await result(ids[0]!)).toBe('did count this\n\nContext:\nby hand');
    expect(await result(ids[1]!)).toBe('hello');
    expect(await result(ids[2]!)).toBe('see\n\n{\n  "n": 1\n}');
    for (const id of ids) expect(out).toContain(`delivered ${id}`);
    expect(err).toContain(`Tasks go to the A2A agent test at ${agent.url} (${speech.version}, ${speech.binding}).`);
  },
);

it.each([
  ['ask which one', 'asks for more, which this worker cannot give: which one'],
  ['auth please', 'asks for an authorization'],
  ['fail badly', 'failed at it: badly'],
  ['reject it', 'rejects it'],
  ['empty', 'without a result'],
  ['bytes', 'a file as bytes'],
  ['long', 'more than 500,000 characters'],
])('a task that ends with "%s" is given back, and why is told', async (need, why) => {
  const { poster, post, work } = await trio();
  const id = await post(need);
  const { out } = await work(['--max', '1']);
  expect(out).toContain(`gave back ${id}: `);
  expect(out).toContain(why);
  expect((await poster.tasks.get(id)).status).toBe('posted');
});

it('an agent that fails for a while gets the same message again; a rejection is another message', async () => {
  const { poster, agent, post, work, result } = await trio();
  agent.failures = 1;
  const id = await post('count', { acceptance: { min_length: 3 } });
  const end = new AbortController();
  const working = work([], { signal: end.signal });
  const delivered = (text: string) =>
    vi.waitFor(async () => expect(await result(id)).toContain(text), { timeout: 50_000 });
  await delivered('The result must meet:\n{"min_length":3}');
  await poster.tasks.reject(id, { reason: 'louder', feedback: 'please' });
  await delivered('An earlier result was rejected: louder\nplease');
  end.abort(new Error('Ctrl-C'));
  expect((await working).err).toContain('The agent answered 503; trying again');
  expect(agent.messages.map(({ id: messageId }) => messageId)).toEqual([
    expect.stringMatching(new RegExp(`^pinchwork-${id}-1-`)),
    expect.stringMatching(new RegExp(`^pinchwork-${id}-1-`)),
  ]);
  expect(new Set(agent.messages.map(({ id: messageId }) => messageId)).size).toBe(2);
});

it('a task that takes too long is cancelled at the agent and given back', async () => {
  const { agent, post, work } = await trio();
  const id = await post('slow one');
  let timeIsUp: () => void = () => undefined;
  const after: typeof brisk.after = (ms, wake) => {
    if (ms !== 77_000) return brisk.after(ms, wake);
    timeIsUp = wake;
    return () => undefined;
  };
  const working = work(['--max', '1', '--timeout', '77'], { clock: { ...brisk, after } });
  // The card, the message, and two looks at its task.
  await vi.waitFor(() => expect(agent.headers.length).toBeGreaterThan(3), { timeout: 50_000 });
  timeIsUp();
  expect((await working).out).toContain(`gave back ${id}: The agent took longer than 77 s`);
  expect(agent.canceled).toHaveLength(1);
});

it('the key comes from a flag, a file or the environment, in the header that the card asks for, and is never printed', async () => {
  const { agent, post, work } = await trio();
  const file = join(user.home, 'agent-key');
  writeFileSync(file, 'key-in-file\n');
  const runs: [string[], Record<string, string>, object][] = [
    [['--a2a-token', 'key-in-flag'], { PINCHWORK_A2A_TOKEN: 'no' }, { authorization: 'Bearer key-in-flag' }],
    [['--a2a-token-file', file], {}, { authorization: 'Bearer key-in-file' }],
    [[], { PINCHWORK_A2A_TOKEN: 'Basic key-in-env' }, { authorization: 'Basic key-in-env' }],
  ];
  for (const [flags, env, expected] of runs) {
    await post('fail with it');
    const { out, err } = await work(['--max', '1', ...flags], { env });
    expect(agent.headers.at(-1)).toMatchObject(expected);
    expect(out + err).not.toContain('key-in');
  }
  agent.card = { securitySchemes: { key: { apiKeySecurityScheme: { location: 'header', name: 'X-Agent-Key' } } } };
  await post('count');
  await work(['--max', '1', '--a2a-token', 'key-in-flag']);
  expect(agent.headers.at(-1)).toMatchObject({ 'x-agent-key': 'key-in-flag' });
  expect(agent.headers.at(-1)).not.toHaveProperty('authorization');
});

it('no task is taken where there is no agent that it can use', async () => {
  const { agent, post, work, poster } = await trio();
  const id = await post('count');
  const elsewhere = { url: 'http://127.0.0.2:9/', protocolBinding: 'JSONRPC', protocolVersion: '1.0' };
  agent.card = { supportedInterfaces: [elsewhere] };
  const away = await work(['--once', '--a2a-token', 'key']);
  expect([away.code, away.err]).toEqual([2, expect.stringContaining('The card sends messages to http://127.0.0.2:9')]);
  agent.card = { supportedInterfaces: [{ ...elsewhere, protocolBinding: 'GRPC' }] };
  const none = await work();
  expect([none.code, none.err]).toEqual([1, expect.stringContaining('names no interface that pinchwork speaks')]);
  agent.close();
  expect((await work()).code).toBe(9);
  const wrong = ['--a2a ftp://x', '--exec cat --a2a http://x', '--a2a http://a:b@x', ''];
  for (const flags of wrong)
    expect(
      (
        await user.run(['work', ...flags.split(' ').filter(Boolean)], {
          env: { PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: 'x' },
        })
      ).code,
      flags,
    ).toBe(2);
  expect((await poster.tasks.get(id)).status).toBe('posted');
});
