import { Webhook } from 'standardwebhooks';
import { expect, it } from 'vitest';
import { hourMs, secondMs } from '../../src/ground/clock.ts';
import { compose } from '../../src/compose.ts';
import { readConfig } from '../../src/ground/config.ts';
import { type Engine, onBothEngines } from '../support/engines.ts';
import { type Market, postTask } from '../support/market.ts';
import { answer, Receiver } from '../support/receiver.ts';
import { later, sendingMarket } from '../rules/webhooks/market.ts';
import { until } from '../support/until.ts';

const secret = `whsec_${Buffer.from('a secret of the operator').toString('base64')}`;

async function watchedMarket(engine: Engine, receiver: Receiver) {
  return sendingMarket(engine, {
    PINCHWORK_OPERATOR_WEBHOOK_URL: receiver.url,
    PINCHWORK_OPERATOR_WEBHOOK_SECRET: secret,
  });
}

/** What the operator was sent. */
const told = (receiver: Receiver) => receiver.received.map(({ body }) => body);

const isSound = async (market: Market) => expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);

onBothEngines('the operator', (engine) => {
  it('is told of each report, signed, and again until the receiver accepts it', async () => {
    const receiver = await Receiver.open(answer(500));
    const { market, worker } = await watchedMarket(engine, receiver);
    const poster = await market.register('poster');
    const task = await postTask(poster, { max_credits: 1 });
    const { body: report } = await worker.post(`/v1/tasks/${task}/report`, { reason: 'Asks for API keys' });
    await until(async () => {
      const [row] = await engine.query(market.url, 'select tries from webhook_deliveries');
      return Number(row?.tries) === 1;
    });
    receiver.behaviour = answer(200);
    later(market, 2 * secondMs);
    await until(async () => {
      const [row] = await engine.query(market.url, 'select status from webhook_deliveries');
      return row!.status === 'delivered';
    });
    const message = {
      event: 'report_opened',
      data: { report_id: report.report_id, task_id: task },
      timestamp: '2030-01-01T00:00:00+00:00',
    };
    expect(told(receiver)).toEqual([message, message]);
    const [first, second] = receiver.received as [Receiver['received'][0], Receiver['received'][0]];
    expect(second.headers['webhook-id']).toBe(first.headers['webhook-id']);
    // The library compares the time of sending with the real clock.
    const at = new Date(Number(first.headers['webhook-timestamp']) * secondMs);
    expect(new Webhook(secret).sign(first.headers['webhook-id'] as string, at, first.text)).toBe(
      first.headers['webhook-signature'],
    );
    expect(JSON.stringify(told(receiver))).not.toContain('API keys');
    expect((await worker.post(`/v1/tasks/${task}/report`, { reason: 'Again' })).status).toBe(409);
    await isSound(market);
    const rows = await engine.query(market.url, 'select agent_id from webhook_deliveries');
    expect(rows).toEqual([{ agent_id: 'ag-platform' }]);
  });

  it('has at most 30 messages about reports waiting, however many agents report', async () => {
    const receiver = await Receiver.open(answer(500));
    const { market } = await watchedMarket(engine, receiver);
    const poster = await market.register('poster');
    await market.ctx.webhooks.stop();
    const waiting = () =>
      engine.query(
        market.url,
        "select id from webhook_deliveries where status = 'pending' and event = 'report_opened'",
      );
    const report = async (count: number) => {
      for (let i = 0; i < count; i++) {
        const task = await postTask(poster, { max_credits: 1 });
        expect((await poster.post(`/v1/tasks/${task}/report`, { reason: 'Spam' })).status).toBe(201);
      }
    };
    await report(32);
    expect(await waiting()).toHaveLength(30);
    expect((await market.admin.get('/v1/admin/reports?status=open')).body.total).toBe(32);
    await engine.vandalise(
      market.url,
      `update webhook_deliveries set status = 'delivered', next_at = null, forget_at = 1 where id = '${String((await waiting())[0]!.id)}'`,
    );
    await report(2);
    expect(await waiting()).toHaveLength(30);
  });

  it('is told once of what an audit finds, again after a day, and again when it comes back', async () => {
    const receiver = await Receiver.open();
    const { market, worker } = await watchedMarket(engine, receiver);
    const audits = async (count: number) => {
      for (let i = 0; i < 3; i++) await market.ctx.audit();
      await until(() => receiver.received.length >= count);
      await market.ctx.db.transact('a turn', async () => undefined);
      expect(receiver.received).toHaveLength(count);
    };
    await audits(0);
    await engine.vandalise(market.url, `update agents set tasks_posted = 5 where id = '${worker.id}'`);
    await audits(1);
    expect(told(receiver)).toEqual([
      {
        event: 'audit_failed',
        data: { broken: 1, findings: [expect.objectContaining({ subject: worker.id })] },
        timestamp: expect.anything(),
      },
    ]);
    market.clock.advance(23 * hourMs);
    await audits(1);
    later(market, hourMs);
    await audits(2);
    await engine.vandalise(market.url, `update agents set tasks_posted = 0 where id = '${worker.id}'`);
    await audits(2);
    await engine.vandalise(market.url, `update agents set tasks_posted = 1 where id = '${worker.id}'`);
    await audits(3);
  });

  it('is told once of what several servers find at the same moment', async () => {
    const receiver = await Receiver.open();
    const { market } = await watchedMarket(engine, receiver);
    await market.ctx.webhooks.stop();
    const report = {
      ...(await market.admin.get('/v1/admin/audit')).body,
      ok: false,
      broken: [{ invariant: 'made up', subject: 'nobody', detail: '' }],
    };
    await engine.vandalise(market.url, "delete from meta where key = 'operator_told_of_audit'");
    await Promise.all(Array.from({ length: 4 }, () => market.ctx.operator.tellOfAudit(report)));
    expect(
      await engine.query(market.url, "select event from webhook_deliveries where event = 'audit_failed'"),
    ).toHaveLength(1);
  });

  it('is told without the storage when it fails for half a minute, once, until it works again', async () => {
    const receiver = await Receiver.open((response, n) => void response.writeHead(n === 1 ? 500 : 200).end());
    const { market } = await watchedMarket(engine, receiver);
    const { transact } = market.ctx.db;
    const look = async (times: number) => {
      for (let i = 0; i < times; i++) {
        await market.ctx.operator.look();
        market.clock.advance(10 * secondMs);
      }
      return receiver.received.length;
    };
    const fail = () => (market.ctx.db.transact = (() => Promise.reject(new Error('no space left'))) as never);
    expect(await look(3)).toBe(0);
    fail();
    expect(await look(2)).toBe(0);
    // The first attempt fails and is repeated.
    expect(await look(2)).toBe(2);
    expect(await look(10)).toBe(2);
    expect(told(receiver)[1]).toEqual({
      event: 'storage_failing',
      data: { reason: 'The storage accepts no writes.' },
      timestamp: expect.anything(),
    });
    market.ctx.db.transact = transact;
    expect(await look(1)).toBe(2);
    fail();
    expect(await look(3)).toBe(3);
    market.ctx.db.transact = transact;
  });

  it('is told nothing without an address', async () => {
    const { market, worker } = await sendingMarket(engine);
    const task = await postTask(await market.register('poster'), { max_credits: 1 });
    expect((await worker.post(`/v1/tasks/${task}/report`, { reason: 'Spam' })).status).toBe(201);
    expect(await engine.query(market.url, 'select id from webhook_deliveries')).toEqual([]);
  });

  it.each([
    ['http://ops.example/hook', 'must be an https URL'],
    ['https://127.0.0.1/hook', 'must point to a public host'],
  ])('can not be told at %s unless private networks are allowed', async (url, problem) => {
    const { config } = readConfig({ PINCHWORK_DATABASE_URL: ':none:', PINCHWORK_OPERATOR_WEBHOOK_URL: url });
    await expect(compose(config)).rejects.toThrow(`PINCHWORK_OPERATOR_WEBHOOK_URL ${problem}`);
  });
});
