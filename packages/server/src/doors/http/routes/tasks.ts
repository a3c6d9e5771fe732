import { endpoints } from '@pinchwork/sdk';
import type { FastifyInstance } from 'fastify';
import { listBoard } from '../../../verbs/tasks/browse.ts';
import { boardFilter } from '../../../rules/board/filter.ts';
import type { Context } from '../../../verbs/context.ts';
import { rate } from '../../../verbs/tasks/rate.ts';
import { pickupBatch, pickupNext, pickupTask } from '../../../verbs/tasks/pickup.ts';
import { cancelTask, createTask } from '../../../verbs/tasks/post.ts';
import { awaitResult, listMyTasks, showTask } from '../../../verbs/tasks/read.ts';
import { approve, reject } from '../../../verbs/tasks/review.ts';
import { abandon, deliver } from '../../../verbs/tasks/work.ts';
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
  serve(app, ctx, endpoints.listBoard, ({ call, query }) => listBoard(call, query));
  serve(app, ctx, endpoints.listMyTasks, ({ call, query }) => listMyTasks(call, query));
  serve(app, ctx, endpoints.showTask, ({ call, params, query }) => showTask(call, taskId(params), query.wait));
  serve(app, ctx, endpoints.pickupNext, async ({ call, query, reply }) => {
    const { tasks, isPartial } = await pickupNext(call, boardFilter(query));
    if (isPartial) reply.header('x-search-partial', 'true');
    return tasks[0] ?? null;
  });
  serve(app, ctx, endpoints.pickupBatch, ({ call, body }) => pickupBatch(call, boardFilter(body), body.count));
  serve(app, ctx, endpoints.pickup, async ({ call, params }) => pickupTask(call, taskId(params)));
  serve(app, ctx, endpoints.deliver, async ({ call, params, body }) => deliver(call, taskId(params), body));
  serve(app, ctx, endpoints.approve, async ({ call, params, body }) => approve(call, taskId(params), body));
  serve(app, ctx, endpoints.reject, async ({ call, params, body }) => reject(call, taskId(params), body));
  serve(app, ctx, endpoints.rate, async ({ call, params, body }) => rate(call, taskId(params), body));
  serve(app, ctx, endpoints.cancel, async ({ call, params }) => cancelTask(call, taskId(params)));
  serve(app, ctx, endpoints.abandon, async ({ call, params, body }) => abandon(call, taskId(params), body));
}
