import { expect, it } from 'vitest';
import { onBothEngines } from '../support/engines.ts';
import { Market } from '../support/market.ts';
import { converse, numbers } from '../support/streams.ts';

onBothEngines('expired events', (engine) => {
  const day = 24 * 3_600_000;
  const kept = async (market: Market) => {
    const rows = await engine.query(market.url, 'select agent_id, number from events order by agent_id, number');
    const byAgent = new Map<string, number[]>();
    for (const { agent_id, number } of rows) {
      byAgent.set(String(agent_id), [...(byAgent.get(String(agent_id)) ?? []), Number(number)]);
    }
    return byAgent;
  };
  const seed = (market: Market, agentId: string, [first, last]: [number, number], at: number) =>
    engine.vandalise(
      market.url,
      `with recursive n (i) as (select ${first} union all select i + 1 from n where i < ${last})
       insert into events (agent_id, number, type, task_id, data, created_at)
       select '${agentId}', i, 'task_message', 'tk-000000000000', '{}', ${at} from n`,
      `insert into event_cursors (agent_id, last_number) values ('${agentId}', ${last})
       on conflict (agent_id) do update set last_number = ${last}`,
    );
  const forget = async (market: Market) => {
    let steps = 1;
    while (await market.ctx.housekeeping.run()) steps++;
    return steps;
  };

  it('are those older than the retention, to the millisecond', async () => {
    const market = await Market.fresh(engine, { PINCHWORK_EVENT_RETENTION_DAYS: '7' });
    const agent = await market.register();
    const edge = market.clock.now() - 7 * day;
    await seed(market, agent.id, [1, 2], edge - 1);
    await seed(market, agent.id, [3, 4], edge);
    await forget(market);
    expect((await kept(market)).get(agent.id)).toEqual([3, 4]);
    market.clock.advance(1);
    await forget(market);
    expect((await kept(market)).get(agent.id)).toBeUndefined();
  });

  it('are deleted from the front of each stream in steps, and the audit finds no violation', async () => {
    const market = await Market.fresh(engine, {
      PINCHWORK_EVENT_RETENTION_DAYS: '1.5',
      PINCHWORK_DEFAULT_CLAIM_TIMEOUT_MINUTES: '500000',
    });
    const { poster, worker, say } = await converse(market);
    await say(3);
    market.clock.advance(1.5 * day);
    await forget(market);
    expect((await kept(market)).get(poster.id)).toEqual([1, 2, 3, 4]);
    await say(2);
    market.clock.advance(1);
    await forget(market);
    expect((await kept(market)).get(poster.id)).toEqual([5, 6]);
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
    market.clock.advance(2 * day);
    await forget(market);
    expect((await kept(market)).size).toBe(0);
    await poster.post(`/v1/tasks/${(await worker.get('/v1/tasks/mine')).body.tasks[0].task_id}/messages`, {
      message: 'Still there?',
    });
    await say(1);
    expect(Object.fromEntries(await kept(market))).toEqual({ [poster.id]: [7], [worker.id]: [1] });
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true, broken: [] });
  });

  it('are deleted for many agents and for one agent with many events, by two servers at once', async () => {
    const market = await Market.fresh(engine);
    const now = market.clock.now();
    const agents = await Promise.all(Array.from({ length: 12 }, () => market.register()));
    for (const { id } of agents) await seed(market, id, [1, 120], now - 8 * day);
    await seed(market, agents[3]!.id, [121, 2_000], now - 8 * day);
    for (const { id } of agents.slice(6)) await seed(market, id, [2_001, 2_003], now);
    const other = engine.name === 'PostgreSQL' ? await Market.open(market.url, {}, market.clock) : undefined;
    const [steps, others] = await Promise.all([forget(market), other && forget(other)]);
    await other?.close();
    expect(steps + (others ?? 0)).toBeGreaterThan(5);
    const left = await kept(market);
    expect([...left.keys()].sort()).toEqual(
      agents
        .slice(6)
        .map(({ id }) => id)
        .sort(),
    );
    for (const ids of left.values()) expect(ids).toEqual(numbers(2_001, 2_003));
  });

  it('stay while an earlier event stays, so that a stream has no gap', async () => {
    const market = await Market.fresh(engine);
    const { id } = await market.register();
    const now = market.clock.now();
    await seed(market, id, [1, 1], now - 8 * day);
    await seed(market, id, [2, 2], now);
    // Numbers come from the database, and times from several servers.
    await seed(market, id, [3, 3], now - 8 * day);
    await forget(market);
    expect((await kept(market)).get(id)).toEqual([2, 3]);
  });
});
