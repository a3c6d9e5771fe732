import { expect, it } from 'vitest';
import { hourMs, minuteMs } from '../../../src/ground/clock.ts';
import { onBothEngines } from '../../support/engines.ts';
import { generous, nameHelper } from '../../support/helpers.ts';
import { type Agent, claimTask, deadWebhook, deliverTask, Market, postTask, type Reply } from '../../support/market.ts';
import { readTables } from '../../support/tables.ts';

/** How often each race is run: each time one of the two has a longer head start, in turn. */
const races = 8;
const settings = { ...generous, PINCHWORK_WEBHOOK_ALLOW_PRIVATE_NETWORKS: 'true' };

type Act = () => Promise<Reply>;

/** Sends two requests. One has a head start of `index` turns of the event loop: the second one if `index` is odd. */
async function clash(index: number, one: Act, other: Act): Promise<[Reply, Reply]> {
  const isOdd = index % 2 === 1;
  const begun = isOdd ? other() : one();
  for (let turn = 0; turn < index; turn++) await new Promise(setImmediate);
  const [first, second] = await Promise.all([begun, isOdd ? one() : other()]);
  return isOdd ? [second, first] : [first, second];
}

/** The tables that hold a word. */
async function tablesWith(market: Market, word: string): Promise<string[]> {
  const tables = Object.entries(await readTables(market.url));
  return tables.flatMap(([name, rows]) => (JSON.stringify(rows).includes(word) ? [name] : []));
}

const expectCleanAudit = async (market: Market) => expect((await market.ctx.audit()).broken).toEqual([]);

let keys = 0;
const once = () => ({ 'idempotency-key': `race ${++keys}` });

interface Parties {
  readonly market: Market;
  readonly poster: Agent;
  readonly worker: Agent;
}

/** What happens to a task while it is redacted: how it comes about, and the request. */
const rivalsOfRedaction: Record<string, readonly ['claimed' | 'delivered', (parties: Parties, id: string) => Act]> = {
  'its delivery': [
    'claimed',
    ({ worker }, id) =>
      () =>
        worker.post(`/v1/tasks/${id}/deliver`, { result: 'LATE result' }, once()),
  ],
  'its approval': [
    'delivered',
    ({ poster }, id) =>
      () =>
        poster.post(`/v1/tasks/${id}/approve`, { rating: 5, feedback: 'LATE feedback' }, once()),
  ],
  'its rejection': [
    'delivered',
    ({ poster }, id) =>
      () =>
        poster.post(`/v1/tasks/${id}/reject`, { reason: 'LATE reason', feedback: 'LATE feedback' }, once()),
  ],
  'a report': [
    'delivered',
    ({ worker }, id) =>
      () =>
        worker.post(`/v1/tasks/${id}/report`, { reason: 'Rude' }, once()),
  ],
};

onBothEngines('a redaction at the same moment as', (engine) => {
  it.each(Object.entries(rivalsOfRedaction))('%s leaves no text, and both succeed', async (_, [state, rival]) => {
    const market = await Market.fresh(engine, settings);
    const poster = await market.register('poster', { webhook_url: deadWebhook });
    const worker = await market.register('worker', { webhook_url: deadWebhook });
    const fields = { need: 'LATE need', context: 'LATE context', max_credits: 5 };
    for (let i = 0; i < races; i++) {
      const id = await (state === 'claimed' ? claimTask : deliverTask)(poster, worker, fields);
      const redact = () => market.admin.post(`/v1/admin/tasks/${id}/redact`, { reason: 'Private' });
      const replies = await clash(i, redact, rival({ market, poster, worker }, id));
      for (const { status, text } of replies) expect([200, 201], text).toContain(status);
    }
    expect(await tablesWith(market, 'LATE')).toEqual([]);
    await expectCleanAudit(market);
  });
});

/** What happens to an agent while it deletes itself. */
const rivalsOfDeletion: Record<string, (market: Market, agent: Agent, other: Agent) => Promise<Act>> = {
  'its rating of a poster': async (_, agent, other) => {
    const id = await deliverTask(other, agent, { max_credits: 1 });
    await other.post(`/v1/tasks/${id}/approve`);
    return () => agent.post(`/v1/tasks/${id}/rate`, { rating: 5, feedback: 'LATE feedback' });
  },
  'a match that it is told of': ({ ctx }, _, other) =>
    Promise.resolve(async () => {
      const reply = await other.post('/v1/tasks', { need: 'Sing LATE words', max_credits: 1 });
      await ctx.outbox.run();
      await other.post(`/v1/tasks/${reply.body.task_id}/cancel`);
      return reply;
    }),
  'a delivery to its webhook': async ({ ctx }, agent) => {
    await agent.post('/v1/me/webhook/test');
    return () => {
      ctx.webhooks.wake();
      return agent.post('/v1/me/webhook/test');
    };
  },
  'its pickup of a system task': async (market, agent, other) => {
    await agent.patch('/v1/me', { accepts_system_tasks: true });
    await nameHelper(market, agent);
    const id = await postTask(other, { max_credits: 1 });
    return async () => {
      const reply = await agent.post('/v1/tasks/pickup');
      await other.post(`/v1/tasks/${id}/cancel`);
      return reply;
    };
  },
};

onBothEngines('a deletion of an agent at the same moment as', (engine) => {
  it.each(Object.entries(rivalsOfDeletion))('%s leaves nothing to it', async (_, prepare) => {
    const market = await Market.fresh(engine, settings);
    const other = await market.register('other');
    market.ctx.webhooks.start();
    const deleted: string[] = [];
    for (let i = 0; i < races; i++) {
      const agent = await market.register('agent', { good_at: 'Sing words', webhook_url: deadWebhook });
      const rival = await prepare(market, agent, other);
      const [{ status, text }] = await clash(i, () => agent.delete(`/v1/me?confirm=${agent.id}`), rival);
      expect([200, 409], text).toContain(status);
      if (status === 200) deleted.push(agent.id);
    }
    await market.ctx.webhooks.stop();
    for (let i = 0; i < 2; i++) {
      await market.ctx.erasure.run();
      await market.pass(hourMs + minuteMs);
    }
    await market.ctx.erasure.run();
    expect(deleted.length).toBeGreaterThan(0);
    const { agents, reviews, webhook_deliveries, tasks } = await readTables(market.url);
    const ofDeleted = (id: unknown) => deleted.includes(String(id));
    expect(agents!.filter(({ id, erase_due_at: due }) => ofDeleted(id) && due !== null)).toEqual([]);
    expect(reviews!.filter(({ reviewer_id: by, feedback }) => ofDeleted(by) && feedback !== null)).toEqual([]);
    expect(webhook_deliveries!.filter(({ agent_id: of }) => ofDeleted(of))).toEqual([]);
    expect(tasks!.filter(({ worker_id: by, status }) => ofDeleted(by) && status === 'claimed')).toEqual([]);
    await expectCleanAudit(market);
  });
});
