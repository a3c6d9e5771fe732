import { describe, expect, it } from 'vitest';
import type { Part, Terms } from '../../../src/rules/limits/part.ts';
import { nobody, Share } from '../../../src/rules/limits/share.ts';

/** Takes parts that can be cut, and records the names of those that are. */
function users(share: Share) {
  const cut: string[] = [];
  const take = (holder: string, amount: number, name = holder, terms: Terms = {}): Part | undefined =>
    share.take(holder, amount, { cut: () => cut.push(name), ...terms });
  return { cut, take };
}

describe('a share', () => {
  it('is given to every holder that asks while there is room, also all of it to one holder', () => {
    const share = new Share({ most: 10 });
    const parts = [share.take('a', 4), share.take('a', 6)];
    expect(share.used).toBe(10);
    expect(share.largest).toBe(10);
    parts[0]!.release();
    parts[0]!.release();
    expect(share.used).toBe(6);
    expect(share.take('b', 4)).toBeDefined();
  });

  it('takes from the largest holder for one that has less, its oldest part first, and no more than needed', () => {
    const share = new Share({ most: 10 });
    const { cut, take } = users(share);
    for (const name of ['a1', 'a2', 'a3']) take('a', 2, name);
    take('b', 4);
    expect(take('c', 3)).toBeDefined();
    expect(cut).toEqual(['a1', 'a2']);
    expect(share).toMatchObject({ used: 9, cut: 2, refused: 0 });
  });

  it('refuses the largest holder, and a holder that would become the largest', () => {
    const share = new Share({ most: 10 });
    const { cut, take } = users(share);
    take('a', 6);
    take('b', 4);
    expect(take('a', 1)).toBeUndefined();
    expect(take('c', 6)).toBeUndefined();
    expect(cut).toEqual([]);
    expect(share).toMatchObject({ used: 10, refused: 2 });
  });

  it('refuses one of a crowd of equal holders without a look at all of them', () => {
    const share = new Share({ most: 3 });
    let looks = 0;
    for (const holder of ['a', 'b', 'c']) share.take(holder, 1, { cut: () => undefined, isIdle: () => ++looks > 0 });
    expect(share.take('d', 1)).toBeUndefined();
    expect(looks).toBe(0);
  });

  it('cuts idle parts of the largest holder before its others', () => {
    const share = new Share({ most: 4 });
    const { cut, take } = users(share);
    take('a', 1, 'busy');
    take('a', 1, 'idle', { isIdle: () => true });
    take('a', 2, 'large');
    take('b', 1);
    expect(cut).toEqual(['idle']);
  });

  it('passes over parts that can’t be cut, and takes from the next holder', () => {
    const share = new Share({ most: 10 });
    const { cut, take } = users(share);
    take('a', 6)!.keep();
    take('b', 4);
    expect(take('c', 2)).toBeDefined();
    expect(cut).toEqual(['b']);
    expect(take('d', 5)).toBeUndefined();
  });

  it('never takes from nobody, whom nothing can be held against', () => {
    const share = new Share({ most: 10 });
    const { cut, take } = users(share);
    take(nobody, 9);
    take('a', 1);
    expect(take('b', 1)).toBeUndefined();
    expect(share.largest).toBe(1);
    expect(cut).toEqual([]);
    take(nobody, 1);
    expect(cut).toEqual([]);
    const other = new Share({ most: 4 });
    const users2 = users(other);
    users2.take(nobody, 2);
    users2.take('a', 2);
    expect(users2.take(nobody, 1)).toBeDefined();
    expect(users2.cut).toEqual(['a']);
  });

  it('that replaces gives a newcomer the oldest part of the largest holder, which may be itself', () => {
    const share = new Share({ most: 3, toLargest: 'replace' });
    const { cut, take } = users(share);
    take('a', 1, 'a1');
    take('a', 1, 'a2');
    take('b', 1);
    expect(take('a', 1, 'a3')).toBeDefined();
    expect(take('b', 1, 'b2')).toBeDefined();
    expect(cut).toEqual(['a1', 'b']);
  });

  it('that replaces takes from an equal holder only what is idle', () => {
    const share = new Share({ most: 2, toLargest: 'replace' });
    const { cut, take } = users(share);
    take('a', 1);
    take('b', 1, 'b', { isIdle: () => true });
    expect(take('c', 1)).toBeDefined();
    expect(take('d', 1)).toBeUndefined();
    expect(cut).toEqual(['b']);
  });
});

