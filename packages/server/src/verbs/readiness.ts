import type { HealthResponse } from '@pinchwork/sdk/table';
import { type Clock, secondMs } from '../ground/clock.ts';
import { DomainError, storageUnavailable } from '../ground/errors.ts';
import type { Database } from '../storage/database.ts';
import { type Params, prepared } from '../storage/prepared.ts';

/** A result is reused for this time, because anybody may ask and each check is a write. */
const holdsMs = secondMs;
/** A storage whose write takes longer than this is not ready. */
const patienceMs = 5 * secondMs;

const touch = prepared('touchMeta', (db, _: Params) =>
  db
    .updateTable('meta')
    .set((eb) => ({ value: eb.ref('value') }))
    .where('key', '=', 'oldest_program'),
);

/** Checks by a write whether the storage accepts writes. */
export class Readiness {
  readonly #db: Database;
  readonly #clock: Clock;
  #last: { readonly at: number; readonly reason: Promise<string | undefined> } | undefined;

  constructor({ db, clock }: { readonly db: Database; readonly clock: Clock }) {
    this.#db = db;
    this.#clock = clock;
  }

  /** @throws DomainError `storage_unavailable` if the storage does not accept writes. */
  async check(): Promise<HealthResponse> {
    const reason = await this.reason();
    if (reason !== undefined) throw storageUnavailable(new Error(reason), { reason });
    return { status: 'ok' };
  }

  /** @returns a sentence that says why the storage does not accept writes; undefined if it does. */
  reason(): Promise<string | undefined> {
    const now = this.#clock.now();
    // `abs`, because a clock that was set back must not keep a result for a long time.
    if (this.#last === undefined || Math.abs(now - this.#last.at) >= holdsMs) {
      this.#last = { at: now, reason: this.#look() };
    }
    return this.#last.reason;
  }

  async #look(): Promise<string | undefined> {
    const late = Promise.withResolvers<string>();
    const cancel = this.#clock.after(patienceMs, () => late.resolve('The storage does not answer.'));
    const written = this.#db
      .transact('look whether the storage takes writes', (tx) => tx.run(touch, {}))
      .then(
        () => undefined,
        (error: unknown) =>
          (error instanceof DomainError ? error.reason : undefined) ?? 'The storage accepts no writes.',
      );
    try {
      return await Promise.race([written, late.promise]);
    } finally {
      cancel();
    }
  }
}
