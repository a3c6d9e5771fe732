import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { liveMarket } from '../../../sdk/test/support/market.ts';
import { shell, type Surroundings } from '../support/cli.ts';

const live = liveMarket();
const user = shell();
const statePath = join(dirname(user.configPath), 'state.json');

/** A poster, and a worker with a tag of its own, whose commands are run by `work`. */
async function pair() {
  const [poster, worker] = [await live.agent('poster'), await live.agent('worker')];
  const tag = `tag-${worker.id}`;
  const env = { PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: worker.key, PATH: process.env.PATH ?? '' };
  const post = async (need: string, fields: object = {}) =>
    (await poster.tasks.create({ need, tags: [tag], max_credits: 10, ...fields })).task_id;
  const work = (cmd: string, more: readonly string[] = ['--once'], around: Surroundings = {}) =>
    user.run(['work', '--exec', cmd, '--tags', tag, ...more], { ...around, env: { ...env, ...around.env } });
  const state = () => JSON.parse(readFileSync(statePath, 'utf8')).profiles[worker.id];
  return { poster, worker, tag, env, post, work, state };
}

it('each task is given to the command, and what it prints is delivered', async () => {
  const { poster, post, work, state } = await pair();
  const ids = [await post('one'), await post('two'), await post('three')];
  const { code, out, err } = await work('cat "$PINCHWORK_TASK_FILE"; cat >&2', ['--once', '--concurrency', '2']);
  expect(code).toBe(0);
  for (const id of ids) {
    const task = await poster.tasks.get(id);
    expect(JSON.parse(task.result!)).toMatchObject({ task_id: id, need: task.need, rejection: null });
    expect(out).toContain(`delivered ${id}`);
    expect(err).toContain(`${id} | `);
  }
  expect(err).toContain('Delivered 3, gave back 0, lost 0');
  expect(Object.keys(state().work.awaited).sort()).toEqual(ids.sort());
  expect(state()).toMatchObject({ lastCheck: expect.any(String), tasksCompleted: 0, creditsEarned: 0 });
  // Nothing is left of the files of tasks.
  expect(readdirSync(join(dirname(user.configPath), 'work'))).toEqual([]);
});

it('nothing of a task is read by the shell, and the keys of the agent stay with the program', async () => {
  const { poster, worker, post, work } = await pair();
  const trap = join(user.home, 'trap');
  const need = `"; touch ${trap}; echo $(touch ${trap}) \`touch ${trap}\` '; touch ${trap}; #\n--flag`;
  const id = await post(need, { context: need });
  const env = {
    PINCHWORK_ADMIN_KEY: 'the admin key',
    PINCHWORK_WEBHOOK_SECRET: 'the secret',
    pinchwork_api_key: 'the key',
    OTHER: 'kept',
  };
  await work('env; echo "need:$PINCHWORK_NEED"', ['--once'], { env });
  const { result } = await poster.tasks.get(id);
  expect(existsSync(trap)).toBe(false);
  expect(result).toContain(`need:${need}`);
  expect(result).toContain('OTHER=kept');
  expect(result).toContain(`PINCHWORK_TASK_ID=${id}`);
  for (const secret of [worker.key, 'the admin key', 'the secret', 'the key', live.url])
    expect(result).not.toContain(secret);
  const second = await post('again');
  await work('echo "$PINCHWORK_API_KEY $PINCHWORK_SERVER"', ['--once', '--pass-key']);
  expect((await poster.tasks.get(second)).result).toBe(`${worker.key} ${live.url}`);
});

it('a long text is whole in the input, and its variable says that it is cut', async () => {
  const { poster, post, work } = await pair();
  // The 64 KiB end within a character.
  const id = await post(`a${'é'.repeat(49_999)}`);
  await work('printf %s "$PINCHWORK_NEED" | wc -c; echo "$PINCHWORK_CUT"; wc -c < "$PINCHWORK_TASK_FILE"');
  const [bytes, cut, all] = (await poster.tasks.get(id)).result!.split('\n').map((line) => line.trim());
  expect([bytes, cut]).toEqual([String(64 * 1024 - 1), 'PINCHWORK_NEED']);
  expect(Number(all)).toBeGreaterThan(99_999);
});

it('a command that fails gives its task back, and says why', async () => {
  const { poster, post, work } = await pair();
  const id = await post('one');
  const { code, out } = await work('echo "no such model" >&2; exit 7', ['--max', '1']);
  expect(code).toBe(0);
  expect(out).toContain(`gave back ${id}: The command ended with exit code 7: no such model`);
  expect((await poster.tasks.get(id)).status).toBe('posted');
});

it('a result that is refused or too long is told to the command, which may do better', async () => {
  const { poster, post, work } = await pair();
  const id = await post('{}, please', { acceptance: { format: 'json' } });
  const again = 'if [ -z "$PINCHWORK_REJECTION_REASON" ]; then echo no JSON; else echo "{\\"ok\\": 1}"; fi';
  await work(again);
  expect((await poster.tasks.get(id)).result).toBe('{"ok": 1}');
  const long = await post('short, please');
  const { err } = await work('if [ -z "$PINCHWORK_REJECTION_REASON" ]; then yes; else echo short; fi');
  expect((await poster.tasks.get(long)).result).toBe('short');
  expect(err).toContain('printed more than 500,000 characters');
});

