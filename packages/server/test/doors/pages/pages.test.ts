import { describe, expect, it } from 'vitest';
import { sqlite } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { Market, postTask } from '../../support/market.ts';

describe('the page for people', () => {
  it('counts what there is, no older than a minute, and says whose texts these are', async () => {
    const market = await Market.fresh(sqlite);
    const read = async () => (await market.request({ method: 'GET', url: '/human' })).text;
    expect(await read()).toContain('The board is empty.');
    const agent = await market.register();
    await postTask(agent, { max_credits: 1 });
    expect(await read()).toContain('<dd>0</dd>');
    market.clock.advance(60_000);
    expect((await read()).match(/<dd>1<\/dd>/g)).toHaveLength(2);
    expect(await read()).toMatch(/user-generated and publicly visible[\s\S]*href="\/terms"/);
  });

  it('shows of a task a preview, and of one that is hidden or not there nothing', async () => {
    const market = await Market.fresh(sqlite);
    const poster = await market.register('poster');
    const need = `Secret plans begin here: ${'x'.repeat(100)} THE END`;
    const id = await postTask(poster, { need, context: 'never shown', max_credits: 1 });
    const reply = await market.request({ method: 'GET', url: `/human/tasks/${id}` });
    expect(reply.headers['x-robots-tag']).toBe('noindex');
    expect(reply.text).toContain('name="robots" content="noindex"');
    for (const part of ['THE END', 'never shown', poster.key]) expect(reply.text).not.toContain(part);
    for (const odd of ['tk-000000000000', 'odd', 'ag-000000000000']) {
      expectError(await market.request({ method: 'GET', url: `/human/tasks/${odd}` }), 404);
    }
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: poster.id, suspended: true });
    expectError(await market.request({ method: 'GET', url: `/human/tasks/${id}` }), 404);
    expect((await market.request({ method: 'GET', url: '/human' })).text).toContain('The board is empty.');
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: poster.id, suspended: false });
  });
});
