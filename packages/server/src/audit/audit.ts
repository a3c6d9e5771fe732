import type { AuditResponse } from '@pinchwork/sdk';
import { secondMs } from '../clock.ts';
import type { Reader } from '../db/database.ts';
import type { Prepared } from '../db/prepared.ts';
import * as checks from './checks.ts';

/** Subjects per statement: a few milliseconds each, so that nothing else waits long. */
const rangeSize = 500;
/** Findings told; a database that has more of them needs no longer list. */
const mostFindings = 100;
/** The timers are at most a second late; this much is no fault yet. */
const toleratedLatenessMs = 5 * secondMs;

export interface AuditInput {
  readonly now: number;
}

/**
 * Checks every invariant on a live database of any size, range by range, and names what is broken. Runs as a job of
 * its own (`Database.runApart`).
 */
export default async function audit(reader: Reader, { now }: AuditInput): Promise<AuditResponse> {
  const startedAt = performance.now();
  const broken: AuditResponse['broken'] = [];
  const checked = { agents: 0, tasks: 0, transfers: 0, transitions: 0, events: 0 };
  const find = async (range: checks.Range, list: readonly checks.Check[]) => {
    for (const { invariant, findings } of list) {
      for (const finding of await reader.all(findings, range)) broken.push({ invariant, ...finding });
    }
  };

  const platform = { mint: 0, fees: 0 };
  for await (const range of ranges(reader, checks.boundaries.transfers)) {
    await find(range, checks.transferChecks);
    const totals = (await reader.first(checks.transferTotals, range))!;
    checked.transfers += totals.transfers;
    platform.mint += totals.mint;
    platform.fees += totals.fees;
  }
  if (platform.mint > 0 || platform.fees < 0) {
    const detail = `mint ${platform.mint}, fees ${platform.fees}`;
    broken.push({ invariant: 'only mint is negative', subject: 'platform', detail });
  }
  for await (const range of ranges(reader, checks.boundaries.accounts)) await find(range, checks.accountChecks);
  for await (const range of ranges(reader, checks.boundaries.tasks)) {
    await find(range, checks.taskChecks);
    const totals = (await reader.first(checks.taskTotals, range))!;
    checked.tasks += totals.tasks;
    checked.transitions += totals.transitions;
  }
  for await (const range of ranges(reader, checks.boundaries.agents)) {
    await find(range, checks.agentChecks);
    const totals = (await reader.first(checks.agentTotals, range))!;
    checked.agents += totals.agents;
    checked.events += totals.events;
  }
  const late = { before: now - toleratedLatenessMs, limit: mostFindings };
  for (const finding of await reader.all(checks.overdue, late))
    broken.push({ invariant: 'nothing is overdue', ...finding });

  return {
    ok: broken.length === 0,
    checked,
    broken: broken.slice(0, mostFindings),
    broken_capped: broken.length > mostFindings,
    duration_ms: Math.round(performance.now() - startedAt),
  };
}

/** Cuts a table into ranges of its ids. */
async function* ranges(
  reader: Reader,
  boundary: Prepared<{ after: string; size: number }, { id: string }>,
): AsyncGenerator<checks.Range> {
  const last = '~';
  for (let after = ''; after !== last;) {
    const upto = (await reader.first(boundary, { after, size: rangeSize }))?.id ?? last;
    yield { after, upto };
    after = upto;
  }
}
