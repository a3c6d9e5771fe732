import { sql } from 'kysely';
import { hourMs, minuteMs } from '../../ground/clock.ts';
import type { Reader } from '../../storage/database.ts';
import { prepared } from '../../storage/prepared.ts';

/**
 * The tasks that an agent gave up, or lost to the clock: for a day they come last on its board, and for ten minutes no
 * pickup of the next task gives it one (contract section 3).
 */

/** How long a task that an agent gave up comes last on its board, and is not given out to it by a pickup of the next. */
export const lastForMs = 24 * hourMs;
const notAgainForMs = 10 * minuteMs;
/** The most of these tasks that are set back; the newest. */
const mostGivenUp = 100;

/**
 * Notes that an agent gave a claim up, or lost it. If it counts, at the `most`-th the agent may not pick up until
 * `until`, and the count restarts at 0.
 */
export const noteGivingUp = prepared(
  'noteGivingUp',
  (db, p: { id: string; counts: number; most: number; until: number; now: number }) =>
    db
      .updateTable('agents')
      .set({
        abandons: sql<number>`case when abandons + ${p.counts} >= ${p.most} then 0 else abandons + ${p.counts} end`,
        pickups_paused_until: sql<number>`case when abandons + ${p.counts} >= ${p.most} then ${p.until} else pickups_paused_until end`,
        gave_up_at: p.now,
      })
      .where('id', '=', p.id),
);

/** Sets a task back on an agent's board. The caller has locked the agent's row. */
export const setTaskBack = prepared('setTaskBack', (db, p: { agent_id: string; task_id: string; at: number }) =>
  db
    .insertInto('given_up')
    .values({ agent_id: p.agent_id, task_id: p.task_id, at: p.at })
    .onConflict((conflict) => conflict.columns(['agent_id', 'task_id']).doUpdateSet({ at: p.at })),
);

/** The tasks that an agent gave up, or lost, since a time, newest first. */
const givenUpSince = prepared('givenUpSince', (db, p: { agent: string; since: number; limit: number }) =>
  db
    .selectFrom('given_up')
    .select(['task_id', 'at'])
    .where('agent_id', '=', p.agent)
    .where('at', '>', p.since)
    .orderBy('at', 'desc')
    .limit(p.limit),
);

/** The tasks that are set back on an agent's board. */
export interface SetBack {
  /** These come last. */
  readonly last: readonly string[];
  /** These do not come at all. */
  readonly notNow: ReadonlySet<string>;
}

export const nothingSetBack: SetBack = { last: [], notNow: new Set() };

/** What is set back on an agent's board while it browses. */
export async function setBackWhileBrowsing(reader: Reader, agent: string, now: number): Promise<SetBack> {
  const rows = await readGivenUp(reader, agent, now);
  return rows.length === 0 ? nothingSetBack : { last: rows.map(({ task_id }) => task_id), notNow: new Set() };
}

/**
 * What is set back when an agent picks up the next task.
 *
 * @param gaveUpAt when it last gave a claim up; without one of the last day, nothing is read.
 */
export async function setBackForPickup(
  reader: Reader,
  { agent, gaveUpAt }: { agent: string; gaveUpAt: number | null },
  now: number,
): Promise<SetBack> {
  if (gaveUpAt === null || gaveUpAt <= now - lastForMs) return nothingSetBack;
  const rows = await readGivenUp(reader, agent, now);
  const isRecent = ({ at }: { at: number }) => at > now - notAgainForMs;
  return {
    last: rows.filter((row) => !isRecent(row)).map(({ task_id }) => task_id),
    notNow: new Set(rows.filter(isRecent).map(({ task_id }) => task_id)),
  };
}

const readGivenUp = (reader: Reader, agent: string, now: number) =>
  reader.all(givenUpSince, { agent, since: now - lastForMs, limit: mostGivenUp });
