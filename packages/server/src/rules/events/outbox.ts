import type { FannedEventType } from '@pinchwork/sdk/table';
import { type Selectable, sql } from 'kysely';
import { storedFields } from '../../ground/stored.ts';
import { secondMs } from '../../ground/clock.ts';
import { at } from '../../ground/present.ts';
import type { Ground, Work } from '../../storage/ground.ts';
import { SignalledJob } from '../../storage/signalled-job.ts';
import type { Tx } from '../../storage/database.ts';
import { counting, insertion, type Params, perShape, prepared } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';
import { isStorageFailure } from '../../ground/errors.ts';
import { appendEvent, type NewEvent } from './append.ts';

/** Signals the outbox that it has a new row. */
const rowAdded = Symbol('outbox row');

/** The longest time between two looks, for rows that another server left behind. */
const longestSleepMs = secondMs;
/** Agents per transaction. Each agent's event cursor stays locked until the commit. */
const portion = 5;
/** Simultaneous transactions on PostgreSQL, where round trips take longer than the work. */
const tellers = 4;

/** How many rows wait, counted up to a limit. */
export const countWaitingRows = counting('countOutboxRows', (db) => db.selectFrom('outbox').select('id'));

const anyRow = prepared(
  'anyOutboxRow',
  (db, _: Params) => db.selectFrom('outbox').select('id').orderBy('id').limit(1),
  { scans: 'the first row of the outbox' },
);

/** The types of events that matched and chosen agents get before any other about a task. */
const beginnings: readonly FannedEventType[] = ['task_matched', 'task_offered'];
const isBeginning = (type: string) =>
  sql<boolean>`(${sql.join(
    beginnings.map((each) => sql`${sql.ref(type)} = ${sql.lit(each)}`),
    sql` or `,
  )})`;

/**
 * Locks the oldest row after `after` that no other transaction has locked. Other events of a task wait until its
 * `task_matched` or `task_offered` row is done. The order of ids does not ensure that, because each server draws ids by its own clock.
 */
const nextRow = prepared('nextOutboxRow', (db, p: { after: string }, engine) =>
  engine.skipLocked(
    db
      .selectFrom('outbox')
      .selectAll('outbox')
      .where('outbox.id', '>', p.after)
      .where(({ or, eb, selectFrom }) =>
        or([
          isBeginning('outbox.type'),
          // A scalar subquery, which is looked up per row: for NOT EXISTS, PostgreSQL may read the whole outbox.
          eb(
            selectFrom('outbox as earlier')
              .select('earlier.id')
              .whereRef('earlier.task_id', '=', 'outbox.task_id')
              .where(isBeginning('earlier.type'))
              .limit(1),
            'is',
            null,
          ),
        ]),
      )
      .orderBy('outbox.id')
      .limit(1),
    'outbox',
  ),
);

/** Locks the next matches of a task. They are locked before any event cursor, the order of all transactions. */
const recipients = prepared('outboxRecipients', (db, p: { task_id: string; after: string; limit: number }, engine) =>
  engine.hold(
    db
      .selectFrom('matches')
      .select(['agent_id', 'rank'])
      .where('task_id', '=', p.task_id)
      .where('agent_id', '>', p.after)
      .where('left_at', 'is', null)
      .orderBy('agent_id')
      .limit(p.limit),
  ),
);

const noteEvent = perShape((column: 'matched_event' | 'ended_event') =>
  prepared(`note ${column}`, (db, p: { task_id: string; agent_id: string; event: number }) =>
    db
      .updateTable('matches')
      .set({ [column]: p.event })
      .where('task_id', '=', p.task_id)
      .where('agent_id', '=', p.agent_id),
  ),
);

const deleteRow = prepared('deleteOutboxRow', (db, p: { id: string }) =>
  db.deleteFrom('outbox').where('id', '=', p.id),
);

const noteProgress = prepared('noteOutboxProgress', (db, p: { id: string; told_upto: string }) =>
  db.updateTable('outbox').set({ told_upto: p.told_upto }).where('id', '=', p.id),
);

