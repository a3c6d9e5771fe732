import { expect, it } from 'vitest';
import { onBothEngines } from '../../support/engines.ts';
import { Market } from '../../support/market.ts';
import { connect, eras } from '../../support/mcp.ts';

onBothEngines('MCP over HTTP', (engine) => {
  it.each(eras)('lets agents hire and work with the client of %s', async (era) => {
    const market = await Market.fresh(engine);
    const [poster, worker] = [await market.register('poster'), await market.register('worker')];
    const [hiring, working] = [await connect(market, poster, era), await connect(market, worker, era)];
    const posted = await hiring.callTool({
      name: 'pinchwork_delegate',
      arguments: { need: 'Count the words', max_credits: 10, tags: ['counting'] },
    });
    expect(posted).toMatchObject({ structuredContent: { status: 'posted', max_credits: 10 } });
    const { task_id } = posted.structuredContent;
    const picked = await working.callTool({ name: 'pinchwork_pickup', arguments: { tags: ['counting'] } });
    expect(picked.structuredContent).toMatchObject({ task_id, need: 'Count the words' });
    const delivered = await working.callTool({ name: 'pinchwork_deliver', arguments: { task_id, result: 'Seven' } });
    expect(delivered.structuredContent).toMatchObject({ status: 'delivered', credits_charged: 10 });
    const approved = await hiring.callTool({ name: 'pinchwork_approve', arguments: { task_id, rating: 5 } });
    expect(approved.structuredContent).toMatchObject({ status: 'approved', result: 'Seven', rating: 5 });
    expect(JSON.parse(approved.content[0]!.text!)).toEqual(approved.structuredContent);
    expect((await market.ctx.audit()).ok).toBe(true);
  });
});
