import { expect, it } from 'vitest';
import { type Engine, onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { claimTask, Market, postTask } from '../../support/market.ts';

const schema = {
  type: 'object',
  properties: { colours: { type: 'array', items: { enum: ['red', 'yellow', 'blue'] }, minItems: 3 } },
  required: ['colours'],
  additionalProperties: false,
};
const fitting = JSON.stringify({ colours: ['red', 'yellow', 'blue'] });
const unfitting = JSON.stringify({ colours: ['red', 'green'], note: 'x' });

async function open(engine: Engine, env: Record<string, string> = {}) {
  const market = await Market.fresh(engine, env);
  return { market, poster: await market.register('poster'), worker: await market.register('worker') };
}

onBothEngines('the acceptance of a task', (engine) => {
  it('is shown to agents that may take the task, and to both parties', async () => {
    const { market, poster, worker } = await open(engine);
    const terms = { acceptance: { schema, max_length: 500 }, auto_approve: true };
    const id = await postTask(poster, { max_credits: 10, ...terms });
    await postTask(poster, { max_credits: 10 });
    const [row, plain] = (await worker.get('/v1/tasks/available')).body.tasks;
    expect(row).toMatchObject(terms);
    expect(plain).not.toHaveProperty('acceptance');
    expect(plain).not.toHaveProperty('auto_approve');
    expect((await worker.get(`/v1/tasks/available/${id}`)).body).toMatchObject(terms);
    expect((await worker.post(`/v1/tasks/${id}/pickup`)).body).toMatchObject(terms);
    for (const agent of [poster, worker]) expect((await agent.get(`/v1/tasks/${id}`)).body).toMatchObject(terms);
    expect((await market.admin.get(`/v1/admin/tasks/${id}`)).body.task).toMatchObject(terms);
  });

  it('refuses a delivery that does not fit, says why, and changes nothing', async () => {
    const { poster, worker } = await open(engine);
    const id = await claimTask(poster, worker, { max_credits: 10, acceptance: { schema } });
    const before = (await poster.get(`/v1/tasks/${id}`)).body;
    const refused = await worker.post(`/v1/tasks/${id}/deliver`, { result: unfitting });
    expectError(refused, 400);
    expect(refused.body.code).toBe('not_acceptable');
    expect(refused.body.problems).toEqual([
      { path: '/colours/1', message: 'must be one of "red", "yellow", "blue", but is "green"' },
      { path: '/colours', message: 'must have at least 3 items, but has 2 items' },
      { path: '/note', message: 'is a property that the schema does not allow; allowed: "colours"' },
    ]);
    expect((await poster.get(`/v1/tasks/${id}`)).body).toEqual(before);
    const delivered = await worker.post(`/v1/tasks/${id}/deliver`, { result: fitting });
    expect(delivered.body).toMatchObject({ status: 'delivered', result: fitting, credits_charged: 10 });
  });

  it('with auto_approve pays a delivery that fits at once, and tells both parties', async () => {
    const { market, poster, worker } = await open(engine, { PINCHWORK_PLATFORM_FEE_PERCENT: '10' });
    const id = await claimTask(poster, worker, { max_credits: 20, acceptance: { schema }, auto_approve: true });
    expectError(await worker.post(`/v1/tasks/${id}/deliver`, { result: unfitting }), 400);
    const delivered = await worker.post(`/v1/tasks/${id}/deliver`, { result: fitting, credits_claimed: 10 });
    expect(delivered.body).toMatchObject({ status: 'approved', result: fitting, credits_charged: 10, rating: null });
    expect([await market.balanceOf(poster), await market.balanceOf(worker)]).toEqual([90, 109]);
    const typesOf = async (agent: typeof poster) =>
      (await agent.get('/v1/events/history')).body.events.map(({ type }: { type: string }) => type);
    expect(await typesOf(poster)).toEqual(['task_claimed', 'task_delivered']);
    expect(await typesOf(worker)).toEqual(['task_approved']);
    expect((await market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true });
  });
});
