import type { AuditResponse } from '@pinchwork/sdk/table';
import { hourMs, secondMs } from '../ground/clock.ts';
import type { Reader } from '../storage/database.ts';
import type { Prepared } from '../storage/prepared.ts';
import type { Check, Finding, Range } from './check.ts';
import { keptMs } from '../rules/webhooks/schedule.ts';
import * as checks from './checks.ts';
import { Portion } from './portion.ts';
import { agentTotals } from './agent-checks.ts';
import { taskTotals } from './history-checks.ts';
import { accountChecks, transferChecks, transferTotals } from './ledger-checks.ts';

/** The largest number of findings in a report. */
const mostFindings = 100;
/** How late a transition may be. The timers are at most a second late, so this allows for load. */
const toleratedLatenessMs = 5 * secondMs;
/**
 * How long events may wait for their matched agents. Up to this, waiting means load, which a metric shows; beyond it,
 * something is stuck.
 */
const toleratedBacklogMs = 15 * 60_000;
/** How far clocks may have been adjusted. */
const toleratedStepMs = hourMs;

export interface AuditInput {
  readonly now: number;
  /**
   * Whether no server uses the database. Then nobody makes the transitions that are due, so nothing counts as overdue.
   */
  readonly isAtRest?: boolean;
}

export const atRest = (): AuditInput => ({ now: Date.now(), isAtRest: true });

/**
 * Checks every invariant on a live database of any size, range by range, and names the violations. Runs as a separate
 * job (`Database.runApart`). When it has more findings than it reports, it reads only the first range of each remaining
 * table: every check has run then, but `checked` is less than the whole.
 */
export default async function audit(reader: Reader, { now, isAtRest = false }: AuditInput): Promise<AuditResponse> {
  const startedAt = performance.now();
  const broken: AuditResponse['broken'] = [];
  const checked = { agents: 0, tasks: 0, transfers: 0, transitions: 0, events: 0 };
  /** One finding more than the report holds is enough to know that there are more. */
  const isFull = () => broken.length > mostFindings;
  const note = (invariant: string, findings: readonly Finding[]) => {
    for (const finding of findings.slice(0, mostFindings + 1 - broken.length)) broken.push({ invariant, ...finding });
  };
  const portion = new Portion();
  const find = async (range: Range, list: readonly Check[]) => {
    for (const { invariant, findings } of list) {
      const begunAt = performance.now();
      note(invariant, await reader.all(findings, range));
      portion.noteStatement(performance.now() - begunAt);
    }
  };

  const platform = { mint: 0, fees: 0 };
  const ranges = (boundary: Boundary) => cut(reader, boundary, portion, now - keptMs.delivered + toleratedStepMs);
  for await (const range of ranges(checks.boundaries.transfers)) {
    await find(range, transferChecks);
    const totals = await reader.one(transferTotals, range);
    checked.transfers += totals.transfers;
    platform.mint += totals.mint;
    platform.fees += totals.fees;
    if (isFull()) break;
  }
  if (!isFull() && (platform.mint > 0 || platform.fees < 0)) {
    const detail = `mint ${platform.mint}, fees ${platform.fees}`;
    note('only mint is negative', [{ subject: 'platform', detail }]);
  }
  for await (const range of ranges(checks.boundaries.accounts)) {
    await find(range, accountChecks);
    if (isFull()) break;
  }
  for await (const range of ranges(checks.boundaries.tasks)) {
    await find(range, checks.taskChecks);
    const totals = await reader.one(taskTotals, range);
    checked.tasks += totals.tasks;
    checked.transitions += totals.transitions;
    if (isFull()) break;
  }
  for await (const range of ranges(checks.boundaries.agents)) {
    await find(range, checks.agentChecks);
    const totals = await reader.one(agentTotals, range);
    checked.agents += totals.agents;
    checked.events += totals.events;
    if (isFull()) break;
  }
  const late = { before: isAtRest ? 0 : now - toleratedLatenessMs, limit: mostFindings + 1 };
  note('nothing is overdue', [
    ...(await reader.all(checks.overdue, late)),
    ...(await reader.all(checks.untold, { ...late, before: isAtRest ? 0 : now - toleratedBacklogMs })),
  ]);

  return {
    ok: broken.length === 0,
    checked,
    broken: broken.slice(0, mostFindings),
    broken_capped: isFull(),
    duration_ms: Math.round(performance.now() - startedAt),
  };
}

type Boundary = Prepared<{ after: string; size: number }, { id: string }>;

/** Splits a table into ranges of its ids. */
async function* cut(
  reader: Reader,
  boundary: Boundary,
  portion: Portion,
  deliveries_since: number,
): AsyncGenerator<Range> {
  const last = '~';
  for (let after = ''; after !== last;) {
    const upto = (await reader.first(boundary, { after, size: portion.next() }))?.id ?? last;
    yield { after, upto, deliveries_since };
    after = upto;
  }
}
