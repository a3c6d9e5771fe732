import { beforeAll, describe, expect, it } from 'vitest';
import { adminKey } from '../../server/test/support/market.ts';
import { Receiver } from '../../server/test/support/receiver.ts';
import { liveMarket } from '../../sdk/test/support/market.ts';
import { exitCodes } from '../src/exit-codes.ts';
import { widthOf } from '../src/output/text.ts';
import { shell, wordsOf } from './support/cli.ts';

/** Keys, webhooks and the operator's commands as people read them: tables, filters, sentences and errors. */

const live = liveMarket({ PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true' });
const user = shell({ PINCHWORK_ADMIN_KEY: adminKey });
type Agent = Awaited<ReturnType<typeof live.agent>>;
let [poster, worker] = [] as unknown as [Agent, Agent];

beforeAll(async () => {
  [poster, worker] = [await live.agent('miller'), await live.agent('cobbler')];
  Object.assign(user.env, { PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: poster.key });
});

const ago = expect.stringMatching(/^\d+ (s|min) ago$/) as string;
const ahead = expect.stringMatching(/^in \d+ (h|d)$/) as string;

/** What a line prints, cell by cell, its headings first. On a terminal it must fit, with every id whole. */
async function table(line: string): Promise<string[][]> {
  const narrow = await user.ok(line, { columns: 60, env: { NO_COLOR: '1' } });
  for (const each of narrow.split('\n')) expect(widthOf(each), each).toBeLessThanOrEqual(60);
  const out = await user.ok(line);
  for (const id of out.match(/\b[a-z]{2}-\w{12}\b/g) ?? []) expect(narrow).toContain(id);
  return out
    .trimEnd()
    .split('\n')
    .map((each) => each.trim().split(/ {2,}/));
}

/** Runs lines that succeed, and compares what each says. */
async function say(lines: Readonly<Record<string, string | RegExp>>): Promise<void> {
  for (const [line, out] of Object.entries(lines)) {
    const ran = await user.run(wordsOf(line));
    const said = typeof out === 'string' ? out : expect.stringMatching(out);
    expect([line, ran.code, ran.out + ran.err]).toEqual([line, 0, said]);
  }
}

const idIn = (text: string, kind: string): string => new RegExp(`${kind}-\\w{12}`).exec(text)![0];

it('keys are made, listed and ended', async () => {
  const made = await user.run(wordsOf('keys create --name ci --scopes read,post --max-per-day 50 --expires 30'));
  expect([made.out, made.err]).toEqual([
    expect.stringMatching(/^api key +pwk-/m),
    'Save the key now: it is shown once.\n',
  ]);
  const id = idIn(made.out, 'ky');
  expect(await table('keys list')).toEqual([
    ['KEY', 'NAME', 'SCOPES', 'A TASK', 'A DAY', 'USED', 'ENDS'],
    [expect.stringMatching(/^ky-/), 'default', 'read,post,work,manage', '–', '–', ago, '–'],
    [id, 'ci', 'read,post', '–', '50', '–', ahead],
  ]);
  await say({ [`keys revoke ${id}`]: `The key ${id} is revoked.\n` });
  expect(await table('keys list')).toHaveLength(2);
});

it('a webhook is set, tested, looked at, and removed', async () => {
  const receiver = await Receiver.open();
  await say({
    'webhook deliveries': 'No deliveries.\n',
    [`webhook set ${receiver.url} --events task_delivered`]: `Events go to ${receiver.url}; it is active.\n`,
  });
  const tested = await user.ok('webhook test');
  expect(tested).toMatch(/^status +delivered$/m);
  const id = idIn(tested, 'wd');
  expect(await table('webhook deliveries --status delivered')).toEqual([
    ['DELIVERY', 'EVENT', 'STATUS', 'TASK', 'MADE', 'LAST ANSWER'],
    [id, 'webhook_test', 'delivered', '–', ago, '200'],
  ]);
  await say({
    'webhook deliveries --status dead': 'No deliveries.\n',
    [`webhook redeliver ${id}`]: new RegExp(`^${id} is sent again; it is (pending|delivered)\\.\n$`),
    'webhook remove': 'There is no webhook any more.\n',
  });
});

describe('the operator', () => {
  it('sees agents, gives and takes credits, and suspends', async () => {
    const { id } = poster;
    await say({
      [`admin grant ${id} 50 --reason gift`]: `${id} is granted 50 credits.\n`,
      [`admin debit ${id} 1`]: `${id} loses 1 credit; it has 149 left.\n`,
    });
    expect(await table('admin agents --search miller')).toEqual([
      ['AGENT', 'NAME', 'STATE', 'CREDITS', 'POSTED', 'DONE', 'SINCE'],
      [id, 'miller', 'active', '149', '0', '0', ago],
    ]);
    await say({ [`admin suspend ${worker.id} --reason spam`]: /^The agent is suspended: / });
    const suspended = (await table('admin agents --status suspended')).slice(1);
    expect(suspended.map((cells) => cells.slice(0, 3))).toEqual([[worker.id, 'cobbler', 'suspended']]);
    await say({
      [`admin unsuspend ${worker.id}`]: /^The agent is no longer suspended: /,
      'admin agents --status suspended': 'No agents.\n',
      [`admin agents ${id}`]: /^ledger\n[^]* gift$/m,
      [`admin agents ${id} --system-tasks`]: /^accepts system tasks +yes$/m,
    });
  });

  it('sees tasks, cancels them, and removes their texts', async () => {
    const { task_id: id } = await poster.tasks.create({ need: 'Mend a lantern', max_credits: 5 });
    expect(await table('admin tasks --search lantern --status posted')).toEqual([
      ['TASK', 'KIND', 'STATUS', 'CREDITS', 'NEED', 'POSTER', 'WORKER', 'POSTED'],
      [id, 'work', 'posted', '5', 'Mend a lantern', poster.id, '–', ago],
    ]);
    await say({
      [`admin tasks ${id}`]: /^history$/m,
      [`admin cancel ${id} --reason spam`]: `${id} is cancelled: 5 credits went back to its poster.\n`,
      [`admin redact ${id} --reason secret`]: `The texts of ${id} are removed; it is cancelled.\n`,
      'admin tasks --search lantern': 'No tasks.\n',
    });
  });

  it('decides reports', async () => {
    const { task_id } = await poster.tasks.create({ need: 'Mend a lamp', max_credits: 5 });
    const { report_id: id } = await worker.tasks.report(task_id, { reason: 'It is odd' });
    expect(await table('admin reports --status open')).toEqual([
      ['REPORT', 'STATUS', 'TASK', 'REPORTER', 'REASON', 'MADE'],
      [id, 'open', task_id, worker.id, 'It is odd', ago],
    ]);
    await say({
      [`admin reports ${id} --status dismissed --note Fine`]: /^status +dismissed$/m,
      'admin reports --status open': 'No reports.\n',
    });
  });

  it('decides disputes', async () => {
    const { task_id } = await poster.tasks.create({ need: 'Mend a boot', max_credits: 5 });
    await worker.tasks.pickup(task_id);
    await worker.tasks.deliver(task_id, { result: 'Mended' });
    await poster.tasks.reject(task_id, { reason: 'No' });
    const { dispute_id: id } = await worker.tasks.dispute(task_id, { reason: 'It is mended' });
    expect(await table('admin disputes --status open')).toEqual([
      ['DISPUTE', 'STATUS', 'TASK', 'CREDITS', 'JUDGES', 'ANSWERS', 'DECIDED BY'],
      [id, 'open', task_id, '5', '0', '0', ahead],
    ]);
    await say({
      [`admin disputes ${id}`]: /^deliveries$/m,
      [`admin disputes ${id} --share 80 --note "Most of it"`]: /^worker share +80$/m,
      'admin disputes --status open': 'No disputes.\n',
    });
  });

  it('makes invites and ends them', async () => {
    const made = await user.run(wordsOf('admin invites create --credits 200 --uses 10 --expires 72'));
    expect([made.out, made.err]).toEqual([
      expect.stringMatching(/^code +pwi-/m),
      'Save the code now: it is shown once.\n',
    ]);
    const id = idIn(made.out, 'in');
    const head = ['INVITE', 'CREDITS', 'USED', 'OF', 'STATE', 'ENDS'];
    expect(await table('admin invites')).toEqual([head, [id, '200', '0', '10', 'open', ahead]]);
    await say({ [`admin invites revoke ${id}`]: `The invite ${id} is revoked.\n` });
    expect(await table('admin invites')).toEqual([head, [id, '200', '0', '10', 'revoked', ahead]]);
  });

  it('sees what was done, what state the market is in, and what is wrong', async () => {
    await user.ok(`admin grant ${worker.id} 1`);
    expect(await table('admin log --limit 1')).toEqual([
      ['ACTION', 'WHAT', 'SUBJECT', 'FROM', 'WHEN'],
      [expect.any(String), 'grant_credits', worker.id, '127.0.0.1', ago],
    ]);
    expect((await user.run(['admin', 'log', '--limit', '1'])).err).toMatch(/^1 of \d+ shown; see more with --limit/);
    await say({ 'admin overview': /^credits\n {2}supply +\d+$/m, 'admin audit': /^ok +yes$/m });
    const broken = [{ invariant: 'credits are conserved', subject: 'ag-1', detail: 'has 1 too many' }];
    const fetch = async () => Response.json({ ok: false, broken });
    expect(await user.run(['admin', 'audit'], { fetch })).toEqual({
      code: exitCodes.failed,
      out: expect.stringContaining('has 1 too many'),
      err: expect.stringMatching(/^error: The audit has 1 finding\n/),
    });
  });
});

it.each([
  ['keys create', exitCodes.usage, '--name is missing'],
  ['keys create --name x --scopes fly', exitCodes.failed, 'scopes'],
  ['keys create --name x --expires soon', exitCodes.usage, '--expires must be a whole number'],
  ['keys revoke ky-000000000000', exitCodes.notFound, 'not found'],
  ['webhook set ftp://x', exitCodes.failed, 'webhook_url'],
  ['webhook set https://x.example --events nonsense', exitCodes.failed, 'webhook_events'],
  ['webhook test', exitCodes.conflict, 'You have no webhook'],
  ['webhook deliveries --status lost', exitCodes.usage, 'one of pending, delivered, dead'],
  ['webhook redeliver wd-000000000000', exitCodes.conflict, 'You have no webhook'],
  ['admin grant ag-000000000000 5', exitCodes.notFound, 'not found'],
  ['admin grant ag-000000000000 five', exitCodes.usage, 'AMOUNT must be a whole number'],
  ['admin grant ag-000000000000 0', exitCodes.failed, 'amount'],
  ['admin agents --system-tasks', exitCodes.usage, 'ID is missing: what --system-tasks changes'],
  ['admin agents --judge', exitCodes.usage, 'ID is missing: what --judge changes'],
  ['admin agents --status odd', exitCodes.usage, 'one of active, suspended'],
  ['admin tasks --sort best', exitCodes.usage, 'one of newest, oldest, due'],
  ['admin tasks tk-000000000000', exitCodes.notFound, 'not found'],
  ['admin cancel tk-000000000000', exitCodes.usage, '--reason is missing'],
  ['admin redact tk-000000000000', exitCodes.usage, '--reason is missing'],
  ['admin reports --note x', exitCodes.usage, 'ID is missing: what --note changes'],
  ['admin reports rp-000000000000', exitCodes.usage, '--status must be resolved or dismissed'],
  ['admin reports rp-000000000000 --status resolved', exitCodes.notFound, 'not found'],
  ['admin disputes --share 5', exitCodes.usage, 'ID is missing: what --share changes'],
  ['admin disputes dp-000000000000 --note x', exitCodes.usage, '--share is missing'],
  ['admin disputes dp-000000000000', exitCodes.notFound, 'not found'],
  ['admin disputes --status odd', exitCodes.failed, 'status'],
  ['admin invites create --uses 0', exitCodes.failed, 'uses'],
  ['admin invites revoke in-000000000000', exitCodes.notFound, 'not found'],
])('"%s" ends with %i and says why', async (line, code, why) => {
  expect(await user.run(wordsOf(line))).toMatchObject({ code, out: '', err: expect.stringContaining(why) });
});

it.each([
  ['tasks show tk-000000000000', 'pinchwork tasks mine'],
  ['agents show ag-000000000000', 'pinchwork agents'],
  ['admin grant ag-000000000000 5', 'pinchwork agents'],
  ['keys revoke ky-000000000000', undefined],
  ['admin invites revoke in-000000000000', undefined],
])('after "%s" the list that has such ids is next: %s', async (line, next) => {
  const { err } = await user.run([...wordsOf(line), '-o', 'json']);
  expect(JSON.parse(err)).toMatchObject({ code: 'not_found', ...(next === undefined ? {} : { next }) });
  expect(JSON.parse(err).next).toBe(next);
});

it('a wrong admin key, and a key that may not do it, are told', async () => {
  expect(await user.run(['admin', 'log'], { env: { PINCHWORK_ADMIN_KEY: 'wrong' } })).toMatchObject({
    code: exitCodes.auth,
  });
  const { api_key } = await poster.keys.create({ name: 'narrow', scopes: ['read'] });
  expect(await user.run(['keys', 'create', '--name', 'x'], { env: { PINCHWORK_API_KEY: api_key } })).toMatchObject({
    code: exitCodes.auth,
    err: expect.stringContaining('Next: pinchwork keys list'),
  });
});
