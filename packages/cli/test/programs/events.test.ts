import { expect, it } from 'vitest';
import { liveMarket } from '../../../sdk/test/support/market.ts';
import { shell } from '../support/cli.ts';

const live = liveMarket();
const user = shell();

/** An agent with three events about two tasks. */
async function history() {
  const [poster, worker] = [await live.agent('poster'), await live.agent('worker')];
  const env = { PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: poster.key };
  const ids = [];
  for (const need of ['one', 'two']) ids.push((await poster.tasks.create({ need, max_credits: 1 })).task_id);
  const [one, two] = ids as [string, string];
  for (const id of ids) await worker.tasks.pickup(id);
  await worker.tasks.deliver(one, { result: 'x' });
  const events = (...flags: readonly string[]) => user.run(['events', ...flags], { env });
  return { one, two, worker, events };
}

const rowsOf = (out: string) =>
  out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

it('events are printed as lines for people, and as one JSON object a line for programs', async () => {
  const { one, two, worker, events } = await history();
  const { code, out, err } = await events('--since', '0', '--limit', '3');
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out.trim().split('\n')).toEqual([
    expect.stringMatching(new RegExp(`^20\\S+  \\d+  task_claimed  ${one}  worker_id=${worker.id}$`)),
    expect.stringContaining(`task_claimed  ${two}`),
    expect.stringContaining(`task_delivered  ${one}`),
  ]);
  const json = await events('--since', '0', '--limit', '3', '-o', 'json');
  expect(rowsOf(json.out)).toMatchObject([
    { id: expect.any(Number), type: 'task_claimed', task_id: one, worker_id: worker.id },
    { type: 'task_claimed', task_id: two },
    { type: 'task_delivered', task_id: one },
  ]);
  expect((await events('--since', '0', '--limit', '1', '--jq', '.task_id')).out).toBe(`${one}\n`);
  expect((await events('--since', '0', '--limit', '1', '--json', 'type', '-o', 'jsonl')).out).toBe(
    '{"type":"task_claimed"}\n',
  );
});

it('events can be chosen by type, by task, and by when they happened', async () => {
  const { one, two, events } = await history();
  const types = async (...flags: readonly string[]) =>
    rowsOf((await events('-o', 'json', '--limit', '1', ...flags)).out).map(({ type, task_id }) => [type, task_id]);
  expect(await types('--since', '0', '--types', 'task_delivered')).toEqual([['task_delivered', one]]);
  expect(await types('--since', '0', '--task', two)).toEqual([['task_claimed', two]]);
  expect(await types('--since', '1h')).toEqual([['task_claimed', one]]);
  expect(await types('--since', '2020-01-01')).toEqual([['task_claimed', one]]);
  const [{ id }] = rowsOf((await events('-o', 'json', '--limit', '1', '--since', '0')).out);
  expect(await types('--since', String(id))).toEqual([['task_claimed', two]]);
  expect(await events('--since', 'soon')).toMatchObject({ code: 2 });
});

it('events follow until Ctrl-C', async () => {
  const { worker, two } = await history();
  const end = new AbortController();
  let seen: () => void = () => undefined;
  const hasSeen = new Promise<void>((resolve) => (seen = resolve));
  const env = { PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: worker.key };
  const fetching: typeof fetch = async (input, init) => {
    const response = await fetch(input, init);
    if (new Request(input).url.endsWith('/v1/events')) seen();
    return response;
  };
  const running = user.run(['events'], { env, signal: end.signal, fetch: fetching });
  await hasSeen;
  end.abort(new Error('Ctrl-C'));
  expect(await running).toMatchObject({ code: 130, err: '' });
  expect(two).toMatch(/^tk-/);
});
