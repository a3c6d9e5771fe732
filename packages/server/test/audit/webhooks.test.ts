import { expect, it } from 'vitest';
import audit, { atRest } from '../../src/audit/audit.ts';
import { keptMs } from '../../src/rules/webhooks/schedule.ts';
import { A2aClient } from '../support/a2a.ts';
import { type Engine, onBothEngines } from '../support/engines.ts';
import type { Agent, Market } from '../support/market.ts';
import { answer, Receiver } from '../support/receiver.ts';
import { deliveries, events, hooked, sendingMarket } from '../rules/webhooks/market.ts';
import { until } from '../support/until.ts';

interface Busy {
  readonly market: Market;
  readonly owner: Agent;
}

/** A webhook with a delivered, a dead and a waiting delivery. */
async function open(engine: Engine): Promise<Busy> {
  const { market, worker } = await sendingMarket(engine, { PINCHWORK_WEBHOOK_MAX_RETRIES: '0' });
  const receiver = await Receiver.open((response, n) =>
    answer(n === 1 ? 500 : 200)(response, n, receiver.received[0]!),
  );
  const owner = await hooked(market, receiver);
  await events(owner, worker, 2);
  await until(async () => (await deliveries(owner, '&status=pending')).length === 0);
  await market.ctx.webhooks.stop();
  await events(owner, worker);
  expect((await deliveries(owner)).map(({ status }) => status)).toEqual(['pending', 'delivered', 'dead']);
  const taskId = (await owner.get('/v1/tasks/mine?limit=1')).body.tasks[0].task_id;
  const set = 'CreateTaskPushNotificationConfig';
  expect((await new A2aClient(market, owner).rpc(set, { taskId, url: receiver.url })).result).toBeDefined();
  return { market, owner };
}

const damages: [string, string, (busy: Busy) => string][] = [
  [
    'every event of an agent with a webhook has its delivery',
    'a delivery that got lost',
    () => `delete from webhook_deliveries where event_number = 2`,
  ],
  [
    'every delivery belongs to an event of its agent and has the same content',
    'a delivery of an event that never was',
    () => `update webhook_deliveries set event_number = 9 where event_number = 3`,
  ],
  [
    'every delivery belongs to an event of its agent and has the same content',
    'another text',
    () => `update webhook_deliveries set data = '{}' where event_number = 3`,
  ],
  [
    'a delivery that has ended was attempted',
    'a dead one without a log',
    () => `update webhook_deliveries set attempts = '[]' where status = 'dead'`,
  ],
  [
    'a receiver with waiting deliveries is scheduled',
    'nothing to wake it',
    () => `update webhook_receivers set due_at = null`,
  ],
  [
    'the test of a held receiver is pending',
    'a test of one that is not held',
    () => `update webhook_receivers set probe_id = 'wd-000000000000'`,
  ],
  [
    'a push configuration whose task has changed is due, and belongs to its poster',
    'a change that it is never told of',
    () => `update push_configs set told_version = 1`,
  ],
  [
    'exactly the agents with a webhook have their events delivered',
    'an outbox that is off',
    ({ owner }) => `update event_cursors set webhook_from = null where agent_id = '${owner.id}'`,
  ],
];

onBothEngines('the audit of webhooks', (engine) => {
  it.each(damages)('names the violation: %s (%s)', async (invariant, _how, damage) => {
    const busy = await open(engine);
    const audit = async () => (await busy.market.admin.get('/v1/admin/audit')).body;
    expect(await audit()).toMatchObject({ ok: true, broken: [] });
    await engine.vandalise(busy.market.url, damage(busy));
    expect((await audit()).broken).toContainEqual({ invariant, subject: busy.owner.id, detail: expect.any(String) });
  });

  it('does not miss expired deliveries, also not on a database at rest', async () => {
    const { market, owner } = await open(engine);
    await engine.vandalise(
      market.url,
      `delete from webhook_deliveries where agent_id = '${owner.id}' and event_number < 3`,
      `update events set created_at = ${Date.now() - keptMs.delivered} where agent_id = '${owner.id}' and number < 3`,
    );
    expect((await audit(market.ctx.db, atRest())).broken).toEqual([]);
    await engine.vandalise(market.url, `update events set created_at = ${Date.now()} where number < 3`);
    expect((await audit(market.ctx.db, atRest())).broken).toHaveLength(2);
  });

  it('has no event with two deliveries: the database refuses the second', async () => {
    const { market, owner } = await open(engine);
    const twice = `insert into webhook_deliveries
      (agent_id, id, event_number, event, task_id, data, created_at, status, next_at)
      select agent_id, 'wd-twice', event_number, event, task_id, data, created_at, status, next_at
      from webhook_deliveries where agent_id = '${owner.id}' and event_number = 3`;
    await expect(engine.vandalise(market.url, twice)).rejects.toThrow(/unique/i);
  });
});
