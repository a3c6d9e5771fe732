import { performance } from 'node:perf_hooks';
import { expectStatus, fieldsOf, taskIdOf } from '../http.ts';
import { Requests } from './requests.ts';
import type { Speaker, World } from './world.ts';

/** Many workers that claim the next task at the same time. */
export interface Crowd {
  readonly claimsPerSecond: number;
  /** The same workers, each claiming a given task. */
  readonly byIdPerSecond: number;
  /** Tasks that two workers got, and empty replies while the board had tasks. */
  readonly takenTwice: number;
  readonly emptyHanded: number;
}

/** The total number of claims. A board with fewer tasks is claimed until it is empty. */
const mostClaims = 2_000;

/** @param tasks how many are on the board. */
export async function measureCrowd(url: URL, { workers }: World, tasks: number): Promise<Crowd> {
  const lanes = await Promise.all(workers.map(async (worker) => ({ worker, requests: await Requests.open(url) })));
  const wanted = Math.min(tasks, mostClaims);
  const taken: Taken[] = [];
  let emptyHanded = 0;
  const claimNext = async (lane: Lane): Promise<boolean> => {
    const reply = expectStatus(await lane.requests.post('/v1/tasks/pickup', lane.worker), 200, 204);
    if (reply.status === 200) taken.push({ lane, id: taskIdOf(reply) });
    // Each of the others may have a claim under way.
    else if (tasks - taken.length >= workers.length) emptyHanded++;
    return reply.status === 200 && taken.length < wanted;
  };
  const claimsPerSecond = await rateOf(lanes, () => taken.length, claimNext);
  const different = new Set(taken.map(({ id }) => id)).size;
  if (tasks <= mostClaims && different < tasks) emptyHanded++;
  await giveBack(taken);

  const left = await listed(lanes[0]!, wanted);
  let claimed = 0;
  const byIdPerSecond = await rateOf(
    lanes,
    () => claimed,
    async ({ worker, requests }) => {
      const id = left.pop();
      if (id === undefined) return false;
      expectStatus(await requests.post(`/v1/tasks/${id}/pickup`, worker), 200);
      claimed++;
      return true;
    },
  );
  for (const { requests } of lanes) requests.close();
  return { claimsPerSecond, byIdPerSecond, takenTwice: taken.length - different, emptyHanded };
}

interface Lane {
  readonly worker: Speaker;
  readonly requests: Requests;
}

interface Taken {
  readonly lane: Lane;
  readonly id: string;
}

/** Runs every lane until it reports that it is done. */
async function rateOf(lanes: readonly Lane[], count: () => number, work: (lane: Lane) => Promise<boolean>) {
  const startedAt = performance.now();
  await Promise.all(
    lanes.map(async (lane) => {
      while (await work(lane));
    }),
  );
  return (count() * 1_000) / (performance.now() - startedAt);
}

async function giveBack(taken: readonly Taken[]): Promise<void> {
  const lanes = Map.groupBy(taken, ({ lane }) => lane);
  await Promise.all(
    [...lanes].map(async ([{ worker, requests }, own]) => {
      for (const { id } of own) expectStatus(await requests.post(`/v1/tasks/${id}/abandon`, worker), 200, 403, 409);
    }),
  );
}

async function listed({ worker, requests }: Lane, wanted: number): Promise<string[]> {
  const ids: string[] = [];
  for (let cursor = ''; ids.length < wanted;) {
    const fields = fieldsOf(
      expectStatus(await requests.get(`/v1/tasks/available?limit=100${cursor && `&cursor=${cursor}`}`, worker), 200),
    ) as { tasks: { task_id: string }[]; next_cursor: string | null };
    ids.push(...fields.tasks.map(({ task_id }) => task_id));
    if (fields.next_cursor === null) break;
    cursor = fields.next_cursor;
  }
  return ids;
}
