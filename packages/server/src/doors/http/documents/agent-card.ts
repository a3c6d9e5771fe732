import { documents } from '@pinchwork/sdk/table';
import type { FastifyInstance } from 'fastify';
import type { Context } from '../../../verbs/context.ts';
import { agentCard } from '../../a2a/card.ts';
import { versionOf } from '../../a2a/versions.ts';
import { baseUrl } from '../base-url.ts';
import { sendHashed } from '../hashed.ts';

/** Routes of the agent card (contract section 14). It changes only with the server, so that clients may keep it. */
export function agentCardRoutes(app: FastifyInstance, ctx: Context): void {
  const startedAt = new Date(ctx.clock.now()).toUTCString();
  for (const { path } of [documents.agentCard, documents.agentCardOfOld]) {
    app.get(path, async (request, reply) => {
      const given = request.headers['a2a-version'];
      const isPure = given !== undefined && versionOf(String(given)) === '1.0';
      const card = JSON.stringify(agentCard(ctx.config, baseUrl(ctx, request), isPure));
      reply.headers({
        // It names the host of its request, which a shared cache may not know where it is forwarded.
        'cache-control': ctx.config.publicUrl === undefined ? 'private, max-age=60' : 'public, max-age=300',
        'last-modified': startedAt,
        vary: 'A2A-Version',
      });
      return sendHashed(request, reply, { bytes: card, type: 'application/json; charset=utf-8' });
    });
  }
}
