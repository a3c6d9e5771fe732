import { describe, expect, it, onTestFinished } from 'vitest';
import { hourMs, minuteMs } from '../../src/ground/clock.ts';
import { Digest, portionsOf } from '../../src/backup/table.ts';
import { runCommand } from '../support/command.ts';
import { describeOnPostgres, postgres, sqlite } from '../support/engines.ts';
import { answers } from '../support/helpers.ts';
import { type Agent, Market, postTask } from '../support/market.ts';
import { readTables, type Tables } from '../support/tables.ts';
import { closedMarket, move, moveHere, settings } from './moving.ts';

/** The rows of all tables except the migrator's, sorted, with numbers as both drivers represent them. */
function comparable(tables: Tables): [string, string[]][] {
  return Object.entries(tables)
    .filter(([name]) => !/^(kysely|sqlite|search)_/.test(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, rows]) => [
      name,
      rows
        .map((row) => Object.entries(row).sort(([a], [b]) => (a < b ? -1 : 1)))
        .map((row) =>
          JSON.stringify(row.map(([column, value]) => [column, typeof value === 'number' ? String(value) : value])),
        )
        .sort(),
    ]);
}

const everything = async (agent: Agent) =>
  (
    await Promise.all(
      ['/v1/me', '/v1/me/credits', '/v1/me/stats', '/v1/me/trust', '/v1/tasks/mine'].map((path) => agent.get(path)),
    )
  ).map(({ body }) => body);

