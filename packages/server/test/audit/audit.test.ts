import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { accountChecks, transferChecks } from '../../src/audit/ledger-checks.ts';
import { agentChecks, taskChecks } from '../../src/audit/checks.ts';
import { hourMs } from '../../src/ground/clock.ts';
import { onBothEngines } from '../support/engines.ts';
import { busyMarket } from '../support/busy-market.ts';

type Busy = Awaited<ReturnType<typeof busyMarket>>;

/** Damage to the database, with the invariant and the subject that the audit must name. */
const damages: [string, (busy: Busy) => string | string[], (busy: Busy) => string][] = [
  [
    'every transfer sums to zero',
    ({ approved }) =>
      `update ledger_entries set amount = amount + 1 where account_id = 'fees' and task_id = '${approved}'`,
    () => 'le-',
  ],
  [
    'every entry belongs to an account',
    ({ worker }) => `update ledger_entries set account_id = 'ag-nobody' where account_id = '${worker.id}'`,
    () => 'le-',
  ],
  [
    'a stored balance is the sum of its entries, and not negative',
    ({ worker }) => `update accounts set balance = balance + 1 where id = '${worker.id}'`,
    ({ worker }) => worker.id,
  ],
  [
    'every account belongs to an agent, a task or a dispute',
    () => [
      `insert into accounts (id, balance) values ('tk-nobody', 7)`,
      `insert into ledger_entries (transfer_id, account_id, amount, reason, created_at)
         values ('le-nobody', 'mint', -7, 'grant', 1), ('le-nobody', 'tk-nobody', 7, 'grant', 1)`,
    ],
    () => 'tk-nobody',
  ],
  [
    'an open task holds its price in escrow, an ended one nothing',
    ({ posted }) => `update accounts set balance = 9 where id = '${posted}'`,
    ({ posted }) => posted,
  ],
  [
    'an ended task was settled exactly once',
    ({ approved }) => `delete from ledger_entries where account_id = '${approved}' and amount < 0`,
    ({ approved }) => approved,
  ],
  [
    'an approved task paid its worker the charge minus the fee, any other task paid nobody',
    ({ approved }) => `update tasks set credits_charged = 10 where id = '${approved}'`,
    ({ approved }) => approved,
  ],
  [
    'only a task with auto_approve is approved at once with its delivery',
    ({ approved }) =>
      `update task_transitions set transition = 'approveAtOnce' where task_id = '${approved}' and transition = 'approve'`,
    ({ approved }) => approved,
  ],
  [
    'a lease runs exactly while its worker works on the task without a grace',
    ({ posted }) => `update tasks set heartbeat_deadline_at = 4102444800000 where id = '${posted}'`,
    ({ posted }) => posted,
  ],
  [
    'what keys have spent is what their tasks and deposits held',
    ({ poster }) => `update key_spending set amount = amount + 1 where agent_id = '${poster.id}'`,
    ({ poster }) => poster.id,
  ],
  [
    'what work cost is known from approved tasks alone',
    ({ posted, poster, worker }) => `insert into market_prices
      (tag, approved_at, task_id, poster_id, worker_id, credits, to_claim_ms, to_delivery_ms, to_approval_ms)
      values ('colours', 1, '${posted}', '${poster.id}', '${worker.id}', 10, 1, 1, 1)`,
    ({ posted }) => posted,
  ],
  // It counts an agent that nobody has chosen. The next one waits, although nobody is left.
  [
    'a task for chosen agents counts those that are left, and has expired when the last one leaves',
    ({ posted }) => `update tasks set is_for_chosen = 1, match_count = 1 where id = '${posted}'`,
    ({ posted }) => posted,
  ],
  [
    'a task for chosen agents counts those that are left, and has expired when the last one leaves',
    ({ posted }) => `update tasks set is_for_chosen = 1 where id = '${posted}'`,
    ({ posted }) => posted,
  ],
  // A deleted agent with credits, a key and a claim.
  [
    'a deleted agent has no credits, keys, profile or open tasks',
    ({ worker }) => `update agents set deleted_at = 1, suspended_at = 1 where id = '${worker.id}'`,
    ({ worker }) => worker.id,
  ],
  // A refund of a cancelled task to a stranger, one of an approved task, and a fee to the poster. All balances agree.
  [
    'a settlement gave the fee to the platform and the rest to the poster, and nothing to anybody else',
    ({ cancelled, worker, poster }) => [
      `update ledger_entries set account_id = '${worker.id}'
         where task_id = '${cancelled}' and account_id = '${poster.id}' and amount > 0`,
      `update accounts set balance = balance + 5 where id = '${worker.id}'`,
      `update accounts set balance = balance - 5 where id = '${poster.id}'`,
    ],
    ({ cancelled }) => cancelled,
  ],
  [
    'a settlement gave the fee to the platform and the rest to the poster, and nothing to anybody else',
    ({ approved, poster }) => [
      `insert into agents (id, name, created_at) values ('ag-stranger', 'stranger', 1)`,
      `insert into event_cursors (agent_id, last_number) values ('ag-stranger', 0)`,
      `insert into accounts (id, balance) values ('ag-stranger', 3)`,
      `update ledger_entries set account_id = 'ag-stranger'
         where task_id = '${approved}' and account_id = '${poster.id}' and amount > 0`,
      `update accounts set balance = balance - 3 where id = '${poster.id}'`,
    ],
    ({ approved }) => approved,
  ],
  [
    'a settlement gave the fee to the platform and the rest to the poster, and nothing to anybody else',
    ({ approved, poster }) => [
      `update ledger_entries set amount = amount +
           (select amount from ledger_entries where task_id = '${approved}' and account_id = 'fees')
         where task_id = '${approved}' and account_id = '${poster.id}' and amount > 0`,
      `update accounts set balance = balance +
           (select amount from ledger_entries where task_id = '${approved}' and account_id = 'fees')
         where id = '${poster.id}'`,
      `delete from ledger_entries where task_id = '${approved}' and account_id = 'fees'`,
    ],
    ({ approved }) => approved,
  ],
  [
    'every transition in a history is in the state machine',
    ({ cancelled }) => [
      `delete from task_transitions where task_id = '${cancelled}' and version = 1`,
      `update task_transitions set version = 1, from_status = null where task_id = '${cancelled}'`,
      `update tasks set version = 1 where id = '${cancelled}'`,
    ],
    ({ cancelled }) => cancelled,
  ],
  [
    'every transition in a history is in the state machine',
    ({ approved }) => `update task_transitions set transition = 'cancel' where task_id = '${approved}' and version = 4`,
    ({ approved }) => approved,
  ],
  [
    'every transition in a history begins in the state where the last one ended',
    ({ approved }) => `delete from task_transitions where task_id = '${approved}' and version = 2`,
    ({ approved }) => approved,
  ],
  // Cancelled before it was posted, and posted twice.
  [
    'every transition in a history begins in the state where the last one ended',
    ({ posted }) => [
      `update task_transitions set version = 2 where task_id = '${posted}'`,
      `insert into task_transitions (task_id, version, transition, from_status, to_status, claim_number, at)
         values ('${posted}', 1, 'cancel', 'posted', 'cancelled', 0, 1)`,
      `update tasks set version = 2 where id = '${posted}'`,
    ],
    ({ posted }) => posted,
  ],
  [
    'every transition in a history begins in the state where the last one ended',
    ({ posted }) => [
      `insert into task_transitions (task_id, version, transition, from_status, to_status, claim_number, at)
         values ('${posted}', 2, 'post', null, 'posted', 0, 1)`,
      `update tasks set version = 2 where id = '${posted}'`,
    ],
    ({ posted }) => posted,
  ],
  // The whole history begins at version 2.
  [
    'every transition in a history begins in the state where the last one ended',
    ({ posted }) => [
      `update task_transitions set version = 2 where task_id = '${posted}'`,
      `update tasks set version = 2 where id = '${posted}'`,
    ],
    ({ posted }) => posted,
  ],
  [
    'a history ends in the state that the task is in',
    ({ posted }) => `update tasks set status = 'cancelled' where id = '${posted}'`,
    ({ posted }) => posted,
  ],
  [
    'every transition told its poster',
    ({ poster }) => `update events set type = 'task_expired' where agent_id = '${poster.id}' and number = 1`,
    ({ approved }) => approved,
  ],
  [
    'every transition told its worker',
    ({ approved }) => `update task_transitions set worker_event = null where task_id = '${approved}'`,
    ({ approved }) => approved,
  ],
  [
    'an event stream is numbered without gaps',
    ({ poster }) => `delete from events where agent_id = '${poster.id}' and number = 2`,
    ({ poster }) => poster.id,
  ],
  [
    'every event has a cause',
    ({ worker, posted }) => `update events set task_id = '${posted}' where agent_id = '${worker.id}'`,
    ({ worker }) => worker.id,
  ],
  [
    "an agent's stored counts match its tasks",
    ({ worker }) => `update agents set tasks_completed = 5 where id = '${worker.id}'`,
    ({ worker }) => worker.id,
  ],
  [
    'only mint is negative',
    () => `insert into ledger_entries (transfer_id, account_id, amount, reason, created_at)
      values ('le-fees', 'mint', 100, 'grant', 1), ('le-fees', 'fees', -100, 'grant', 1)`,
    () => 'platform',
  ],
  [
    'only mint is negative',
    ({ poster }) => `insert into ledger_entries (transfer_id, account_id, amount, reason, created_at)
      values ('le-mint', 'mint', 1000, 'grant', 1), ('le-mint', '${poster.id}', -1000, 'grant', 1)`,
    () => 'platform',
  ],
  [
    "the last total of an agent's earnings over time is what it earned",
    ({ worker }) => `update earnings set total = total + 1 where agent_id = '${worker.id}'`,
    ({ worker }) => worker.id,
  ],
  [
    "an agent's trust rows count all its interactions",
    ({ poster }) => `update trust set interactions = interactions + 1 where truster_id = '${poster.id}'`,
    ({ poster }) => poster.id,
  ],
  [
    'nothing is overdue',
    ({ posted }) => `update tasks set expires_at = 1 where id = '${posted}'`,
    ({ posted }) => posted,
  ],
];

