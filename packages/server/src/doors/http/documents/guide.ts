import { createHash } from 'node:crypto';
import { documents } from '@pinchwork/sdk/table';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { present } from '../../../ground/present.ts';
import type { Context } from '../../../verbs/context.ts';
import { DomainError } from '../../../ground/errors.ts';
import { fillGuide, type Guide, partOf, readGuide, referenceNames, skillFiles, skillName } from '../../pages/guide.ts';
import { documentValues } from '../../pages/values.ts';
import { baseUrl, cacheDocument } from '../base-url.ts';

const markdown = 'text/markdown; charset=utf-8';

/** The version of the index's format, which clients compare as a text (Agent Skills Discovery, "Versioning"). */
const indexSchema = 'https://schemas.agentskills.io/discovery/0.2.0/schema.json';

/** Routes of the guide for agents: the page, its sections, and the same as an Agent Skill to install. */
export function guideRoutes(app: FastifyInstance, ctx: Context): void {
  const guideFor = guides(ctx);
  const send = (reply: FastifyReply, text: string, type = markdown) =>
    cacheDocument(ctx, reply).header('content-type', type).send(text);

  app.get<{ Querystring: { section?: string | string[] } }>(documents.skill.path, async (request, reply) =>
    send(reply, partOf(guideFor(request), request.query.section)),
  );
  app.get(documents.skillIndex.path, async (request, reply) =>
    send(reply, `${JSON.stringify(indexOf(guideFor(request)), undefined, 2)}\n`, 'application/json; charset=utf-8'),
  );
  app.get(documents.skillCore.path, async (request, reply) => send(reply, guideFor(request).skill));
  app.get<{ Params: { file: string } }>(documents.skillReference.path, async (request, reply) => {
    const text = guideFor(request).references.get(request.params.file.replace(/\.md$/, ''));
    if (text !== undefined) return send(reply, text);
    throw new DomainError('not_found', 'The skill has no such file', `Files: ${referenceNames.join('.md, ')}.md.`);
  });
}

/**
 * The guide for the address of each request. Read at start, so that a template with a missing value stops the start and
 * is never served. The last one is kept, since most requests have the same address.
 */
export function guides(ctx: Pick<Context, 'config'>): (request: FastifyRequest) => Guide {
  const [templates, values] = [readGuide(), documentValues(ctx.config)];
  let last = { address: '', guide: fillGuide(templates, { ...values, base_url: '' }) };
  return (request) => {
    const address = baseUrl(ctx, request);
    if (address !== last.address) last = { address, guide: fillGuide(templates, { ...values, base_url: address }) };
    return last.guide;
  };
}

/** The index of skills (Agent Skills Discovery 0.2.0). `files` is ours: what `pinchwork skill install` fetches. */
function indexOf(guide: Guide) {
  const description = present(/^description: (.*)$/m.exec(guide.skill), 'The description of the skill')[1];
  const digest = `sha256:${createHash('sha256').update(guide.skill).digest('hex')}`;
  const files = [...skillFiles(guide).keys()];
  return {
    $schema: indexSchema,
    skills: [{ name: skillName, type: 'skill-md', description, url: documents.skillCore.path, digest, files }],
  };
}