describe('a part', () => {
  it('grows while there is room or a larger holder, and stays as it is when refused', () => {
    const share = new Share({ most: 10 });
    const { cut, take } = users(share);
    const small = take('a', 1)!;
    take('b', 8);
    expect(small.grow(1)).toBe(true);
    expect(small.grow(1)).toBe(true);
    expect(cut).toEqual(['b']);
    expect(small.grow(8)).toBe(false);
    expect(small.amount).toBe(3);
    small.shrink(2);
    expect(share.used).toBe(1);
  });

  it('that was cut has gone, and can’t grow', () => {
    const share = new Share({ most: 4 });
    const { take } = users(share);
    const large = take('a', 4)!;
    take('b', 1);
    expect(large.grow(1)).toBe(false);
    large.release();
    expect(share.used).toBe(1);
  });

  it('counts for the holder that it is passed to', () => {
    const share = new Share({ most: 4 });
    const { cut, take } = users(share);
    const parts = ['1', '2', '3'].map((name) => take('address', 1, name)!);
    parts[0]!.passTo('agent');
    expect([share.heldBy('address'), share.heldBy('agent')]).toEqual([2, 1]);
    take('other', 1);
    expect(take('new', 1)).toBeDefined();
    expect(cut).toEqual(['2']);
  });
});

describe('a holder that waits', () => {
  const turns = async (share: Share, asked: readonly string[]) => {
    const served: string[] = [];
    const first = await share.wait('first');
    const parts: Part[] = [];
    for (const holder of asked) {
      void share.wait(holder).then((part) => {
        served.push(holder);
        parts.push(part);
      });
    }
    first.release();
    for (let i = 0; i < asked.length; i++) {
      await new Promise(setImmediate);
      parts[i]?.release();
    }
    return served;
  };

  it('is served in turn by holder, not by arrival', async () => {
    const share = new Share({ most: 1, mostWaiting: 10 });
    expect(await turns(share, ['a', 'a', 'a', 'b', 'c', 'b'])).toEqual(['a', 'b', 'c', 'a', 'b', 'a']);
    expect(share).toMatchObject({ used: 0, waiting: 0 });
  });

  it('is served first if it has the least', async () => {
    const share = new Share({ most: 2, mostWaiting: 10 });
    const [one, two] = [await share.wait('a'), await share.wait('a')];
    const served: string[] = [];
    for (const holder of ['a', 'b']) void share.wait(holder).then(() => served.push(holder));
    one.release();
    await new Promise(setImmediate);
    expect(served).toEqual(['b']);
    two.release();
    await new Promise(setImmediate);
    expect(served).toEqual(['b', 'a']);
  });

  it('is refused when too many wait, and the newest of the holder with most of them first', async () => {
    const share = new Share({ most: 1, mostWaiting: 3 });
    await share.wait('a');
    const refused: string[] = [];
    const wait = (name: string, holder: string) => void share.wait(holder).catch(() => refused.push(name));
    for (const name of ['a1', 'a2', 'a3']) wait(name, 'a');
    wait('b1', 'b');
    wait('a4', 'a');
    wait('c1', 'c');
    await new Promise(setImmediate);
    expect(refused.sort()).toEqual(['a2', 'a3', 'a4']);
    expect(share).toMatchObject({ waiting: 3, refused: 3 });
  });
});
