import type { IdKind } from '@pinchwork/sdk/table';
import { expect, it } from 'vitest';
import audit from '../../src/audit/audit.ts';
import { prepared } from '../../src/storage/prepared.ts';
import { UniqueViolation } from '../../src/storage/unique.ts';
import { onBothEngines } from '../support/engines.ts';
import { claimTask, deadWebhook, Market, postTask } from '../support/market.ts';

/** Makes the generator return the latest id of each kind again, `repeats` times, before it draws a new one. */
function repeatIds(market: Market, repeats: number): { drawn: Map<IdKind, number>; arm: () => void } {
  const { newId } = market.ctx;
  const latest = new Map<IdKind, string>();
  const left = new Map<IdKind, number>();
  const drawn = new Map<IdKind, number>();
  const repeating = (kind: IdKind) => {
    drawn.set(kind, (drawn.get(kind) ?? 0) + 1);
    const taken = latest.get(kind);
    const repeat = left.get(kind) ?? 0;
    if (taken !== undefined && repeat > 0) {
      left.set(kind, repeat - 1);
      return taken;
    }
    const id = newId(kind);
    latest.set(kind, id);
    return id;
  };
  Object.assign(market.ctx, { newId: repeating });
  return { drawn, arm: () => latest.forEach((_, kind) => left.set(kind, repeats)) };
}

const insertAnyway = prepared('insertAnyway', (db, p: { key: string }) =>
  db.insertInto('meta').values({ key: p.key, value: 'x' }),
);

onBothEngines('an id that is taken', (engine) => {
  it('is drawn again, for ids of every kind', async () => {
    const market = await Market.fresh(engine);
    const { drawn, arm } = repeatIds(market, 1);
    const worker = await market.register('worker');
    const act = async () => {
      const poster = await market.register('poster', { webhook_url: deadWebhook });
      const task = await postTask(poster, { max_credits: 2 });
      const question = await worker.post(`/v1/tasks/${task}/questions`, { question: 'Why?' });
      const report = await worker.post(`/v1/tasks/${task}/report`, { reason: 'Spam' });
      const claimed = await claimTask(poster, worker, { max_credits: 2 });
      const message = await worker.post(`/v1/tasks/${claimed}/messages`, { message: 'Half done' });
      const grant = await market.admin.post('/v1/admin/credits/grant', { agent_id: poster.id, amount: 1 });
      return [question, report, message, grant].map(({ status }) => status);
    };
    drawn.clear();
    const expected = await act();
    const before = new Map(drawn);
    drawn.clear();
    arm();
    expect(await act()).toEqual(expected);
    const again = [...drawn].filter(([kind, count]) => count > before.get(kind)!).map(([kind]) => kind);
    expect(again).toEqual(expect.arrayContaining(['agent', 'task', 'question', 'message', 'report', 'adminAction']));
    expect((await audit(market.ctx.db, { now: market.clock.now() })).ok).toBe(true);
  });

  it('on every draw is a bug, not an overload', async () => {
    const market = await Market.fresh(engine);
    const { arm, drawn } = repeatIds(market, 100);
    const poster = await market.register('poster');
    await postTask(poster);
    const before = drawn.get('task')!;
    arm();
    const { status, body } = await poster.post('/v1/tasks', { need: 'Count the words' });
    expect([status, body.code]).toEqual([500, 'internal_error']);
    expect(drawn.get('task')! - before).toBe(3);
  });
});

onBothEngines('a duplicate row', (engine) => {
  it('is a bug of the verb, which runs once, unless the statement expects it', async () => {
    const { ctx } = await Market.fresh(engine);
    let runs = 0;
    const put = () =>
      ctx.db.transact('put', async (tx) => {
        runs++;
        tx.send(insertAnyway, { key: 'taken' });
      });
    await put();
    const refused = await put().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(UniqueViolation);
    expect(refused).toMatchObject({ message: '"meta" already has a row with the same key', columns: ['key'] });
    expect(runs).toBe(2);
  });
});