onBothEngines('the audit', (engine) => {
  it('finds no violation in a sound market, and counts the rows that it has read', async () => {
    const { market } = await busyMarket(engine);
    const { status, body } = await market.admin.get('/v1/admin/audit');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      ok: true,
      broken: [],
      broken_capped: false,
      checked: { agents: 2, tasks: 4, transfers: 8, transitions: 11, events: 6 },
    });
  });

  it.each(damages)('names the violation: %s', async (invariant, damage, subject) => {
    const busy = await busyMarket(engine);
    await engine.vandalise(busy.market.url, ...[damage(busy)].flat());
    const { body } = await busy.market.admin.get('/v1/admin/audit');
    expect(body.ok).toBe(false);
    expect(body.broken).toContainEqual({
      invariant,
      subject: expect.stringContaining(subject(busy)),
      detail: expect.any(String),
    });
  });

  it('does not miss events that were pruned from the front of a stream', async () => {
    const { market, poster } = await busyMarket(engine);
    await engine.vandalise(market.url, `delete from events where agent_id = '${poster.id}' and number <= 2`);
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true });
    await engine.vandalise(market.url, `delete from events where agent_id = '${poster.id}'`);
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true });
  });

  it('stops when it has more findings than it reports', async () => {
    const { market } = await busyMarket(engine);
    const numbers = 'with recursive n (i) as (select 1 union all select i + 1 from n where i < 5000)';
    await engine.vandalise(
      market.url,
      `${numbers} insert into ledger_entries (transfer_id, account_id, amount, reason, created_at)
         select 'le-' || (10000 + i), 'mint', -1, 'grant', 1 from n`,
    );
    const { body } = await market.admin.get('/v1/admin/audit');
    expect(body).toMatchObject({ ok: false, broken_capped: true });
    expect(body.broken).toHaveLength(100);
    expect(body.checked.transfers).toBeLessThan(1_000);
  });

  it('reports a task as overdue when the clock is too late', async () => {
    const { market, posted } = await busyMarket(engine);
    market.clock.advance(73 * hourMs);
    const { body } = await market.admin.get('/v1/admin/audit');
    expect(body.broken).toContainEqual({
      invariant: 'nothing is overdue',
      subject: posted,
      detail: expect.any(String),
    });
    await market.ctx.timers.runDue();
    expect((await market.admin.get('/v1/admin/audit')).body.ok).toBe(true);
  });
});

it('each invariant of the audit is damaged by a test', () => {
  const folder = new URL('./', import.meta.url);
  const files = readdirSync(folder).filter((name) => name.endsWith('.test.ts'));
  const tests = files.map((name) => readFileSync(new URL(name, folder), 'utf8')).join('\n');
  const invariants = [...transferChecks, ...accountChecks, ...taskChecks, ...agentChecks].map(
    ({ invariant }) => invariant,
  );
  expect(invariants.length).toBeGreaterThan(40);
  expect(invariants.filter((invariant) => !tests.includes(invariant))).toEqual([]);
});
