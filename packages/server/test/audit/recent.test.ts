import { expect, it } from 'vitest';
import audit from '../../src/audit/audit.ts';
import { beginning } from '../../src/audit/positions.ts';
import { auditRecent } from '../../src/audit/recent.ts';
import { minuteMs, secondMs } from '../../src/ground/clock.ts';
import { busyMarket } from '../support/busy-market.ts';
import { type Engine, onBothEngines } from '../support/engines.ts';
import { deliverTask } from '../support/market.ts';

/** A market that was audited a minute ago, up to `upto`. */
async function auditedMarket(engine: Engine) {
  const busy = await busyMarket(engine);
  const { market } = busy;
  const auditSince = (since = beginning) => auditRecent(market.ctx.db, { now: market.clock.now() }, since);
  market.clock.advance(minuteMs);
  const { report, upto } = await auditSince();
  expect(report).toMatchObject({ ok: true, checked: { transfers: 8, agents: 2 } });
  return { ...busy, auditSince, upto };
}

const invariantsOf = ({ broken }: { broken: readonly { invariant: string }[] }) => [
  ...new Set(broken.map(({ invariant }) => invariant)),
];

onBothEngines('an audit of recent changes', (engine) => {
  it('reads open tasks and what came after its position, and finds damage there alone', async () => {
    const { market, poster, worker, approved, posted, auditSince, upto } = await auditedMarket(engine);
    const { report, upto: same } = await auditSince(upto);
    expect(report).toMatchObject({ ok: true, checked: { transfers: 0, tasks: 2, agents: 0 } });
    expect(same).toEqual(upto);

    const paid = await deliverTask(poster, worker, { max_credits: 4 });
    await poster.post(`/v1/tasks/${paid}/approve`);
    // Its transfers have not settled yet.
    expect((await auditSince(upto)).report.checked).toMatchObject({ transfers: 0 });
    market.clock.advance(minuteMs);
    const next = await auditSince(upto);
    expect(next.report).toMatchObject({ ok: true, checked: { transfers: 2, tasks: 3, agents: 2 } });
    expect(next.upto).toMatchObject({ mint: upto.mint });
    expect(next.upto.transfer > upto.transfer).toBe(true);

    const shift = (task: string, by: number) =>
      `update ledger_entries set amount = amount + ${by} where task_id = '${task}' and account_id = '${worker.id}'`;
    await engine.vandalise(market.url, shift(approved, 1));
    expect(invariantsOf((await auditSince(next.upto)).report)).toEqual([]);
    expect(invariantsOf(await audit(market.ctx.db, { now: market.clock.now() }))).toContain(
      'every transfer sums to zero',
    );
    await engine.vandalise(market.url, shift(approved, -1), shift(paid, 1));
    expect(invariantsOf((await auditSince(upto)).report)).toEqual([
      'every transfer sums to zero',
      'an approved task paid its worker the charge minus the fee, any other task paid nobody',
      'a stored balance is the sum of its entries, and not negative',
    ]);
    await engine.vandalise(
      market.url,
      shift(paid, -1),
      `update tasks set max_credits = 11 where id = '${posted}'`,
      `update agents set tasks_posted = 9 where id = '${poster.id}'`,
    );
    expect(invariantsOf((await auditSince(upto)).report)).toEqual([
      'an open task holds its price in escrow, an ended one nothing',
      "an agent's stored counts match its tasks",
      'what keys have spent is what their tasks and deposits held',
    ]);
  });

  it('carries on the sums of accounts with many entries, and reads all entries where a sum disagrees', async () => {
    const { market, poster, auditSince, upto } = await auditedMarket(engine);
    const balance = Number((await poster.get('/v1/me/credits')).body.balance);
    const numbers = 'with recursive n (i) as (select 1 union all select i + 1 from n where i < 1000)';
    const entry = (account: string, amount: number) =>
      `${numbers} insert into ledger_entries (transfer_id, account_id, amount, reason, created_at)
         select 'le-z' || (10000 + i), '${account}', ${amount}, 'grant', 1 from n`;
    await engine.vandalise(
      market.url,
      entry('mint', -1),
      entry(poster.id, 1),
      `update accounts set balance = balance + 1000 where id = '${poster.id}'`,
    );
    const { report, sums, upto: later } = await auditSince(upto);
    expect(report).toMatchObject({ ok: true, checked: { transfers: 1_000 } });
    expect(sums).toEqual([{ account_id: poster.id, transfer_id: 'le-z11000', balance: balance + 1_000 }]);
    expect(later.mint).toBe(upto.mint - 1_000);

    const keep = (sum: number) =>
      `insert into audited_balances (account_id, transfer_id, balance) values ('${poster.id}', 'le-z11000', ${sum})`;
    await engine.vandalise(market.url, keep(balance + 1_000));
    const carried = await auditSince(upto);
    expect({ broken: carried.report.broken, sums: carried.sums }).toEqual({ broken: [], sums: [] });
    await engine.vandalise(market.url, 'delete from audited_balances', keep(balance + 999));
    const corrected = await auditSince(upto);
    expect({ broken: corrected.report.broken, outdated: corrected.outdated }).toEqual({
      broken: [],
      outdated: [poster.id],
    });
    await engine.vandalise(market.url, `update accounts set balance = balance + 1 where id = '${poster.id}'`);
    expect((await auditSince(upto)).report.broken).toEqual([
      {
        invariant: 'a stored balance is the sum of its entries, and not negative',
        subject: poster.id,
        detail: expect.any(String),
      },
    ]);
  });

  it('runs at intervals, and everything is checked after 50 times the length of a whole audit, or a finding', async () => {
    const { market, approved, upto } = await auditedMarket(engine);
    const pass = async () => invariantsOf(await market.ctx.auditPass());
    const progress = async (): Promise<Record<string, unknown>> => {
      const [row] = await engine.query(market.url, "select value from meta where key = 'audited'");
      return row === undefined ? {} : (JSON.parse(String(row.value)) as Record<string, unknown>);
    };
    expect(await pass()).toEqual([]);
    const begun = await progress();
    expect(begun).toMatchObject({ wholeAt: market.clock.now() });
    const asIfSlow = { ...begun, wholeMs: secondMs };
    await engine.vandalise(market.url, `update meta set value = '${JSON.stringify(asIfSlow)}' where key = 'audited'`);
    expect(await pass()).toEqual([]);
    expect(await progress()).toEqual({ ...asIfSlow, ...upto });

    const damage = (by: number) =>
      `update ledger_entries set amount = amount + ${by} where task_id = '${approved}' and account_id = 'fees'`;
    await engine.vandalise(market.url, damage(1));
    market.clock.advance(50 * secondMs - 1);
    expect(await pass()).toEqual([]);
    market.clock.advance(1);
    expect(await pass()).toContain('every transfer sums to zero');
    expect(await progress()).toEqual({});
    expect(await pass()).toContain('every transfer sums to zero');
    await engine.vandalise(market.url, damage(-1));
    expect(await pass()).toEqual([]);
    expect(await progress()).toMatchObject({ wholeAt: market.clock.now() });
  });
});
