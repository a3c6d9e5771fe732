import { endpoints } from '@pinchwork/sdk';
import type { FastifyInstance } from 'fastify';
import type { Context } from '../../../verbs/context.ts';
import { showAdminLog } from '../../../verbs/operator/admin-log.ts';
import { decideReport, listReports, reportTask } from '../../../verbs/operator/reports.ts';
import { serve } from '../endpoint.ts';
import { reportId, taskId } from '../params.ts';

export function moderationRoutes(app: FastifyInstance, ctx: Context): void {
  serve(app, ctx, endpoints.report, async ({ call, params, body }) => reportTask(call, taskId(params), body));
  serve(app, ctx, endpoints.listReports, ({ call, query }) => listReports(call, query));
  serve(app, ctx, endpoints.decideReport, async ({ call, params, body }) => decideReport(call, reportId(params), body));
  serve(app, ctx, endpoints.showAdminLog, ({ call, query }) => showAdminLog(call, query));
}
