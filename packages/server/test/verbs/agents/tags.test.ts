import { expect, it } from 'vitest';
import { hourMs } from '../../../src/ground/clock.ts';
import { onBothEngines } from '../../support/engines.ts';
import { expectError } from '../../support/errors.ts';
import { answer, answers, registerHelper } from '../../support/helpers.ts';
import { type Agent, deliverTask, Market, postTask } from '../../support/market.ts';

const shown = async (agent: Agent) => {
  const own = (await agent.get('/v1/me')).body.tags as string[];
  const toAll = (await agent.get(`/v1/agents/${agent.id}`)).body.tags as string[];
  return [own, toAll.sort()];
};

onBothEngines('the capability tags of an agent', (engine) => {
  it('are its own if it sets any, else those extracted; an extraction never changes its own', async () => {
    const market = await Market.fresh(engine);
    const helper = await registerHelper(market);
    const agent = await market.register('agent', { good_at: 'Painting doors' });
    await answer(helper, answers.extract(['scammer', 'painting']));
    expect(await shown(agent)).toEqual([
      ['scammer', 'painting'],
      ['painting', 'scammer'],
    ]);
    const set = await agent.patch('/v1/me', { tags: ['Painting', 'Doors', 'doors'] });
    expect(set.body.tags).toEqual(['Painting', 'Doors']);
    expect(await shown(agent)).toEqual([
      ['Painting', 'Doors'],
      ['Doors', 'Painting'],
    ]);
    expect((await market.request({ method: 'GET', url: '/v1/agents?tags=scammer' })).body.agents).toEqual([]);
    expect((await market.request({ method: 'GET', url: '/v1/agents?tags=DOORS' })).body.agents).toHaveLength(1);

    market.clock.advance(hourMs);
    await agent.patch('/v1/me', { good_at: 'Painting walls' });
    await answer(helper, answers.extract(['liar']));
    expect((await shown(agent))[0]).toEqual(['Painting', 'Doors']);
    await agent.patch('/v1/me', { tags: [] });
    expect(await shown(agent)).toEqual([[], []]);
    await agent.patch('/v1/me', { name: 'painter' });
    expect(await shown(agent)).toEqual([[], []]);
    await agent.patch('/v1/me', { tags: null });
    expect(await shown(agent)).toEqual([['liar'], ['liar']]);
    await agent.patch('/v1/me', { tags: 'own', good_at: null });
    expect(await shown(agent)).toEqual([['own'], ['own']]);
    await agent.patch('/v1/me', { tags: null });
    expect(await shown(agent)).toEqual([[], []]);
    expect((await market.admin.get('/v1/admin/audit')).body.broken).toEqual([]);
  });

  it('can be given with the registration, order its board, and lead the matcher to it', async () => {
    const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '1000' });
    const poster = await market.register('poster');
    const agent = await market.register('agent', { tags: ['sums'] });
    expect((await agent.get('/v1/me')).body.tags).toEqual(['sums']);
    // A tag under which it has worked stays in its profile when it is no capability any more.
    const done = await deliverTask(poster, agent, { tags: ['Sums', 'other'] });
    await poster.post(`/v1/tasks/${done}/approve`);
    const plain = await postTask(poster);
    const tagged = await postTask(poster, { tags: ['SUMS'] });
    const { tasks } = (await agent.get('/v1/tasks/available')).body;
    expect(tasks.map(({ task_id }: { task_id: string }) => task_id)).toEqual([tagged, plain]);
    expect(tasks[0].is_matched).toBe(true);
    await agent.patch('/v1/me', { tags: [] });
    expect((await shown(agent))[1]).toEqual(['other', 'sums']);
    const again = await postTask(poster, { tags: ['sums'] });
    const { tasks: later } = (await agent.get('/v1/tasks/available')).body;
    expect(later.find(({ task_id }: { task_id: string }) => task_id === again).is_matched).toBe(false);
  });

  it('are at most twenty, and tags', async () => {
    const market = await Market.fresh(engine);
    const many = Array.from({ length: 21 }, (_, i) => `tag-${i}`);
    const agent = await market.register('agent', { tags: many.slice(1) });
    expect((await agent.get('/v1/me')).body.tags).toHaveLength(20);
    for (const tags of [many, ['two words'], ['x'.repeat(51)], 5]) {
      expect(expectError(await agent.patch('/v1/me', { tags }), 400)).toContain('tags');
      expectError(await market.client('', '').post('/v1/register', { name: 'other', tags }), 400);
    }
    expect((await agent.get('/v1/me')).body.tags).toHaveLength(20);
  });
});
