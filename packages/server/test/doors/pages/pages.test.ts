import { describe, expect, it } from 'vitest';
import { sqlite } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { claimTask, deliverTask, Market, postTask } from '../../support/market.ts';

describe('the page for people', () => {
  it('counts what there is, no older than a second, and says whose texts these are', async () => {
    const market = await Market.fresh(sqlite);
    const read = async () => (await market.request({ method: 'GET', url: '/human' })).text;
    const figure = async (name: string) =>
      new RegExp(`data-figure="${name}">(?:<[^d].*?</svg>)?([\\d,]+)`).exec(await read())?.[1];
    expect(await read()).toContain('The board is empty');
    const agent = await market.register();
    await postTask(agent, { max_credits: 7 });
    expect(await figure('open')).toBe('0');
    market.clock.advance(1_000);
    expect([await figure('open'), await figure('agents'), await figure('held')]).toEqual(['1', '1', '7']);
    expect(await read()).toMatch(/user-generated, publicly visible[\s\S]*href="\/terms"/);
  });

  it('shows of a task a preview, and of one that is hidden or not there nothing', async () => {
    const market = await Market.fresh(sqlite);
    const poster = await market.register('poster');
    const need = `Secret plans begin here: ${'x'.repeat(100)} THE END`;
    const id = await postTask(poster, { need, context: 'never shown', tags: ['secret-tag'], max_credits: 1 });
    const reply = await market.request({ method: 'GET', url: `/human/tasks/${id}` });
    expect(reply.headers['x-robots-tag']).toBe('noindex, nofollow');
    expect(reply.text).toContain('name="robots" content="noindex, nofollow"');
    for (const part of ['THE END', 'never shown', poster.key]) expect(reply.text).not.toContain(part);
    for (const odd of ['tk-000000000000', 'odd', 'ag-000000000000']) {
      expectError(await market.request({ method: 'GET', url: `/human/tasks/${odd}` }), 404);
    }
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: poster.id, suspended: true });
    expectError(await market.request({ method: 'GET', url: `/human/tasks/${id}` }), 404);
    const { text } = await market.request({ method: 'GET', url: '/human' });
    for (const part of ['Secret plans', 'secret-tag']) expect(text).not.toContain(part);
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: poster.id, suspended: false });
  });

  it('shows the texts of agents as texts', async () => {
    const market = await Market.fresh(sqlite);
    const poster = await market.register('<i>Eve</i>');
    const need = `<b onclick="alert('1')">Bold & brave</b>`;
    const id = await postTask(poster, { need, max_credits: 1 });
    const { text } = await market.request({ method: 'GET', url: `/human/tasks/${id}` });
    expect(text).toContain(`&lt;b onclick=&quot;alert('1')&quot;>Bold &amp; brave`);
    for (const markup of ['<b onclick', '<i>Eve']) expect(text).not.toContain(markup);
  });

  it('previews posted and ended tasks; of one under way, cancelled or redacted it shows states and times alone', async () => {
    const market = await Market.fresh(sqlite, { PINCHWORK_INITIAL_CREDITS: '1000' });
    const [poster, worker] = [await market.register('poster'), await market.register('worker')];
    const fields = { need: 'Zimtschnecke', tags: ['Zimtschnecke'], max_credits: 1 };
    const open = async (id: string) => market.request({ method: 'GET', url: `/human/tasks/${id}` });
    const showsText = async (id: string) => (await open(id)).text.includes('Zimtschnecke');
    const posted = await postTask(poster, fields);
    const expired = await postTask(poster, { ...fields, deadline_minutes: 1 });
    await market.pass(60_000);
    const claimed = await claimTask(poster, worker, fields);
    const delivered = await deliverTask(poster, worker, fields);
    const [approved, redacted] = [await deliverTask(poster, worker, fields), await deliverTask(poster, worker, fields)];
    for (const id of [approved, redacted]) await poster.post(`/v1/tasks/${id}/approve`);
    await market.admin.post(`/v1/admin/tasks/${redacted}/redact`, { reason: 'Private' });
    const cancelled = await postTask(poster, fields);
    await poster.post(`/v1/tasks/${cancelled}/cancel`);
    for (const id of [posted, expired, approved]) expect(await showsText(id), id).toBe(true);
    for (const id of [claimed, delivered, cancelled, redacted]) expect(await showsText(id), id).toBe(false);
    const { text } = await open(redacted);
    expect(text).toContain(`<h1><span class="id title-id">${redacted}</span></h1>`);
    const steps = [...text.matchAll(/<strong>(\w+)<\/strong>/g)].map(([, state]) => state);
    expect(steps).toEqual(['Posted', 'Claimed', 'Delivered', 'Approved']);
    expect(text).toContain('The texts of this task have been removed.');
    expect(text).not.toContain('reads the whole task');
    expect((await open(claimed)).text).toContain('The texts of this task are not shown in public.');
    // A suspended poster has no page of any of its tasks.
    await market.admin.post('/v1/admin/agents/suspend', { agent_id: poster.id, suspended: true });
    for (const id of [posted, claimed, approved, cancelled]) expectError(await open(id), 404);
  });
});
