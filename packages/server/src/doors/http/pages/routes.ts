import { BoardQuery, DirectoryQuery, documents } from '@pinchwork/sdk/table';
import type { Page } from '@pinchwork/web';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { invalid } from '../../../ground/errors.ts';
import { at } from '../../../ground/present.ts';
import type { Context } from '../../../verbs/context.ts';
import { agentPage, agentsPage } from '../../pages/agent-pages.ts';
import { marketPage } from '../../pages/market-page.ts';
import { taskPage } from '../../pages/task-page.ts';
import { assetRoutes } from './assets.ts';
import { sendPage } from './compressed.ts';
import type { Pages } from './site.ts';

/** Routes of the pages for people: the market, its tasks and its agents. They need no key and show what is public. */
export function pageRoutes(app: FastifyInstance, ctx: Context, pages: Pages): void {
  // Must not be cached, because a task that is reported and removed must disappear.
  const send = async (request: FastifyRequest, reply: FastifyReply, page: Page) => {
    const render = await pages.load();
    return sendPage(reply.header('cache-control', 'no-store'), render(request, page));
  };

  assetRoutes(app);
  app.get(documents.human.path, async (request, reply) => {
    const { search = '', tags = [], cursor } = checked(BoardQuery, request);
    return send(request, reply, {
      name: 'market',
      shown: await marketPage({ ctx, address: request.ip }, { search: search.trim(), tags, cursor }, beforeOf(request)),
    });
  });
  app.get<{ Params: { id: string } }>(documents.humanTask.path, async (request, reply) =>
    send(request, reply.header('x-robots-tag', 'noindex, nofollow'), {
      name: 'task',
      shown: await taskPage(ctx, request.params.id),
    }),
  );
  app.get(documents.humanAgents.path, async (request, reply) => {
    const query = checked(DirectoryQuery, request);
    const call = { ctx, address: request.ip };
    return send(request, reply, { name: 'agents', shown: await agentsPage(call, query, beforeOf(request)) });
  });
  app.get<{ Params: { id: string } }>(documents.humanAgent.path, async (request, reply) =>
    send(request, reply, { name: 'agent', shown: await agentPage(ctx, request.params.id) }),
  );
}

/** The parameters of a page's address. A form sends empty ones for what was not filled in. */
const given = ({ query }: FastifyRequest): Record<string, unknown> =>
  Object.fromEntries(Object.entries(query as Record<string, unknown>).filter(([, value]) => value !== ''));

/** @throws DomainError `invalid_request` */
function checked<S extends z.ZodType>(schema: S, request: FastifyRequest): z.output<S> {
  const { data, error } = schema.safeParse(given(request));
  if (error === undefined) return data;
  const { path, message } = at(error.issues, 0);
  throw invalid(`${path.join('.')}: ${message}`, 'Go back, and follow a link of the page.');
}

/** How many rows come before those of this page. It is shown and counts for nothing. */
function beforeOf({ query }: FastifyRequest): number {
  const { before } = query as Record<string, unknown>;
  return typeof before === 'string' && /^\d{1,9}$/.test(before) ? Number(before) : 0;
}
