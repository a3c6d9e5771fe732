import type { FannedEventType } from '@pinchwork/sdk';
import { type Selectable, sql } from 'kysely';
import { secondMs } from '../../ground/clock.ts';
import type { Ground, Work } from '../../storage/ground.ts';
import type { Tx } from '../../storage/database.ts';
import { counting, insertion, type Params, perShape, prepared } from '../../storage/prepared.ts';
import type { Schema } from '../../storage/schema.ts';
import { DomainError } from '../../ground/errors.ts';
import { Loop } from '../../ground/loop.ts';
import { appendEvent, type NewEvent } from './append.ts';

/** Signals the outbox that it has a new row. */
const rowAdded = Symbol('outbox row');

/** Another node may have left something behind. */
const longestSleepMs = secondMs;
/** Agents told in one transaction: each holds its stream's cursor until the commit. */
const portion = 5;
/** Portions told at the same time by a server on PostgreSQL, whose round trips take longer than the work. */
const tellers = 4;

/** How many rows wait, counted up to a limit. */
export const countWaitingRows = counting('countOutboxRows', (db) => db.selectFrom('outbox').select('id'));

const anyRow = prepared('anyOutboxRow', (db, _: Params) => db.selectFrom('outbox').select('id').orderBy('id').limit(1));

/** What is told of a task before anything else. */
const beginning: FannedEventType = 'task_matched';

/**
 * The oldest row behind `after` that nobody is at work on. The end of a task waits until all know that they were chosen
 * for it: which of the two came first is not told by the rows' ids, which servers draw by clocks of their own.
 */
const nextRow = prepared('nextOutboxRow', (db, p: { after: string }, engine) =>
  engine.skipLocked(
    db
      .selectFrom('outbox')
      .selectAll('outbox')
      .where('outbox.id', '>', p.after)
      .where(({ or, eb, selectFrom }) =>
        or([
          eb('outbox.type', '=', sql.lit(beginning)),
          // As a value, which is looked up for a row: as a condition, PostgreSQL may read the whole outbox for it.
          eb(
            selectFrom('outbox as earlier')
              .select('earlier.id')
              .whereRef('earlier.task_id', '=', 'outbox.task_id')
              .where('earlier.type', '=', sql.lit(beginning))
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

/** Held before any cursor is: whoever moves the task holds them in that order too. */
const recipients = prepared('outboxRecipients', (db, p: { task_id: string; after: string; limit: number }, engine) =>
  engine.hold(
    db
      .selectFrom('matches')
      .select(['agent_id', 'rank'])
      .where('task_id', '=', p.task_id)
      .where('agent_id', '>', p.after)
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

/** Has the agents that were chosen for a task told of an event, soon after the commit. */
export function tellMatched({ ctx, tx, now }: Work, taskId: string, type: FannedEventType, data: object): void {
  const id = ctx.newId('outbox');
  tx.send(insertRow, { id, task_id: taskId, type, data: JSON.stringify(data), created_at: now });
  tx.signal(rowAdded);
}

type OutboxRow = Selectable<Schema['outbox']>;

/**
 * Tells the agents that were chosen for a task what happens to it: after the transaction in which it happened, and in
 * small ones of their own. To number an event in twenty streams at once would hold up everybody who writes to any of
 * them (3 transactions a second instead of hundreds).
 */
export class Outbox {
  readonly #ctx: Ground;
  readonly #loop: Loop;

  constructor(ctx: Ground) {
    this.#ctx = ctx;
    this.#loop = new Loop(
      ctx.clock,
      async () => {
        await this.run();
        return longestSleepMs;
      },
      (error) => ctx.log.error(error, 'the outbox of events failed'),
    );
    ctx.db.signals.subscribe({ changed: (signals) => signals.has(rowAdded) && this.#loop.wake() });
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /** Tells everything that there is to tell. A row that fails is passed over, until the next time. */
  async run(): Promise<void> {
    // Looking is cheaper than a transaction, and mostly there is nothing.
    if ((await this.#ctx.db.first(anyRow, {})) === undefined) return;
    const tellings = Array.from({ length: this.#ctx.db.shared ? tellers : 1 }, () => this.#tellAll());
    // None goes on when this has ended, also when one fails.
    const failed = (await Promise.allSettled(tellings)).find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  }

  async #tellAll(): Promise<void> {
    let after: string | undefined = '';
    while (after !== undefined) after = await this.#tellNext(after);
  }

  /** Tells a portion of the next row behind `after`. @returns behind which to go on; undefined: there is nothing more. */
  async #tellNext(after: string): Promise<string | undefined> {
    const { db, log } = this.#ctx;
    const tried: { row?: OutboxRow | undefined } = {};
    try {
      await db.transact('tell the chosen', async (tx) => {
        tried.row = await tx.first(nextRow, { after });
        if (tried.row !== undefined) await tellPortion(this.#ctx, tx, tried.row);
      });
      return tried.row === undefined ? undefined : after;
    } catch (error) {
      // A storage that is away or behind is no fault of the row's.
      if (tried.row === undefined || error instanceof DomainError) throw error;
      log.error({ taskId: tried.row.task_id, err: error }, 'telling the chosen failed; others are told meanwhile');
      return tried.row.id;
    }
  }
}

async function tellPortion(ctx: Ground, tx: Tx, row: OutboxRow): Promise<void> {
  const { id, task_id, type, data, created_at, told_upto } = row;
  // One more than are told: whether anybody is left is known without another look.
  const left = await tx.all(recipients, { task_id, after: told_upto, limit: portion + 1 });
  const agents = left.slice(0, portion);
  const column = type === 'task_matched' ? 'matched_event' : 'ended_event';
  // Sent in the order of the agents, and then waited for together: one round trip, not one for each.
  await Promise.all(
    agents.map(async ({ agent_id, rank }) => {
      const event = { agentId: agent_id, taskId: task_id, type, data: dataFor(type, data, rank) } as NewEvent;
      const number = await appendEvent({ ctx, tx, now: created_at }, event);
      tx.send(noteEvent(column), { task_id, agent_id, event: number });
    }),
  );
  if (left.length <= portion) tx.send(deleteRow, { id });
  else tx.send(noteProgress, { id, told_upto: agents.at(-1)!.agent_id });
}

const dataFor = (type: FannedEventType, data: string, rank: number): object =>
  type === 'task_matched' ? { rank } : (JSON.parse(data) as object);
