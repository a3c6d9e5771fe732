import { hourMs } from '../../ground/clock.ts';
import type { Ground } from '../../storage/ground.ts';
import type { Tx } from '../../storage/database.ts';
import { prepared } from '../../storage/prepared.ts';

const dayMs = 24 * hourMs;
/** Agents whose oldest event one step looks at, and events that it deletes. */
const agentsPerStep = 500;
const eventsPerStep = 500;
/** Steps in a row that find nothing to delete; then the walk goes on after the pause. */
const mostIdleSteps = 20;

/** The agents behind an id who have had events, with how old their oldest is: one look-up each, of however many events. */
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
 * Forgets events after the time that they are kept. They go from the front of each agent's stream, so that what is left
 * is numbered without gaps: an event whose time says that it is old stays as long as one before it does (times come from
 * several servers, numbers from the database). It walks over the agents, a few at each step, so no index by age is needed,
 * which every event would have to be entered into. Several servers may walk at once: they delete the same.
 */
export class Retention {
  readonly #ctx: Pick<Ground, 'config' | 'db' | 'clock'>;
  /** How far the walk has come. */
  #after = '';
  #idleSteps = 0;

  constructor(ctx: Pick<Ground, 'config' | 'db' | 'clock'>) {
    this.#ctx = ctx;
  }

  /** Takes one step. @returns whether to go on at once. */
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
    this.#after = isRound ? '' : agents.at(-1)!.agent_id;
    this.#idleSteps = due.length > 0 ? 0 : this.#idleSteps + 1;
    if (!isRound && this.#idleSteps < mostIdleSteps) return true;
    this.#idleSteps = 0;
    return false;
  }
}

/**
 * Deletes what is old at the front of these agents' streams, as much as fits into a step. Takes them in the order of their
 * ids, as everybody does.
 *
 * @returns the agent that it did not come to the end of.
 */
async function prune(tx: Tx, agents: readonly { agent_id: string }[], before: number): Promise<string | undefined> {
  let left = eventsPerStep;
  for (const { agent_id } of agents) {
    const front = await tx.all(frontOf, { agent_id, limit: left });
    const young = front.findIndex(({ created_at }) => created_at >= before);
    const old = young === -1 ? front : front.slice(0, young);
    if (old.length > 0) tx.send(deleteUpto, { agent_id, upto: old.at(-1)!.number });
    left -= old.length;
    if (left === 0) return agent_id;
  }
  return undefined;
}
