import { endpoints } from '@pinchwork/sdk';
import type { FastifyInstance } from 'fastify';
import { listBoard } from '../../board/browse.ts';
import type { Context } from '../../context.ts';
import { invalid } from '../../errors.ts';
import { rate } from '../../reputation/rate.ts';
import { pickupBatch, pickupNext, pickupTask } from '../../tasks/pickup.ts';
import { cancelTask, createTask } from '../../tasks/post.ts';
import { awaitResult, listMyTasks, showTask } from '../../tasks/read.ts';
import { approve, reject } from '../../tasks/review.ts';
import { abandon, deliver } from '../../tasks/work.ts';
import { Answer, serve } from '../endpoint.ts';
import { taskId } from '../params.ts';

export function taskRoutes(app: FastifyInstance, ctx: Context): void {
  serve(app, ctx, endpoints.createTask, async ({ call, body: { wait, ...task } }) => {
    const created = await createTask(call, task);
    if (wait === undefined) return created;
    // The task is there, whatever becomes of the wait: an error now would have it posted twice.
    const waited = await awaitResult(call, created.task_id, wait).catch((error: unknown) => {
      ctx.log.warn(error, 'a wait for a new task broke off');
      return { done: false, task: created };
    });
    return new Answer(waited.done ? 200 : 201, waited.task);
  });
  serve(app, ctx, endpoints.listBoard, async ({ call, query }) => {
    refuseSearch(query.search);
    return listBoard(call, query);
  });
  serve(app, ctx, endpoints.listMyTasks, ({ call, query }) => listMyTasks(call, query));
  serve(app, ctx, endpoints.showTask, ({ call, params, query }) => showTask(call, taskId(params), query.wait));
  serve(app, ctx, endpoints.pickupNext, async ({ call, query, reply }) => {
    refuseSearch(query.search);
    const { tasks, isPartial } = await pickupNext(call, { tags: query.tags ?? [] });
    if (isPartial) reply.header('x-search-partial', 'true');
    return tasks[0] ?? null;
  });
  serve(app, ctx, endpoints.pickupBatch, async ({ call, body }) => {
    refuseSearch(body.search);
    return pickupBatch(call, { tags: body.tags ?? [] }, body.count);
  });
  serve(app, ctx, endpoints.pickup, async ({ call, params }) => pickupTask(call, taskId(params)));
  serve(app, ctx, endpoints.deliver, async ({ call, params, body }) => deliver(call, taskId(params), body));
  serve(app, ctx, endpoints.approve, async ({ call, params, body }) => approve(call, taskId(params), body));
  serve(app, ctx, endpoints.reject, async ({ call, params, body }) => reject(call, taskId(params), body));
  serve(app, ctx, endpoints.rate, async ({ call, params, body }) => rate(call, taskId(params), body));
  serve(app, ctx, endpoints.cancel, async ({ call, params }) => cancelTask(call, taskId(params)));
  serve(app, ctx, endpoints.abandon, async ({ call, params, body }) => abandon(call, taskId(params), body));
}

/** This server can't search yet. To pick up any task at all instead would be worse than to say so. */
function refuseSearch(search: string | undefined): void {
  if (search !== undefined && search !== '')
    throw invalid('search: is not supported by this server', 'Filter by tags.');
}
