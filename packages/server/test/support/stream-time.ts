import { Market } from './market.ts';

/** Moves time forward second by second, as the server's loop does. */
export async function passSeconds(market: Market, seconds: number): Promise<void> {
  for (let s = 0; s < seconds; s++) {
    market.ctx.streams.look();
    await new Promise(setImmediate);
  }
}
