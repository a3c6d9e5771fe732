import type { AuditResponse } from '@pinchwork/sdk/table';
import { sql } from 'kysely';
import { overdueInvariant } from '../audit/audit.ts';
import type { PassInput } from '../audit/pass.ts';
import type { LedgerPosition } from '../audit/positions.ts';
import type { RecentlyAudited } from '../audit/recent.ts';
import { forgetBalance, keepBalance } from '../audit/recent-queries.ts';
import type { Ground } from '../storage/ground.ts';
import { type Params, prepared } from '../storage/prepared.ts';

const passJob = new URL('../audit/pass.ts', import.meta.url);

/** After a whole audit, the next one at intervals waits for this many times as long as it took. */
const pauseTimes = 50;

/** What is known of the last whole audit, and the position from which the next audit goes on. */
interface Progress extends LedgerPosition {
  readonly wholeAt: number;
  readonly wholeMs: number;
}

const progressKey = 'audited';

const readProgress = prepared('readAuditProgress', (db, _: Params) =>
  db.selectFrom('meta').select('value').where('key', '=', sql.lit(progressKey)),
);

const keepProgress = prepared('keepAuditProgress', (db, p: { value: string }) =>
  db
    .insertInto('meta')
    .values({ key: sql.lit(progressKey), value: p.value })
    .onConflict((conflict) => conflict.column('key').doUpdateSet({ value: p.value })),
);

const dropProgress = prepared('dropAuditProgress', (db, _: Params) =>
  db.deleteFrom('meta').where('key', '=', sql.lit(progressKey)),
);

/**
 * The audits of a server. Each goes on from the position where the one before ended, kept in the database
 * (docs/decisions/0025).
 */
export class Audits {
  readonly #ctx: Ground;
  readonly #tell: (report: AuditResponse) => Promise<void>;
  #last: { readonly report: AuditResponse; readonly at: number } | undefined;

  /** @param tell tells the operator what an audit has found. */
  constructor(ctx: Ground, tell: (report: AuditResponse) => Promise<void>) {
    this.#ctx = ctx;
    this.#tell = tell;
  }

  /** The last report; undefined before the first. */
  get last(): { readonly report: AuditResponse; readonly at: number } | undefined {
    return this.#last;
  }

  /** Checks everything. Calls during a run share its result. */
  readonly whole = shared(() => this.#run(undefined));

  /**
   * Checks what can have changed since the last audit. Checks everything if that one found something, and when whole
   * audits have taken less than a fiftieth of the time. Calls during a run share its result.
   */
  readonly pass = shared(async () => {
    const progress = await this.#progress();
    const isDue = progress === undefined || this.#ctx.clock.now() - progress.wholeAt >= pauseTimes * progress.wholeMs;
    return isDue ? this.whole() : this.#run(progress);
  });

  async #progress(): Promise<Progress | undefined> {
    const row = await this.#ctx.db.first(readProgress, {});
    // Written by `#keep`.
    return row && (JSON.parse(row.value) as Progress);
  }

  /** @param since checks only what can have changed since then. Undefined: everything. */
  async #run(since: Progress | undefined): Promise<AuditResponse> {
    const { db, clock, log } = this.#ctx;
    const now = clock.now();
    const outcome = await db.runApart<PassInput, RecentlyAudited>(passJob, { now, since }, 'long');
    const { report } = outcome;
    this.#last = { report, at: clock.now() };
    await this.#keep(outcome, since, { wholeAt: now, wholeMs: report.duration_ms }).catch((error: unknown) =>
      log.error(error, 'how far the audit came could not be kept'),
    );
    await this.#tell(report).catch((error: unknown) =>
      log.error(error, 'the operator could not be told of what the audit found'),
    );
    return report;
  }

  /**
   * An audit that found a violation is repeated from the same position: a whole one by a whole one, because nothing else
   * would find it again. What is overdue is found by every audit.
   */
  async #keep(
    { report, upto, sums, outdated }: RecentlyAudited,
    since: Progress | undefined,
    whole: Pick<Progress, 'wholeAt' | 'wholeMs'>,
  ): Promise<void> {
    const isSound = report.broken.every(({ invariant }) => invariant === overdueInvariant);
    if (!isSound && since !== undefined) return;
    const { wholeAt, wholeMs } = since ?? whole;
    await this.#ctx.db.transact('keep audit', async (tx) => {
      if (!isSound) {
        await tx.run(dropProgress, {});
        return;
      }
      await tx.run(keepProgress, { value: JSON.stringify({ ...upto, wholeAt, wholeMs } satisfies Progress) });
      for (const account_id of outdated) await tx.run(forgetBalance, { account_id });
      for (const sum of sums) await tx.run(keepBalance, { ...sum });
    });
  }
}

/** Runs `work` one at a time. Calls during a run get the same promise. */
function shared<T>(work: () => Promise<T>): () => Promise<T> {
  let running: Promise<T> | undefined;
  return () => (running ??= work().finally(() => (running = undefined)));
}
