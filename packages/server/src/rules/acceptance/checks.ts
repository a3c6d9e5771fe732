import type { Problem } from '@pinchwork/sdk/table';
import { DomainError, invalid, overloaded } from '../../ground/errors.ts';
import type { Ground } from '../../storage/ground.ts';
import type { Part } from '../limits/part.ts';
import type { Share } from '../limits/share.ts';
import { CheckThread } from './check-thread.ts';
import type { CheckOrder, CheckOutcome } from './thread.ts';

/** What a check may take, in milliseconds. */
interface CheckLimits {
  /** CPU time of the checking thread. */
  readonly cpuMs: number;
  /** How long a check waits for its turn. */
  readonly waitMs: number;
  /** How long an idle thread is kept. */
  readonly idleMs: number;
}

const usualLimits: CheckLimits = { cpuMs: 100, waitMs: 2_000, idleMs: 30_000 };

/**
 * Checks deliveries against the `acceptance` of their tasks (contract section 3a), one at a time, in a thread that is
 * started by the first check. Schemas, patterns and results are strangers' texts: a check that takes too long is ended
 * with its thread, and agents take turns.
 */
export class Checks {
  readonly #turns: Share;
  readonly #log: Pick<Ground['log'], 'warn'>;
  readonly #limits: CheckLimits;
  #thread: CheckThread | undefined;
  #alarm: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** @param turns a share of one. */
  constructor(turns: Share, log: Pick<Ground['log'], 'warn'>, limits: Partial<CheckLimits> = {}) {
    this.#turns = turns;
    this.#log = log;
    this.#limits = { ...usualLimits, ...limits };
  }

  /**
   * Checks that an acceptance can be compiled.
   *
   * @param acceptance as JSON.
   * @throws DomainError `invalid_request` that says where it can't; `overloaded`.
   */
  async compile(agentId: string, acceptance: string): Promise<void> {
    const [fault] = await this.#problems(agentId, { acceptance, result: null });
    if (fault === undefined) return;
    throw invalid(
      `acceptance${cut(fault.path)}: ${cut(fault.message)}`,
      'Mend the acceptance there, or leave it out. Nothing was posted.',
    );
  }

  /**
   * Checks a result.
   *
   * @param acceptance as JSON.
   * @returns what does not fit.
   * @throws DomainError `overloaded`.
   */
  check(agentId: string, acceptance: string, result: string): Promise<readonly Problem[]> {
    return this.#problems(agentId, { acceptance, result });
  }

  /** Ends the thread. A check under way fails. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#alarm);
    await this.#thread?.end();
  }

  async #problems(agentId: string, order: Omit<CheckOrder, 'cpuMs'>): Promise<readonly Problem[]> {
    const outcome = await this.#run(agentId, order);
    if ('problems' in outcome) return outcome.problems;
    if ('late' in outcome) return [{ path: '', message: 'could not be checked in time; make it simpler or shorter' }];
    this.#log.warn({ failure: outcome.failure }, 'a check of an acceptance failed');
    return [{ path: '', message: 'could not be checked' }];
  }

  async #run(agentId: string, order: Omit<CheckOrder, 'cpuMs'>): Promise<CheckOutcome> {
    const turn = await within(this.#turns.wait(agentId), this.#limits.waitMs);
    clearTimeout(this.#alarm);
    try {
      if (this.#isClosed) throw overloaded();
      this.#thread ??= new CheckThread();
      return await this.#thread.run({ ...order, cpuMs: this.#limits.cpuMs });
    } catch (error) {
      throw error instanceof DomainError ? error : overloaded(error);
    } finally {
      if (this.#thread?.isOver === true) this.#drop();
      turn.release();
      this.#alarm = setTimeout(() => this.#drop(), this.#limits.idleMs).unref();
    }
  }

  #drop(): void {
    void this.#thread?.end();
    this.#thread = undefined;
  }
}

/** Waits for a turn. @throws DomainError `overloaded` if it does not come in time. */
async function within(turn: Promise<Part>, ms: number): Promise<Part> {
  let alarm: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    alarm = setTimeout(resolve, ms, undefined);
  });
  try {
    const part = await Promise.race([turn, late]);
    if (part !== undefined) return part;
    // The turn that comes after all is passed on.
    void turn.then(
      (late) => late.release(),
      () => undefined,
    );
    throw overloaded();
  } finally {
    clearTimeout(alarm);
  }
}

const longestPart = 150;
/** A part of the sentence that says where an acceptance can't be compiled, and why. */
const cut = (text: string) => (text.length <= longestPart ? text : `${text.slice(0, longestPart)}…`.toWellFormed());
