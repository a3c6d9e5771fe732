import type { Reader } from '../storage/database.ts';
import { type Audited, type AuditInput, deliveriesSince, noteOverdue, notePlatform } from './audit.ts';
import { type KeptBalance, keptAhead, listOf, openTasks, smallAgents, transferSubjects } from './recent-queries.ts';
import * as checks from './checks.ts';
import type { Check, Listed } from './check.ts';
import { Examination } from './examination.ts';
import { accountChecks, transferChecks, transferTotals } from './ledger-checks.ts';
import { type LedgerPosition, settledAhead, settledMs } from './positions.ts';

/** Entries of the ledger, and subjects of other checks, that one statement reads at most. */
const atOnce = 500;
/**
 * The checks of an agent read its whole stream and all its tasks. For agents whose streams have had more events than
 * this, they would take longer than a moment, so only the whole audit runs them.
 */
const mostEvents = 20_000;
/** From this number of entries on, the sum of an account is kept. */
const worthKeeping = 1_000;

/** The outcome of an audit of what has changed since another one. */
export interface RecentlyAudited extends Audited {
  /** Sums of accounts with many entries, up to the position. */
  readonly sums: readonly KeptBalance[];
  /** Accounts whose kept sums are of no use any more. */
  readonly outdated: readonly string[];
}

/**
 * Checks what can have changed since a position: the transfers after it, the tasks, accounts and agents that these name,
 * and all open tasks (docs/decisions/0025).
 */
export async function auditRecent(
  reader: Reader,
  { now }: AuditInput,
  since: LedgerPosition,
): Promise<RecentlyAudited> {
  const audit = new RecentAudit(reader, now, since);
  await audit.readTransfers();
  await audit.readOpenTasks();
  await audit.readAgents();
  return audit.end();
}

class RecentAudit {
  readonly #examination: Examination;
  readonly #now: number;
  readonly #agents = new Set<string>();
  readonly #sums: KeptBalance[] = [];
  readonly #outdated: string[] = [];
  #upto: LedgerPosition;

  constructor(reader: Reader, now: number, since: LedgerPosition) {
    this.#examination = new Examination(reader);
    this.#now = now;
    this.#upto = since;
  }

  get #reader(): Reader {
    return this.#examination.reader;
  }

  /** Checks the transfers, and the tasks that they began or ended. */
  async readTransfers(): Promise<void> {
    const { checked } = this.#examination;
    const until = this.#now - settledMs;
    while (!this.#examination.isFull) {
      const { transfer, mint, fees } = this.#upto;
      const { id } = await this.#reader.one(settledAhead, { after: transfer, size: atOnce, until });
      if (id === null) break;
      const range = { after: transfer, upto: id, deliveries_since: deliveriesSince(this.#now) };
      await this.#examination.ask(transferChecks, range);
      const totals = await this.#reader.one(transferTotals, range);
      const subjects = await this.#reader.all(transferSubjects, range);
      const tasks = subjects.filter(({ is_agent }) => is_agent === 0);
      await this.#askAbout(tasks, [...checks.taskChecks, ...accountChecks]);
      for (const { id, is_agent } of subjects) if (is_agent === 1) this.#agents.add(id);
      checked.transfers += totals.transfers;
      checked.tasks += tasks.length;
      this.#upto = { transfer: id, mint: mint + totals.mint, fees: fees + totals.fees };
    }
    notePlatform(this.#examination, this.#upto);
  }

  async readOpenTasks(): Promise<void> {
    let from = { due_at: -1, id: '' };
    for (;;) {
      const tasks = await this.#reader.all(openTasks, { ...from, limit: atOnce });
      await this.#askAbout(tasks, checks.taskChecks);
      this.#examination.checked.tasks += tasks.length;
      const end = tasks.at(-1);
      if (end === undefined || tasks.length < atOnce || this.#examination.isFull) break;
      from = end;
    }
    await noteOverdue(this.#examination, this.#now);
  }

  async readAgents(): Promise<void> {
    const agents = [...this.#agents].sort();
    for (let from = 0; from < agents.length && !this.#examination.isFull; from += atOnce) {
      const some = agents.slice(from, from + atOnce).map((id) => ({ id }));
      await this.#checkBalances(some);
      const small = await this.#reader.all(smallAgents, { ids: listOf(some), most: mostEvents });
      for (const agent of small) await this.#askAbout([agent], checks.agentChecks);
      this.#examination.checked.agents += some.length;
    }
  }

  end(): RecentlyAudited {
    return {
      report: this.#examination.report(),
      upto: this.#upto,
      sums: this.#sums,
      outdated: this.#outdated,
    };
  }

  /** Compares balances with their kept sums and what came after. An account that differs is read whole. */
  async #checkBalances(accounts: readonly { id: string }[]): Promise<void> {
    const { transfer: upto } = this.#upto;
    const differing: { id: string }[] = [];
    for (const { id, balance, sum, entries, later } of await this.#reader.all(keptAhead, {
      ids: listOf(accounts),
      upto,
    })) {
      if (balance !== sum + later) differing.push({ id });
      else if (entries >= worthKeeping) this.#sums.push({ account_id: id, transfer_id: upto, balance: sum });
    }
    await this.#askAbout(differing, accountChecks);
    this.#outdated.push(...differing.map(({ id }) => id));
  }

  async #askAbout(subjects: readonly { id: string }[], questions: readonly Check[]): Promise<void> {
    if (subjects.length === 0) return;
    const listed: Listed = { ids: listOf(subjects), deliveries_since: deliveriesSince(this.#now) };
    const list = questions.map(({ invariant, findingsAmong }) => ({ invariant, findings: findingsAmong }));
    await this.#examination.ask(list, listed);
  }
}
