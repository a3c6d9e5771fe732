import { hourMs, secondMs } from '../../ground/clock.ts';
import { DomainError } from '../../ground/errors.ts';
import { Loop } from '../../ground/loop.ts';
import type { Ground } from '../../storage/ground.ts';
import { prepared } from '../../storage/prepared.ts';

/**
 * How many bytes of texts an agent may write in 24 hours (contract section 10). They are counted in memory, and written
 * down in portions, so that small texts cost no statement. The servers learn each other's counts, and their own after a
 * restart, when they write down a portion.
 */

/** The number of bytes after which an agent's count is stored. */
const portionBytes = 64 * 1024;
const settleMs = secondMs;
/** Agents written down in one transaction. */
const mostAtOnce = 100;
/** Agents with counts in memory, in two generations. */
const mostAgents = 100_000;
/** The hours that count: the current one, and those of the 24 hours before. */
const hours = 24;
/** How long a row is kept. */
export const keptHours = hours + 1;

const noteTexts = prepared('noteTexts', (db, p: { agent_id: string; hour: number; bytes: number }) =>
  db
    .insertInto('texts_written')
    .values({ agent_id: p.agent_id, hour: p.hour, bytes: p.bytes })
    .onConflict((conflict) =>
      conflict
        .columns(['agent_id', 'hour'])
        .doUpdateSet((eb) => ({ bytes: eb('texts_written.bytes', '+', eb.ref('excluded.bytes')) })),
    ),
);

const textsOf = prepared('textsOf', (db, p: { agent_id: string; after: number }) =>
  db
    .selectFrom('texts_written')
    .select(['hour', 'bytes'])
    .where('agent_id', '=', p.agent_id)
    .where('hour', '>', p.after)
    .orderBy('hour'),
);

interface Hour {
  readonly hour: number;
  readonly bytes: number;
}

/** What an agent has written. */
interface Written {
  /** By hour, oldest first, of all servers, as of the last time that this server has written something down. */
  settled: readonly Hour[];
  unsettled: number;
  /** The hour in which it began to be unsettled. */
  hour: number;
}

const hourOf = (now: number) => Math.floor(now / hourMs);

export class Texts {
  readonly #ctx: Pick<Ground, 'config' | 'db' | 'clock'>;
  readonly #loop: Loop;
  #young = new Map<string, Written>();
  #old = new Map<string, Written>();
  readonly #due = new Set<string>();

  constructor(ctx: Pick<Ground, 'config' | 'db' | 'clock' | 'log'>) {
    this.#ctx = ctx;
    this.#loop = new Loop(
      ctx.clock,
      async () => {
        await this.settle();
        return settleMs;
      },
      (error) => ctx.log.warn(error, 'how much agents write could not be written down; this server goes on counting'),
    );
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /**
   * Counts a text that an agent is about to write.
   *
   * @throws DomainError `quota_exceeded` if the agent has written what it may write.
   */
  take(agentId: string, bytes: number): void {
    const { textsPerDay } = this.#ctx.config;
    if (textsPerDay === undefined) return;
    const now = this.#ctx.clock.now();
    const written = this.#of(agentId, now);
    if (used(written, now) >= textsPerDay) throw exceeded(textsPerDay, freeAt(written, textsPerDay, now) - now);
    written.unsettled += bytes;
    if (written.unsettled >= portionBytes) this.#due.add(agentId);
  }

  /** Takes back what `take` has counted, because the text was not written. */
  giveBack(agentId: string, bytes: number): void {
    const written = this.#young.get(agentId);
    // What has been written down meanwhile stays counted.
    if (written !== undefined) written.unsettled = Math.max(0, written.unsettled - bytes);
  }

  /** Writes down the counts that are due, and learns those of other servers; the loop's pass. */
  async settle(): Promise<void> {
    while (this.#due.size > 0) {
      // Sorted, so that servers lock the rows of the same agents in the same order.
      const agents = [...this.#due].slice(0, mostAtOnce).sort();
      for (const agentId of agents) this.#due.delete(agentId);
      await this.#settle(agents);
    }
  }

  async #settle(agents: readonly string[]): Promise<void> {
    const { db, clock } = this.#ctx;
    const now = clock.now();
    const parts = agents.map((agentId) => {
      const written = this.#of(agentId, now);
      const part = { agentId, written, hour: written.hour, bytes: written.unsettled };
      written.unsettled = 0;
      return part;
    });
    const inFlight = parts.filter(({ bytes }) => bytes > 0);
    for (const { written, hour, bytes } of inFlight) written.settled = [...written.settled, { hour, bytes }];
    try {
      const sums = await db.transact('note texts', (tx) => {
        for (const { agentId, hour, bytes } of inFlight) tx.send(noteTexts, { agent_id: agentId, hour, bytes });
        const after = hourOf(now) - keptHours;
        return Promise.all(inFlight.map(({ agentId }) => tx.all(textsOf, { agent_id: agentId, after })));
      });
      for (const [i, { written }] of inFlight.entries()) written.settled = sums[i] ?? [];
    } catch (error) {
      for (const { agentId, written, bytes } of inFlight) {
        written.settled = written.settled.slice(0, -1);
        written.unsettled += bytes;
        this.#due.add(agentId);
      }
      throw error;
    }
  }

  #of(agentId: string, now: number): Written {
    const known = this.#young.get(agentId) ?? this.#old.get(agentId);
    const written = known ?? { settled: [], unsettled: 0, hour: hourOf(now) };
    if (written.unsettled === 0) written.hour = hourOf(now);
    if (!this.#young.has(agentId)) {
      // A whole generation is forgotten at a time: deleting single keys would walk over all that were deleted before.
      if (this.#young.size >= mostAgents / 2) {
        this.#old = this.#young;
        this.#young = new Map();
      }
      this.#young.set(agentId, written);
    }
    return written;
  }
}

/** What counts now. A small rest that is never written down counts until more is written. */
function used({ settled, unsettled, hour }: Written, now: number): number {
  const after = hourOf(now) - keptHours;
  const sum = settled.reduce((all, each) => all + (each.hour > after ? each.bytes : 0), 0);
  return sum + (hour > after ? unsettled : 0);
}

/** When enough of the oldest hours have passed for the rest to be below `most`. */
function freeAt(written: Written, most: number, now: number): number {
  const all = [...written.settled, { hour: written.hour, bytes: written.unsettled }].sort((a, b) => a.hour - b.hour);
  let left = used(written, now);
  for (const { hour, bytes } of all) {
    if (hour <= hourOf(now) - keptHours) continue;
    left -= bytes;
    if (left < most) return (hour + keptHours) * hourMs;
  }
  return now + hours * hourMs;
}

const mebibyte = 1024 * 1024;

function exceeded(most: number, waitMs: number): DomainError {
  const seconds = Math.max(1, Math.ceil(waitMs / secondMs));
  return new DomainError(
    'quota_exceeded',
    `You have written more than ${Math.round(most / mebibyte)} MiB of texts in 24 hours`,
    `Wait ${seconds} seconds, then go on; share large results by a link.`,
    { retryAfterSeconds: seconds },
  );
}

/** The bytes of the texts in a checked body, in UTF-8. */
export function textBytes(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value !== 'object' || value === null) return 0;
  let bytes = 0;
  for (const field of Object.values(value)) bytes += textBytes(field);
  return bytes;
}