it('a rejected task is done again with the reason, and approvals are counted in the state', async () => {
  const { poster, worker, post, work, state } = await pair();
  const id = await post('one');
  const end = new AbortController();
  const working = work('echo "${PINCHWORK_REJECTION_REASON:-first}"', [], { signal: end.signal });
  const delivered = (result: string) =>
    vi.waitFor(async () => expect(await poster.tasks.get(id)).toMatchObject({ status: 'delivered', result }), {
      timeout: 50_000,
    });
  await delivered('first');
  await poster.tasks.reject(id, { reason: 'louder' });
  await delivered('louder');
  await poster.tasks.approve(id, { rating: 5 });
  await vi.waitFor(() => expect(state()).toMatchObject({ tasksCompleted: 1, creditsEarned: 10 }), { timeout: 120_000 });
  end.abort(new Error('Ctrl-C'));
  const { code, err } = await working;
  expect(code).toBe(130);
  expect(err).toContain('Ctrl-C again gives it back at once');
  expect(await worker.tasks.mine({ role: 'worker', status: 'claimed' }).all()).toEqual([]);
});

it('a second Ctrl-C ends the command at once and gives the task back', async () => {
  const { poster, post, work } = await pair();
  const id = await post('one');
  const [first, second] = [new AbortController(), new AbortController()];
  const begun = join(user.home, 'begun');
  const around = { signal: first.signal, secondSignal: () => second.signal };
  const working = work(`touch ${begun}; sleep 1000`, ['--finish', '900'], around);
  await vi.waitFor(() => expect(existsSync(begun)).toBe(true), { timeout: 120_000 });
  first.abort(new Error('Ctrl-C'));
  second.abort(new Error('Ctrl-C'));
  expect((await working).code).toBe(130);
  expect((await poster.tasks.get(id)).status).toBe('posted');
});

it('what another run has left in the state is gone on with', async () => {
  const { poster, worker, post, work } = await pair();
  const id = await post('one');
  const { claim_number } = await worker.tasks.pickup(id);
  const profiles = {
    other: { tasksCompleted: 3 },
    [worker.id]: {
      ...{ tasksCompleted: 7, creditsEarned: 70, foreign: true },
      work: { pickup: null, claims: { [id]: { claim_number, done: 0 } }, awaited: {} },
    },
  };
  writeFileSync(statePath, JSON.stringify({ own: 1, profiles }), { mode: 0o600 });
  const { out } = await work('echo done');
  expect(out).toContain(`goes on with ${id}`);
  expect((await poster.tasks.get(id)).status).toBe('delivered');
  expect(JSON.parse(readFileSync(statePath, 'utf8'))).toMatchObject({
    own: 1,
    profiles: {
      other: { tasksCompleted: 3 },
      [worker.id]: { tasksCompleted: 7, creditsEarned: 70, foreign: true, work: { claims: {} } },
    },
  });
});

it('one profile has one worker', async () => {
  const { post, work } = await pair();
  await post('one');
  const begun = join(user.home, 'begun-one');
  const end = new AbortController();
  const working = work(`touch ${begun}; sleep 1000`, ['--finish', '0'], { signal: end.signal });
  await vi.waitFor(() => expect(existsSync(begun)).toBe(true), { timeout: 120_000 });
  expect(await work('echo done')).toMatchObject({ code: 6, err: expect.stringContaining('Another process works') });
  end.abort(new Error('Ctrl-C'));
  await working;
  expect(await work('echo done')).toMatchObject({ code: 0 });
});

it('a worker that has nothing to do says so where it is asked', async () => {
  const { post, work } = await pair();
  expect(await work('echo done', ['--once', '--exit-status'])).toMatchObject({ code: 3 });
  const id = await post('one');
  const { code, out } = await work('echo done', ['--once', '-o', 'json']);
  expect(code).toBe(0);
  expect(
    out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toEqual([
    { type: 'picked_up', task_id: id, need: 'one', max_credits: 10 },
    { type: 'delivered', task_id: id, need: 'one', max_credits: 10, status: 'delivered' },
  ]);
  // It would wait for ever.
  expect(await work('echo done', ['--concurrency', '0'])).toMatchObject({ code: 2 });
  expect(await user.run(['work'])).toMatchObject({ code: 2, err: expect.stringContaining('--exec is missing') });
});

it('a state that cannot be written ends the worker before it picks anything up', async () => {
  const { poster, post, work } = await pair();
  const id = await post('one');
  writeFileSync(statePath, 'not a state');
  const { code, err } = await work('echo done');
  expect(code).toBe(1);
  expect(err).toContain('is not a state that pinchwork wrote');
  expect((await poster.tasks.get(id)).status).toBe('posted');
  writeFileSync(statePath, '{}');
  chmodSync(statePath, 0o600);
});
