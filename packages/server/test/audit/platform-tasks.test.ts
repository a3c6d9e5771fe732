import { expect, it } from 'vitest';
import { secondMs } from '../../src/ground/clock.ts';
import { type Engine, onBothEngines } from '../support/engines.ts';
import { answer, answers, generous, registerHelper } from '../support/helpers.ts';
import { Market, postTask } from '../support/market.ts';

/**
 * A market in which an agent was matched to two tasks, one on the board and one cancelled, and in which the matching of
 * a third task was withdrawn.
 */
async function matchedMarket(engine: Engine) {
  const market = await Market.fresh(engine, generous);
  const helper = await registerHelper(market);
  const poster = await market.register('poster');
  const worker = await market.register('worker', { good_at: 'Singing' });
  await answer(helper, answers.extract(['song']));
  const matched = await postTask(poster, { need: 'Sing' });
  await answer(helper, answers.match([worker], ['Song']));
  const ended = await postTask(poster, { need: 'Sing again' });
  await answer(helper, answers.match([worker], ['Song']));
  await market.pass(secondMs);
  await poster.post(`/v1/tasks/${ended}/cancel`);
  await poster.post(`/v1/tasks/${await postTask(poster)}/cancel`);
  await market.pass(secondMs);
  const idOf = async (condition: string) => {
    const [row] = await engine.query(market.url, `select id from tasks where ${condition} order by id limit 1`);
    return String(row!.id);
  };
  const answered = await idOf(`kind = 'match' and status = 'approved'`);
  const withdrawn = await idOf(`kind = 'match' and status = 'cancelled'`);
  return { market, poster, matched, ended, answered, withdrawn };
}

type Matched = Awaited<ReturnType<typeof matchedMarket>>;

/** Damage to the database, with the invariant and the task that the audit must name. */
const damages: [string, (market: Matched) => string, (market: Matched) => string][] = [
  [
    'an answered system task was paid once, by the mint and in full; any other was not paid',
    ({ answered }) => `delete from ledger_entries where task_id = '${answered}'`,
    ({ answered }) => answered,
  ],
  [
    'an answered system task was paid once, by the mint and in full; any other was not paid',
    ({ answered, withdrawn }) => `update ledger_entries set task_id = '${withdrawn}' where task_id = '${answered}'`,
    ({ answered }) => answered,
  ],
  [
    'credits are reserved only for system tasks that were not cancelled',
    ({ withdrawn, poster }) =>
      `insert into system_tasks_posted (task_id, poster_id, posted_at, kind, credits) values ('${withdrawn}', '${poster.id}', 1, 'match', 3)`,
    ({ withdrawn }) => withdrawn,
  ],
  [
    'a match is on the board exactly while its task is',
    ({ matched }) => `update matches set on_board = 0 where task_id = '${matched}'`,
    ({ matched }) => matched,
  ],
  [
    'a match is on the board exactly while its task is',
    ({ ended }) => `update matches set on_board = 1 where task_id = '${ended}'`,
    ({ ended }) => ended,
  ],
  [
    'every match was told',
    ({ matched }) => `update matches set matched_event = null where task_id = '${matched}'`,
    ({ matched }) => matched,
  ],
  [
    'matched agents are told when the task ends without a claim',
    ({ ended }) => `update matches set ended_event = null where task_id = '${ended}'`,
    ({ ended }) => ended,
  ],
  // The event exists, but has the type of another end state.
  [
    'matched agents are told when the task ends without a claim',
    ({ ended }) => `update events set type = 'task_expired' where task_id = '${ended}' and type = 'task_cancelled'`,
    ({ ended }) => ended,
  ],
];

onBothEngines('the audit of system tasks', (engine) => {
  it('finds no violation', async () => {
    const { market } = await matchedMarket(engine);
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
  });

  it.each(damages)('names the violation: %s', async (invariant, damage, subject) => {
    const matched = await matchedMarket(engine);
    await engine.vandalise(matched.market.url, damage(matched));
    const { body } = await matched.market.admin.get('/v1/admin/audit');
    const detail = expect.any(String) as string;
    expect(body.broken).toContainEqual({ invariant, subject: subject(matched), detail });
  });
});
