import type { AuditResponse } from '@pinchwork/sdk/table';
import { hourMs, secondMs } from '../ground/clock.ts';
import type { Reader } from '../storage/database.ts';
import type { Prepared } from '../storage/prepared.ts';
import type { Range } from './check.ts';
import { keptMs } from '../rules/webhooks/schedule.ts';
import * as checks from './checks.ts';
import { Examination, mostFindings } from './examination.ts';
import { agentTotals } from './agent-checks.ts';
import { taskTotals } from './history-checks.ts';
import { accountChecks, transferChecks, transferTotals } from './ledger-checks.ts';
import { beginning, type LedgerPosition, settledMs } from './positions.ts';

/** How late a transition may be. The timers are at most a second late, so this allows for load. */
const toleratedLatenessMs = 5 * secondMs;
/**
 * How long events may wait for their matched agents. Up to this, waiting means load, which a metric shows; beyond it,
 * something is stuck.
 */
const toleratedBacklogMs = 15 * 60_000;
/** Its findings show load, or a stopped server; all others must never happen. */
export const overdueInvariant = 'nothing is overdue';
/** How far clocks may have been adjusted. */
const toleratedStepMs = hourMs;

export interface AuditInput {
  readonly now: number;
  /**
   * Whether no server uses the database. Then nobody makes the transitions that are due, so nothing counts as overdue.
   */
  readonly isAtRest?: boolean;
}

/** The outcome of an audit that another one can go on from. */
export interface Audited {
  readonly report: AuditResponse;
  readonly upto: LedgerPosition;
}

export const atRest = (): AuditInput => ({ now: Date.now(), isAtRest: true });

/** Checks every invariant on a live database of any size (`auditWhole`). */
export default async function audit(reader: Reader, input: AuditInput): Promise<AuditResponse> {
  return (await auditWhole(reader, input)).report;
}

/**
 * Checks every invariant on a live database of any size, range by range, and names the violations. Runs as a separate
 * job (`Database.runApart`). When it has more findings than it reports, it reads only the first range of each remaining
 * table: every check has run then, but `checked` is less than the whole.
 */
export async function auditWhole(reader: Reader, { now, isAtRest = false }: AuditInput): Promise<Audited> {
  const examination = new Examination(reader);
  const { checked } = examination;
  const sums = { mint: 0, fees: 0 };
  let upto = beginning;
  const ranges = (boundary: Boundary) => cut(examination, boundary, deliveriesSince(now));
  for await (const range of ranges(checks.boundaries.transfers)) {
    await examination.ask(transferChecks, range);
    const { transfers, mint, fees, settled } = await reader.one(transferTotals, range);
    checked.transfers += transfers;
    sums.mint += mint;
    sums.fees += fees;
    if (settled !== null && settled <= now - settledMs && range.upto !== last) upto = { transfer: range.upto, ...sums };
    if (examination.isFull) break;
  }
  notePlatform(examination, sums);
  for await (const range of ranges(checks.boundaries.accounts)) {
    await examination.ask(accountChecks, range);
    if (examination.isFull) break;
  }
  for await (const range of ranges(checks.boundaries.tasks)) {
    await examination.ask(checks.taskChecks, range);
    const totals = await reader.one(taskTotals, range);
    checked.tasks += totals.tasks;
    checked.transitions += totals.transitions;
    if (examination.isFull) break;
  }
  for await (const range of ranges(checks.boundaries.agents)) {
    await examination.ask(checks.agentChecks, range);
    const totals = await reader.one(agentTotals, range);
    checked.agents += totals.agents;
    checked.events += totals.events;
    if (examination.isFull) break;
  }
  await noteOverdue(examination, now, isAtRest);
  return { report: examination.report(), upto };
}

/** No webhook delivery of an event younger than this has been deleted. */
export const deliveriesSince = (now: number) => now - keptMs.delivered + toleratedStepMs;

export function notePlatform(examination: Examination, { mint, fees }: Pick<LedgerPosition, 'mint' | 'fees'>): void {
  if (examination.isFull || (mint <= 0 && fees >= 0)) return;
  examination.note('only mint is negative', [{ subject: 'platform', detail: `mint ${mint}, fees ${fees}` }]);
}

export async function noteOverdue(examination: Examination, now: number, isAtRest = false): Promise<void> {
  const { reader } = examination;
  const late = { before: isAtRest ? 0 : now - toleratedLatenessMs, limit: mostFindings + 1 };
  examination.note(overdueInvariant, [
    ...(await reader.all(checks.overdue, late)),
    ...(await reader.all(checks.untold, { ...late, before: isAtRest ? 0 : now - toleratedBacklogMs })),
  ]);
}

type Boundary = Prepared<{ after: string; size: number }, { id: string }>;

/** Ends the last range of a table. It is greater than all ids. */
const last = '~';

/** Splits a table into ranges of its ids. */
async function* cut(
  { reader, portion }: Examination,
  boundary: Boundary,
  deliveries_since: number,
): AsyncGenerator<Range> {
  for (let after = ''; after !== last;) {
    const upto = (await reader.first(boundary, { after, size: portion.next() }))?.id ?? last;
    yield { after, upto, deliveries_since };
    after = upto;
  }
}
