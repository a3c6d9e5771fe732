import { expect, it } from 'vitest';
import { hourMs, minuteMs, secondMs, systemClock } from '../../src/ground/clock.ts';
import { conflict } from '../../src/ground/errors.ts';
import { onBothEngines } from '../support/engines.ts';
import { claimTask, deliverTask, Market, postTask } from '../support/market.ts';

onBothEngines('the clock', (engine) => {
  const cast = async () => {
    const market = await Market.fresh(engine);
    return { market, poster: await market.register('poster'), worker: await market.register('worker') };
  };
  const statusOf = async ({ market, poster }: Awaited<ReturnType<typeof cast>>, id: string) => {
    await market.ctx.timers.runDue();
    return (await poster.get(`/v1/tasks/${id}`)).body;
  };

  it('is never early, and never later than its pass', async () => {
    const all = await cast();
    all.market.clock.advance(300);
    const id = await postTask(all.poster, { deadline_minutes: 1 });
    // 60.3 s from the start, rounded up to the second that the wire shows.
    all.market.clock.advance(60_699);
    expect(await statusOf(all, id)).toMatchObject({ status: 'posted', deadline: '2030-01-01T00:01:01+00:00' });
    all.market.clock.advance(1);
    expect(await statusOf(all, id)).toMatchObject({ status: 'expired' });
    expect(await all.market.balanceOf(all.poster)).toBe(100);
  });

  it('makes several transitions of one task in the order of their deadlines', async () => {
    const all = await cast();
    const id = await claimTask(all.poster, all.worker, { claim_timeout_minutes: 10, deadline_minutes: 20 });
    await all.market.pass(hourMs);
    expect(await statusOf(all, id)).toMatchObject({ status: 'expired', worker_id: null });
    const rows = await engine.query(
      all.market.url,
      `select transition from task_transitions where task_id = '${id}' order by version`,
    );
    expect(rows.map(({ transition }) => transition)).toEqual(['post', 'claim', 'timeOutClaim', 'missDeadline']);
  });

  it('prefers the task’s own deadline in a tie, and clears it', async () => {
    const all = await cast();
    const id = await claimTask(all.poster, all.worker, { claim_timeout_minutes: 10, deadline_minutes: 10 });
    await all.market.pass(10 * minuteMs);
    expect(await statusOf(all, id)).toMatchObject({ status: 'posted', deadline: null });
    const [event] = await engine.query(all.market.url, `select type from events where agent_id = '${all.worker.id}'`);
    expect(event).toEqual({ type: 'deadline_expired' });
  });

  it('tells the worker when the grace after a rejection is over', async () => {
    const all = await cast();
    const id = await deliverTask(all.poster, all.worker);
    await all.poster.post(`/v1/tasks/${id}/reject`, { reason: 'No' });
    await all.market.pass(5 * minuteMs - 1);
    expect(await statusOf(all, id)).toMatchObject({ status: 'claimed' });
    await all.market.pass(1);
    expect(await statusOf(all, id)).toMatchObject({ status: 'posted', worker_id: null });
    const events = await engine.query(
      all.market.url,
      `select type from events where agent_id = '${all.worker.id}' order by number`,
    );
    expect(events.map(({ type }) => type)).toEqual(['task_rejected', 'rejection_grace_expired']);
  });

  it('approves and pays when the time for the review is over', async () => {
    const all = await cast();
    const id = await deliverTask(all.poster, all.worker, { max_credits: 50, review_timeout_minutes: 30 });
    await all.market.pass(30 * minuteMs);
    expect(await statusOf(all, id)).toMatchObject({ status: 'approved', credits_charged: 50, result: 'Seven' });
    expect(await all.market.balanceOf(all.worker)).toBe(145);
  });

  it('makes the transitions that became due while no server was running', async () => {
    const all = await cast();
    const id = await claimTask(all.poster, all.worker, {});
    await all.market.close();
    all.market.clock.advance(30 * 24 * hourMs);
    const later = await Market.open(all.market.url, {}, all.market.clock);
    try {
      const poster = later.client(all.poster.id, all.poster.key);
      await later.ctx.timers.runDue();
      expect((await poster.get(`/v1/tasks/${id}`)).body.status).toBe('expired');
      expect(await later.balanceOf(poster)).toBe(100);
    } finally {
      await later.close();
    }
  });

  it('sets a failing task aside, names it, goes on with the others and tries it again', async () => {
    const all = await cast();
    const [broken, sound] = [
      await postTask(all.poster, { max_credits: 10 }),
      await postTask(all.poster, { max_credits: 10 }),
    ];
    await engine.vandalise(all.market.url, `update accounts set balance = 9 where id = '${broken}'`);
    await all.market.pass(72 * hourMs);
    expect(await statusOf(all, sound)).toMatchObject({ status: 'expired' });
    expect(await statusOf(all, broken)).toMatchObject({ status: 'posted' });
    all.market.clock.advance(6 * secondMs);
    const { body } = await all.market.admin.get('/v1/admin/audit');
    expect(body.broken).toContainEqual({
      invariant: 'nothing is overdue',
      subject: broken,
      detail: expect.stringContaining('set aside after 1 attempts: The escrow of'),
    });
    await engine.vandalise(all.market.url, `update accounts set balance = 10 where id = '${broken}'`);
    await all.market.pass(5 * minuteMs);
    expect(await statusOf(all, broken)).toMatchObject({ status: 'expired' });
    expect((await all.market.admin.get('/v1/admin/audit')).body).toMatchObject({ ok: true });
    expect(await engine.query(all.market.url, 'select task_id from stuck_timers')).toEqual([]);
  });

  it('sets a task aside also when its transition is refused, and ends the claims of suspended agents all the same', async () => {
    const all = await cast();
    const refused = await postTask(all.poster, { max_credits: 10 });
    all.market.clock.advance(72 * hourMs);
    const held = await claimTask(all.poster, all.worker, { max_credits: 10 });
    await all.market.admin.post('/v1/admin/agents/suspend', { agent_id: all.worker.id, suspended: true });
    const { db, timers } = all.market.ctx;
    const transact = db.transact.bind(db);
    db.transact = (name, work) => (name === 'timer' ? Promise.reject(conflict('Refused')) : transact(name, work));
    await timers.pass();
    expect((await all.poster.get(`/v1/tasks/${held}`)).body.status).toBe('posted');
    expect(await engine.query(all.market.url, 'select task_id, error from stuck_timers')).toEqual([
      { task_id: refused, error: 'Refused' },
    ]);
  });

  it('wakes for the next deadline, and at least every second for tasks of other servers', async () => {
    const all = await cast();
    const id = await postTask(all.poster, { deadline_minutes: 1 });
    all.market.ctx.timers.start();
    const request = { answered: false };
    const ended = all.poster.get(`/v1/tasks/${id}?wait=300`).finally(() => (request.answered = true));
    while (!request.answered) {
      await new Promise(setImmediate);
      // Both sleep: the request until the status changes, and the clock for a second at most.
      if (all.market.clock.alarms === 2) all.market.clock.advance(secondMs);
    }
    expect((await ended).body.status).toBe('expired');
  });
});

it('an alarm later than the limit of a 32-bit timer does not ring at once', async () => {
  let rang = false;
  const cancel = systemClock.after(365 * 24 * hourMs, () => (rang = true));
  await new Promise((resolve) => setTimeout(resolve, 5));
  cancel();
  expect(rang).toBe(false);
});