describeOnPostgres('a market that moves to PostgreSQL', () => {
  it('is complete, with every table, and continues as before', async () => {
    const { url, market: before, poster, worker, suspended, helper, tasks, order, ordered } = await closedMarket();
    const source = await readTables(url);
    for (const [table, rows] of comparable(source)) expect(rows, table).not.toEqual([]);
    const there = await Market.open(url, settings, before.clock);
    const known = await everything(there.client(poster.id, poster.key));
    await there.close();
    const target = await postgres.freshUrl();

    const { code, stdout, stderr } = await move(url, target);
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/copying tasks: \d+ of \d+\n/) });
    expect(comparable(await readTables(target))).toEqual(comparable(source));
    for (const [table, rows] of comparable(source)) {
      expect(stdout).toMatch(new RegExp(`^${table}: ${rows.length} rows, checksum [0-9a-f]{16}$`, 'm'));
    }
    // The file has not changed except for a mark, which prevents two running copies of the market.
    const { meta: marked, ...rest } = await readTables(url);
    const { meta, ...others } = source;
    expect(rest).toEqual(others);
    const { pathname, host } = new URL(target);
    const location = `postgres://${host}${pathname}`;
    expect(new Set(marked)).toEqual(new Set([...meta!, { key: 'moved_to', value: location }]));
    await expect(Market.open(url, settings, before.clock)).rejects.toThrow(`has moved to ${location}`);
    expect(await moveHere(url, await postgres.freshUrl())).toContain(`has moved to ${location}`);
    expect(await runCommand(['audit'], { PINCHWORK_DATABASE_URL: url })).toMatchObject({ code: 0 });
    // The way back to the file is a backup and a restore.
    const [saved, back] = [await sqlite.freshUrl(), await sqlite.freshUrl()];
    expect(await runCommand(['backup', saved], { PINCHWORK_DATABASE_URL: url })).toMatchObject({ code: 0 });
    expect(await runCommand(['restore', saved], { PINCHWORK_DATABASE_URL: back })).toMatchObject({ code: 0 });
    await (await Market.open(back, settings, before.clock)).close();

    const market = await Market.open(target, settings, before.clock);
    onTestFinished(() => market.close());
    const [ada, bob] = [market.client(poster.id, poster.key), market.client(worker.id, worker.key)];
    expect(await everything(ada)).toEqual(known);
    expect((await market.client(suspended.id, suspended.key).get('/v1/me')).status).toBe(403);

    // Idempotency keys, and the rate limit in the database, still apply.
    const again = await ada.post('/v1/tasks', order, { 'idempotency-key': 'one order' });
    expect(again).toMatchObject({ headers: { 'idempotency-replayed': 'true' }, body: ordered.body });
    await market.register('the fifth');
    await expect(market.register('the sixth')).rejects.toThrow('429');

    // System tasks, events for matched agents, and waiting webhook deliveries.
    const answered = await market
      .client(helper.id, helper.key)
      .post(`/v1/tasks/${tasks.checking}/deliver`, { result: answers.verify() });
    expect(answered).toMatchObject({ status: 200, body: { status: 'approved' } });
    expect((await ada.get(`/v1/tasks/${tasks.checked}`)).body.verification).toMatchObject({ meets_requirements: true });
    await market.ctx.outbox.run();
    const { events } = (await bob.get('/v1/events/history?types=task_matched')).body;
    expect(events).toMatchObject([{ task_id: tasks.matched, rank: 0 }]);
    // A test that its owner asked for, the test of the new address, and seven events that wait for it.
    const { deliveries } = (await ada.get('/v1/me/webhook/deliveries')).body;
    expect(deliveries.map(({ status }: { status: string }) => status).sort()).toEqual([
      'dead',
      ...Array.from({ length: 8 }, () => 'pending'),
    ]);

    // Every task continues from its state, and event numbers continue.
    expect((await ada.post(`/v1/tasks/${tasks.delivered}/approve`, { rating: 4 })).status).toBe(200);
    expect((await bob.post(`/v1/tasks/${tasks.rejected}/deliver`, { result: 'Better' })).status).toBe(200);
    expect((await bob.post(`/v1/tasks/${tasks.claimed}/messages`, { message: 'Still at it' })).status).toBe(201);
    expect((await bob.post(`/v1/tasks/${tasks.posted}/pickup`)).status).toBe(200);
    const numbers = await postgres.query(
      target,
      `select number::int from events where agent_id = '${poster.id}' order by number`,
    );
    expect(numbers.map(({ number }) => number)).toEqual(numbers.map((_, i) => i + 1));
    const told = source.events!.filter(({ agent_id }) => agent_id === poster.id).length;
    expect(numbers.length).toBe(told + 4);

    // Deadlines still apply: an hour for the claim, half an hour for the posted task (so its worker loses it), and all
    // others.
    await market.pass(hourMs - minuteMs);
    expect((await bob.post(`/v1/tasks/${tasks.claimed}/deliver`, { result: 'In time' })).status).toBe(200);
    expect((await bob.post(`/v1/tasks/${tasks.posted}/deliver`, { result: 'Too late' })).status).toBe(409);
    await market.pass(48 * hourMs);
    expect((await ada.get(`/v1/tasks/${tasks.claimed}`)).body.status).toBe('approved');
    expect((await ada.get(`/v1/tasks/${tasks.asked}`)).body.status).toBe('expired');
    await postTask(ada);
    await postgres.vandalise(target, 'delete from stuck_timers');
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
  });

  it('uses no sequences, because a copy of rows would not continue them', async () => {
    const target = await postgres.freshUrl();
    await runCommand(['migrate'], { PINCHWORK_DATABASE_URL: target });
    expect(await postgres.query(target, 'select sequencename from pg_sequences')).toEqual([]);
  });
});

describe('a digest of a table', () => {
  const digestOf = (...rows: (string | number | null)[][]) => {
    const digest = new Digest();
    for (const row of rows) digest.add(row);
    return digest.end();
  };

  it('is the same for the same rows in any order', () => {
    expect(digestOf(['a', 1], ['b', null])).toEqual(digestOf(['b', null], ['a', 1]));
  });

  it.each([
    [[['a', 1]], [['a', '1']]],
    [[['a', null]], [['a', '']]],
    [[['ab', 'c']], [['a', 'bc']]],
    [
      [['a'], ['a']],
      [['b'], ['b']],
    ],
    [[['a']], [['a'], ['a']]],
    [[], [['']]],
  ])('tells %j from %j', (one, other) => {
    expect(digestOf(...one)).not.toEqual(digestOf(...other));
  });
});

it('portions of rows are bounded in number and text, and contain all rows', () => {
  const many = Array.from({ length: 2_500 }, (_, i) => [i]);
  expect([...portionsOf(many)].map((rows) => rows.length)).toEqual([1_000, 1_000, 500]);
  const long = Array.from({ length: 5 }, () => ['x'.repeat(600_000)]);
  expect([...portionsOf(long)].map((rows) => rows.length)).toEqual([2, 2, 1]);
  expect([...portionsOf([])]).toEqual([]);
});
