import { hourMs } from '../../ground/clock.ts';
import { at } from '../../ground/present.ts';
import type { Ground } from '../../storage/ground.ts';
import type { Tx } from '../../storage/database.ts';
import { prepared } from '../../storage/prepared.ts';

const dayMs = 24 * hourMs;
/** One step reads the oldest event of at most this many agents, and deletes at most this many events. */
const agentsPerStep = 500;
const eventsPerStep = 500;
/** After this many steps in a row that delete nothing, the walk pauses. */
const mostIdleSteps = 20;

/** The next agents with an event cursor, each with the time of its oldest event: one index look-up per agent. */
const oldestEvents = prepared('oldestEvents', (db, p: { after: string; limit: number }) =>
  db
    .selectFrom('event_cursors as c')
    .select((eb) => [
      'c.agent_id',
      eb
        .selectFrom('events as e')
        .select('e.created_at')
        .whereRef('e.agent_id', '=', 'c.agent_id')
        .orderBy('e.number')
        .limit(1)
        .as('created_at'),
    ])
    .where('c.agent_id', '>', p.after)
    .orderBy('c.agent_id')
    .limit(p.limit),
);

const frontOf = prepared('frontOf', (db, p: { agent_id: string; limit: number }) =>
  db
    .selectFrom('events')
    .select(['number', 'created_at'])
    .where('agent_id', '=', p.agent_id)
    .orderBy('number')
    .limit(p.limit),
);

const deleteUpto = prepared('deleteEvents', (db, p: { agent_id: string; upto: number }) =>
  db.deleteFrom('events').where('agent_id', '=', p.agent_id).where('number', '<=', p.upto),
);

/**
 * Deletes events older than `eventRetentionDays`. It deletes only from the front of each stream, so that the rest is
 * numbered without gaps. An old event is kept as long as a younger one stands before it (times come from several
 * servers, numbers from the database).
 *
 * It walks over all agents, some per step, so that no index by age is needed, which every insert would have to
 * update. Several servers may walk at the same time: they delete the same events.
 */
export class Retention {
  readonly #ctx: Pick<Ground, 'config' | 'db' | 'clock'>;
  /** The last agent of the walk so far. */
  #after = '';
  #idleSteps = 0;

  constructor(ctx: Pick<Ground, 'config' | 'db' | 'clock'>) {
    this.#ctx = ctx;
  }

  /** Takes one step. @returns whether to take the next one at once. */
  async step(): Promise<boolean> {
    const { db, clock, config } = this.#ctx;
    const before = clock.now() - config.eventRetentionDays * dayMs;
    const agents = await db.all(oldestEvents, { after: this.#after, limit: agentsPerStep });
    const due = agents.filter(({ created_at }) => created_at !== null && created_at < before);
    const unfinished = due.length === 0 ? undefined : await db.transact('prune events', (tx) => prune(tx, due, before));
    if (unfinished !== undefined) {
      this.#after = agents[agents.findIndex(({ agent_id }) => agent_id === unfinished) - 1]?.agent_id ?? this.#after;
      return true;
    }
    const isRound = agents.length < agentsPerStep;
    this.#after = isRound ? '' : at(agents, -1).agent_id;
    this.#idleSteps = due.length > 0 ? 0 : this.#idleSteps + 1;
    if (!isRound && this.#idleSteps < mostIdleSteps) return true;
    this.#idleSteps = 0;
    return false;
  }
}

/**
 * Deletes old events from the front of these agents' streams, at most `eventsPerStep`, in the order of the agents' ids.
 *
 * @returns the agent whose stream may have more old events; undefined if all are done.
 */
async function prune(tx: Tx, agents: readonly { agent_id: string }[], before: number): Promise<string | undefined> {
  let left = eventsPerStep;
  for (const { agent_id } of agents) {
    const front = await tx.all(frontOf, { agent_id, limit: left });
    const young = front.findIndex(({ created_at }) => created_at >= before);
    const old = young === -1 ? front : front.slice(0, young);
    if (old.length > 0) tx.send(deleteUpto, { agent_id, upto: at(old, -1).number });
    left -= old.length;
    if (left === 0) return agent_id;
  }
  return undefined;
}
