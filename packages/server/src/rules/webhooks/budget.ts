import { hourMs, secondMs } from '../../ground/clock.ts';
import { at } from '../../ground/present.ts';
import type { Tx } from '../../storage/database.ts';
import { prepared } from '../../storage/prepared.ts';

/**
 * The budgets of hosts and addresses (contract section 9): how many requests each gets in a minute, of all servers. A
 * request that has to wait is sent later and has not failed.
 */

/** Requests in any minute to one host or address: of one agent, and of all. */
export const mostOfOne = 60;
export const mostOfAll = 600;
/** The last requests of a minute are for agents that have had less than their share. */
const reserved = 30;

/** Requests are counted by the second, so the window is a second longer than a minute. */
const windowSeconds = 61;
/** Clocks of servers may differ by this much; counts further ahead are from a clock that was set back. */
const toleratedSeconds = 10;
/** The distance of two requests that wait for the same host. */
const spacingMs = (60 * secondMs) / mostOfAll;
/** A queue can not be longer, unless a clock was set back. */
const longestQueueMs = hourMs;

/** How long the counts are kept, and the rows of hosts with their queues. */
export const keptRequestsMs = 2 * windowSeconds * secondMs;
export const keptHostsMs = 2 * longestQueueMs;

/** Locks a host's row, and returns the time that the last request in its queue waits for. */
const holdHost = prepared('holdWebhookHost', (db, p: { host: string; used_at: number }) =>
  db
    .insertInto('webhook_hosts')
    .values({ host: p.host, used_at: p.used_at })
    .onConflict((conflict) => conflict.column('host').doUpdateSet({ used_at: p.used_at }))
    .returning(['host', 'queue_at']),
);

const requestsTo = prepared('webhookRequestsTo', (db, p: { host: string; after: number; upto: number }) =>
  db
    .selectFrom('webhook_requests')
    .select(['agent_id', 'second', 'count'])
    .where('host', '=', p.host)
    .where('second', '>', p.after)
    .where('second', '<=', p.upto)
    .orderBy('second'),
);

const noteRequest = prepared('noteWebhookRequest', (db, p: { host: string; agent_id: string; second: number }) =>
  db
    .insertInto('webhook_requests')
    .values({ host: p.host, agent_id: p.agent_id, second: p.second, count: 1 })
    .onConflict((conflict) =>
      conflict
        .columns(['host', 'second', 'agent_id'])
        .doUpdateSet((eb) => ({ count: eb('webhook_requests.count', '+', 1) })),
    ),
);

const joinQueue = prepared('joinWebhookQueue', (db, p: { host: string; queue_at: number }) =>
  db.updateTable('webhook_hosts').set({ queue_at: p.queue_at }).where('host', '=', p.host),
);

/** Requests of one agent in one second. */
interface Requests {
  readonly agent_id: string;
  readonly second: number;
  readonly count: number;
}

/** When the oldest requests leave the window, so that fewer than `most` are left in it. */
function freeAt(requests: readonly Requests[], most: number): number {
  let excess = requests.reduce((sum, { count }) => sum + count, 0) - most;
  const last = requests.find(({ count }) => (excess -= count) < 0) ?? at(requests, -1);
  return (last.second + windowSeconds) * secondMs;
}

/** Why a request must wait: until a time, or in the queue of the host from that time on. */
interface Wait {
  readonly until: number;
  readonly isQueued: boolean;
}

/**
 * Whether another request of an agent fits into the minute of a host.
 *
 * @param requests those of the last minute, oldest first.
 */
export function waitFor(requests: readonly Requests[], agentId: string): Wait | undefined {
  const own = requests.filter(({ agent_id }) => agent_id === agentId);
  const sum = (some: readonly Requests[]) => some.reduce((all, { count }) => all + count, 0);
  const [mine, all] = [sum(own), sum(requests)];
  if (mine >= mostOfOne) return { until: freeAt(own, mostOfOne), isQueued: false };
  // Room for one agent more, so that the next one finds some at once.
  const agents = new Set(requests.map(({ agent_id }) => agent_id)).add(agentId).size + 1;
  const share = Math.max(1, Math.floor(mostOfAll / agents));
  if (all >= mostOfAll - reserved && mine >= share) return { until: freeAt(own, share), isQueued: false };
  return all >= mostOfAll ? { until: freeAt(requests, mostOfAll), isQueued: true } : undefined;
}

/**
 * Takes the room for one request to each of some hosts and addresses, or for none if one of them is exhausted. Call it
 * after all other locks of the transaction.
 *
 * @returns undefined if the request may be sent; else when to try again, in epoch milliseconds.
 */
export async function takeRequest(
  tx: Tx,
  hosts: readonly string[],
  { agentId, now }: { readonly agentId: string; readonly now: number },
): Promise<number | undefined> {
  const second = Math.floor(now / secondMs);
  const range = { after: second - windowSeconds, upto: second + toleratedSeconds };
  const found = await Promise.all(
    [...hosts].sort().map(async (host) => {
      const [{ queue_at }, requests] = await Promise.all([
        tx.one(holdHost, { host, used_at: now }),
        tx.all(requestsTo, { host, ...range }),
      ]);
      return { host, queueAt: queue_at > now + longestQueueMs ? 0 : queue_at, wait: waitFor(requests, agentId) };
    }),
  );
  const times: number[] = [];
  for (const { host, queueAt, wait } of found) {
    if (wait === undefined) continue;
    // Behind all that wait already.
    const until = Math.max(wait.until, queueAt) + spacingMs;
    times.push(until);
    if (wait.isQueued) tx.send(joinQueue, { host, queue_at: until });
  }
  if (times.length > 0) return Math.max(...times);
  for (const { host } of found) tx.send(noteRequest, { host, agent_id: agentId, second });
  return undefined;
}
