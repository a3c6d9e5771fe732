import { expect } from 'vitest';
import { minuteMs } from '../../src/ground/clock.ts';
import type { Engine } from './engines.ts';
import { type Agent, Market } from './market.ts';

interface Found {
  readonly needs: string[];
  readonly pages: number;
  readonly partial: number;
}

/** Reads all pages of a search. */
export async function find(agent: Agent, search: string, limit = 20, offset = 0): Promise<Found> {
  const needs: string[] = [];
  for (let pages = 1, partial = 0, from = `offset=${offset}`; ; pages++) {
    const query = `search=${encodeURIComponent(search)}&limit=${limit}&${from}`;
    const { status, body } = await agent.get(`/v1/tasks/available?${query}`);
    expect(status).toBe(200);
    needs.push(...body.tasks.map(({ need }: { need: string }) => need));
    if (body.search_partial === true) partial++;
    if (body.next_cursor === null) return { needs, pages, partial };
    // A page that is not full but has a cursor must say why.
    if (body.tasks.length < limit) expect(body).toMatchObject({ search_partial: true, total_capped: true });
    from = `cursor=${body.next_cursor}`;
  }
}

export async function openBoard(engine: Engine) {
  const market = await Market.fresh(engine, { PINCHWORK_INITIAL_CREDITS: '10000' });
  return { market, poster: await market.register('poster'), worker: await market.register('worker') };
}

/** Brings the search index up to date. */
export async function settle({ clock, ctx }: Market): Promise<void> {
  clock.advance(minuteMs);
  await ctx.search.run();
}

export const docs = async (engine: Engine, { url }: Market): Promise<string[]> =>
  (await engine.query(url, 'select task_id from search_texts order by doc')).map(({ task_id }) => String(task_id));

/** More tasks than a search reads without the index. */
export const many = 1_100;
