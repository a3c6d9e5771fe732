import { describe, expect, it } from 'vitest';
import { OpenRequests } from '../../../src/rules/limits/open-requests.ts';
import { Share } from '../../../src/rules/limits/share.ts';
import { type Subscription, TaskWatch } from '../../../src/rules/tasks/watch.ts';

const { signal } = new AbortController();

function watchOf(most: number, perAgent = most) {
  const share = new Share({ most });
  const watch = new TaskWatch(new OpenRequests(share, perAgent));
  const wait = (agentId: string, taskId = 'tk') => {
    const subscription = watch.subscribe({ agentId, keyId: undefined });
    watch.follow(subscription, taskId);
    return subscription;
  };
  return { share, watch, wait };
}

describe('waits', () => {
  it('that end at the same time are answered in many turns of the event loop, in their order', async () => {
    const { watch, wait } = watchOf(1_000);
    const woken: number[] = [];
    const all = Array.from({ length: 200 }, (_, i) =>
      wait(`ag-${i}`)
        .changed(signal)
        .then(() => woken.push(i)),
    );
    watch.wake('tk');
    let turns = 0;
    for (let before = 0; woken.length < 200; turns++) {
      await new Promise(setImmediate);
      expect(woken.length - before).toBeLessThan(100);
      before = woken.length;
    }
    await Promise.all(all);
    expect(turns).toBeGreaterThan(3);
    expect(woken).toEqual(woken.toSorted((a, b) => a - b));
  });

  it('are woken once more when their task changes between the wake and their turn', async () => {
    const { watch, wait } = watchOf(1_000);
    const last = Array.from({ length: 100 }, (_, i) => wait(`ag-${i}`)).at(-1)!;
    const first = last.changed(signal);
    watch.wake('tk');
    watch.wake('tk');
    await first;
    let isWoken = false;
    const second = last.changed(signal).then(() => (isWoken = true));
    await new Promise(setImmediate);
    expect(isWoken).toBe(false);
    watch.wake('tk');
    await second;
  });

  it('of the agent with most of them are answered when another agent needs a place', () => {
    const { share, watch, wait } = watchOf(4);
    const of = (agent: string, count: number): Subscription[] => Array.from({ length: count }, () => wait(agent));
    const many = of('ag-a', 4);
    const [other] = of('ag-b', 1);
    expect([many.map(({ ended }) => ended), other!.ended]).toEqual([[true, false, false, false], false]);
    for (const each of [...many, other!]) each.end();
    expect([share.used, watch.count, [...watch.tasks]]).toEqual([0, 0, []]);
  });

  it('beyond the places of the server are answered at once', () => {
    const { wait } = watchOf(2);
    expect(['ag-a', 'ag-b', 'ag-c'].map((agent) => wait(agent).ended)).toEqual([false, false, true]);
  });
});
