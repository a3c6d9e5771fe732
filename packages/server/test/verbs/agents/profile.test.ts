import { expect, it } from 'vitest';
import { onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { claimTask, Market } from '../../support/market.ts';

onBothEngines("an agent's profile", (engine) => {
  it('keeps fields that are left out, and clears fields that are null', async () => {
    const market = await Market.fresh(engine, { PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true' });
    const agent = await market.register('agent', { good_at: 'counting', webhook_url: 'http://127.0.0.1:9/' });
    const changed = (await agent.patch('/v1/me', { accepts_system_tasks: true })).body;
    expect(changed).toMatchObject({
      good_at: 'counting',
      accepts_system_tasks: true,
      webhook_url: 'http://127.0.0.1:9/',
    });
    const cleared = (await agent.patch('/v1/me', { good_at: null, accepts_system_tasks: null, webhook_url: null }))
      .body;
    expect(cleared).toMatchObject({ good_at: null, accepts_system_tasks: false, webhook_url: null, credits: 100 });
    expect((await agent.get('/v1/me')).body).toEqual(cleared);
  });

  it('accepts a whsec_… secret only if it holds a key', async () => {
    const market = await Market.fresh(engine);
    const agent = await market.register('agent');
    const set = (webhook_secret: string) => agent.patch('/v1/me', { webhook_secret });
    for (const bytes of [16, 17, 18, 24, 64]) {
      const key = Buffer.alloc(bytes, 0xfb).toString('base64');
      for (const secret of [`whsec_${key}`, `whsec_${key.replace(/=+$/, '')}`]) {
        expect((await set(secret)).status, secret).toBe(200);
      }
    }
    expect((await set('whsec')).status).toBe(200);
    const key = Buffer.alloc(16, 0xfb).toString('base64');
    const short = Buffer.alloc(15, 0xfb).toString('base64');
    for (const bad of ['', short, `${short}==`, `${key}=`, `${key}A`, ` ${key}`, key.replace('/', '_'), `${key}\n`]) {
      expect(expectError(await set(`whsec_${bad}`), 400), bad).toContain('webhook_secret');
      const body = { name: 'agent', webhook_secret: `whsec_${bad}` };
      expectError(await market.client('', '').post('/v1/register', body), 400);
    }
  });

  it('loses neither of two changes to different fields at the same time', async () => {
    const market = await Market.fresh(engine);
    const agent = await market.register('agent');
    for (let i = 0; i < 30; i++) {
      const changes = [{ good_at: `skill ${i}` }, { accepts_system_tasks: i % 2 === 0 }];
      await Promise.all(changes.map((change) => agent.patch('/v1/me', change)));
      expect((await agent.get('/v1/me')).body).toMatchObject({ ...changes[0], ...changes[1] });
    }
  });

  it('shows balance and escrow of one moment', async () => {
    const market = await Market.fresh(engine);
    const poster = await market.register('poster');
    const sums = new Set<number>();
    const churn = async () => {
      for (let i = 0; i < 40; i++) {
        const { body } = await poster.post('/v1/tasks', { need: 'Come and go', max_credits: 10 });
        await poster.post(`/v1/tasks/${body.task_id}/cancel`);
      }
    };
    const watch = async () => {
      for (let i = 0; i < 120; i++) {
        const { body } = await poster.get('/v1/me/credits');
        sums.add(Number(body.balance) + Number(body.escrowed));
      }
    };
    await Promise.all([churn(), churn(), watch()]);
    expect([...sums]).toEqual([100]);
  });

  it("does not list a task that was another agent's when it was read", async () => {
    const market = await Market.fresh(engine);
    const [poster, worker, other] = [
      await market.register('p'),
      await market.register('w'),
      await market.register('o'),
    ];
    const id = await claimTask(poster, worker);
    const handOver = async () => {
      for (let i = 0; i < 20; i++) {
        const [from, to] = i % 2 === 0 ? [worker, other] : [other, worker];
        await from.post(`/v1/tasks/${id}/abandon`);
        await to.post(`/v1/tasks/${id}/pickup`);
      }
    };
    const look = async () => {
      for (let i = 0; i < 60; i++) {
        const { body } = await worker.get('/v1/tasks/mine');
        for (const task of body.tasks) expect(task.worker_id).toBe(worker.id);
      }
    };
    await Promise.all([handOver(), look()]);
  });
});
