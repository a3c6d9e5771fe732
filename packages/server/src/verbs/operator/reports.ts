import type {
  AdminReport,
  DecideReportRequest,
  ReportRequest,
  ReportResponse,
  ReportsQuery,
  ReportsResponse,
} from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { wireTime } from '../../ground/clock.ts';
import { present } from '../../ground/present.ts';
import type { Call } from '../context.ts';
import { conflict, forbidden, reportNotFound, taskNotFound } from '../../ground/errors.ts';
import { readPage } from '../../ground/paging.ts';
import { isFor } from '../../rules/tasks/offers.ts';
import { claimBy } from '../../rules/tasks/queries.ts';
import { isHidden } from '../../rules/tasks/refusal.ts';
import { isParty } from '../../rules/tasks/view.ts';
import { tellOfReport } from '../../rules/webhooks/operator.ts';
import { logAction } from '../../rules/operator/admin-log.ts';
import * as queries from '../../rules/operator/queries.ts';
import { stateOf } from '../../ground/states.ts';

/**
 * Reports a task to the operator. Its poster and all its workers, also former ones, may do so at any time, other
 * agents while the task is on the board; each agent once (contract section 2). Only the operator sees the report.
 *
 * @throws DomainError `not_found`, `forbidden`, `conflict`.
 */
export function reportTask(
  call: Call,
  taskId: string,
  { reason }: z.output<typeof ReportRequest>,
): Promise<ReportResponse> {
  const { ctx, agentId } = call;
  return call.transact('report', async (tx) => {
    const now = ctx.clock.now();
    // Its lock keeps the texts, which the report is about, from being removed at this moment.
    const task = await tx.first(queries.holdReported, { id: taskId });
    if (task === undefined) throw taskNotFound();
    if (!isParty(task, agentId) && (await tx.first(claimBy, { task_id: taskId, worker: agentId })) === undefined) {
      if (await isHidden(tx, task)) throw taskNotFound();
      const isOnBoard = stateOf(task.status).isOnBoard && present(task.due_at, 'The deadline of an open task') > now;
      if (!isOnBoard || !(await isFor(tx, task, agentId))) {
        throw forbidden(
          "Only the task's poster and its workers can report it, now that it is not on the board",
          'Tell the operator by other means.',
        );
      }
    }
    const id = ctx.newId('report');
    const report = { id, task_id: taskId, reporter_id: agentId, reason, created_at: now };
    if ((await tx.run(queries.reportOnce, report)) === 0) {
      throw conflict('You have reported this task already', 'The operator reads your report; one is enough.');
    }
    await tellOfReport({ ctx, tx, now }, { report_id: id, task_id: taskId });
    return { report_id: id, task_id: taskId, reason, status: 'open' };
  });
}

export const reportView = (row: queries.ReportRow): AdminReport => ({
  report_id: row.id,
  task_id: row.task_id,
  reason: row.reason,
  status: row.status,
  reporter_id: row.reporter_id,
  note: row.note,
  created_at: wireTime(row.created_at),
  decided_at: wireTime(row.decided_at),
});

/** A page of the reports, newest first. For the operator. */
export async function listReports(
  { ctx }: Pick<Call, 'ctx'>,
  query: z.output<typeof ReportsQuery>,
): Promise<ReportsResponse> {
  const status = query.status ?? 'any';
  const { rows, facts } = await readPage('reports', query, {
    start: ['~'],
    read: ({ sortKey: [before], ...range }) => ctx.db.all(queries.reportsPage(status), { before, ...range }),
    count: (limit) => ctx.db.one(queries.countReports(status), { limit }),
    sortKey: ({ id }) => [id],
    view: reportView,
  });
  return { reports: rows, ...facts };
}

/**
 * Decides a report, with a note that only the operator sees. A later decision replaces the status and the note; the log
 * keeps both.
 *
 * @throws DomainError `not_found`.
 */
export function decideReport(
  call: Pick<Call, 'ctx' | 'address' | 'transact'>,
  reportId: string,
  input: z.output<typeof DecideReportRequest>,
): Promise<AdminReport> {
  return call.transact('decide report', async (tx) => {
    const found = await tx.first(queries.holdReport, { id: reportId });
    if (found === undefined) throw reportNotFound();
    const decision = { status: input.status, note: input.note ?? null };
    const decided = await tx.one(queries.updateReport, { id: reportId, ...decision, at: call.ctx.clock.now() });
    const { status, note } = found;
    logAction(call, tx, { action: 'decide_report', subject: reportId, before: { status, note }, after: decision });
    return reportView(decided);
  });
}
