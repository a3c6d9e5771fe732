import { expect, it } from 'vitest';
import { oldest, scan } from '../../../src/rules/board/scan.ts';
import { Needle } from '../../../src/rules/search/texts.ts';
import { onBothEngines } from '../../support/engines.ts';
import { Market, postTask } from '../../support/market.ts';

onBothEngines('a search that goes on from where it stopped', (engine) => {
  it('finds every match once, for pages of any size and however early each of its looks ends', async () => {
    const market = await Market.fresh(engine);
    const [poster, worker] = [await market.register('poster'), await market.register('worker')];
    // Each has half of the texts that are read at once.
    const ids: string[] = [];
    for (let i = 0; i < 9; i++) {
      ids.push(await postTask(poster, { need: `${'x'.repeat(30_000)} ${i === 2 ? 'hay' : 'needle'}`, max_credits: 1 }));
    }
    const board = { agent: worker.id, now: market.clock.now() };
    for (const want of [1, 2, 20]) {
      for (const steps of [1, 2, 20]) {
        const found: string[] = [];
        for (let from = oldest; ;) {
          let left = steps;
          const look = { reader: market.ctx.db, board, filter: { tags: [], needle: new Needle('needle') } };
          const { rows, end } = await scan(look, from, want, async () => left-- > 0);
          expect(rows.length).toBeLessThanOrEqual(want);
          found.push(...rows.map(({ id }) => id));
          if (end === null) break;
          from = end;
        }
        expect(found).toEqual(ids.filter((_, i) => i !== 2));
      }
    }
  });
});