const insertRow = insertion('outbox', 'id', 'task_id', 'type', 'data', 'created_at');

/**
 * Adds a row to the event outbox: soon after the commit, an event goes to each matched or chosen agent of a task (contract
 * section 8).
 *
 * @param data the event's own fields; ignored for `task_matched`, which has the agent's rank.
 */
export function tellMatched({ ctx, tx, now }: Work, taskId: string, type: FannedEventType, data: object): void {
  const id = ctx.newId('outbox');
  tx.send(insertRow, { id, task_id: taskId, type, data: JSON.stringify(data), created_at: now });
  tx.signal(rowAdded);
}

type OutboxRow = Selectable<Schema['outbox']>;

/**
 * Fans out events to the matched agents of a task, after the transaction that caused them and in small transactions of
 * its own. Numbering an event in twenty streams within one transaction would delay every other writer to any of them (3
 * transactions a second instead of hundreds).
 */
export class Outbox extends SignalledJob {
  constructor(ctx: Ground) {
    super(ctx, rowAdded, 'the outbox of events failed');
  }

  async pass(): Promise<number> {
    await this.run();
    return longestSleepMs;
  }

  /** Fans out all rows. A row that fails is skipped until the next run. */
  async run(): Promise<void> {
    // Usually there is no row, and a read is cheaper than a transaction.
    if ((await this.ctx.db.first(anyRow, {})) === undefined) return;
    const tellings = Array.from({ length: this.ctx.db.shared ? tellers : 1 }, () => this.#tellAll());
    // Wait for all, even if one fails, so that none runs on after this returns.
    const failed = (await Promise.allSettled(tellings)).find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  }

  async #tellAll(): Promise<void> {
    let after: string | undefined = '';
    while (after !== undefined) after = await this.#tellNext(after);
  }

  /**
   * Fans out a portion of the next row after `after`.
   *
   * @returns the id after which to continue; undefined if no row is left.
   */
  async #tellNext(after: string): Promise<string | undefined> {
    const { db, log } = this.ctx;
    const tried: { row?: OutboxRow | undefined } = {};
    try {
      await db.transact('tell the chosen', async (tx) => {
        tried.row = await tx.first(nextRow, { after });
        if (tried.row !== undefined) await tellPortion(this.ctx, tx, tried.row);
      });
      return tried.row === undefined ? undefined : after;
    } catch (error) {
      // If the storage is unavailable or overloaded, the row is not the cause.
      if (tried.row === undefined || isStorageFailure(error)) throw error;
      log.error({ taskId: tried.row.task_id, err: error }, 'telling the chosen failed; others are told meanwhile');
      return tried.row.id;
    }
  }
}

async function tellPortion(ctx: Ground, tx: Tx, row: OutboxRow): Promise<void> {
  const { id, task_id, type, data, created_at, told_upto } = row;
  // One more than fit into the portion, to know whether any are left without another query.
  const left = await tx.all(recipients, { task_id, after: told_upto, limit: portion + 1 });
  const agents = left.slice(0, portion);
  const column = beginnings.includes(type) ? 'matched_event' : 'ended_event';
  // The statements are sent in the order of the agents and awaited together: one round trip instead of one per agent.
  await Promise.all(
    agents.map(async ({ agent_id, rank }) => {
      // The data fits the type: both come from the row.
      const event = { agentId: agent_id, taskId: task_id, type, data: dataFor(type, data, rank) } as NewEvent;
      const number = await appendEvent({ ctx, tx, now: created_at }, event);
      tx.send(noteEvent(column), { task_id, agent_id, event: number });
    }),
  );
  if (left.length <= portion) tx.send(deleteRow, { id });
  else tx.send(noteProgress, { id, told_upto: at(agents, -1).agent_id });
}

const dataFor = (type: FannedEventType, data: string, rank: number): object =>
  type === 'task_matched' ? { rank } : storedFields(data);
