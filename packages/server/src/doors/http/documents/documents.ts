import { documents } from '@pinchwork/sdk/table';
import type { TextBlock } from '@pinchwork/web';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { hourMs, secondMs } from '../../../ground/clock.ts';
import type { Context } from '../../../verbs/context.ts';
import { fill, readTemplate, type Values } from '../../pages/template.ts';
import { documentValues } from '../../pages/values.ts';
import { baseUrl, cacheDocument } from '../base-url.ts';
import { serveFile } from '../files.ts';
import { sendPage } from '../pages/compressed.ts';
import type { Pages } from '../pages/site.ts';

const markdown = 'text/markdown; charset=utf-8';
const plain = 'text/plain; charset=utf-8';

/** How long `/.well-known/security.txt` is valid (RFC 9116, 2.5.5: less than a year). */
const securityTxtMs = 300 * 24 * hourMs;

const wantsHtml = ({ headers }: FastifyRequest) => headers.accept?.includes('text/html') === true;

/** Routes of small texts, and of redirects to them. */
export function documentRoutes(app: FastifyInstance, ctx: Context, pages: Pages): void {
  // Read at start, so that a template with a missing value stops the start and is never served.
  const values = documentValues(ctx.config);
  const expires = () => new Date(Math.floor((ctx.clock.now() + securityTxtMs) / secondMs) * secondMs).toISOString();
  const document = (name: string) => {
    const template = readTemplate(name);
    const render = (base_url: string) => {
      // RFC 9116 requires a contact. Without one this links to the terms, which say that there is none.
      const contact = ctx.config.contact ?? base_url + documents.terms.path;
      return fill(template, { ...values, base_url, contact, expires: expires() } satisfies Values);
    };
    render('');
    return (request: FastifyRequest) => render(baseUrl(ctx, request));
  };
  const send = (reply: FastifyReply, type: string, text: string) =>
    cacheDocument(ctx, reply).header('content-type', type).send(text);

  for (const [page, name] of [
    [documents.llms, 'llms.txt'],
    [documents.robots, 'robots.txt'],
    [documents.humans, 'humans.txt'],
    [documents.security, 'security.txt'],
  ] as const) {
    const text = document(name);
    app.get(page.path, async (request, reply) => send(reply, plain, text(request)));
  }
  const terms = document('terms.md');
  app.get(documents.terms.path, async (request, reply) => {
    reply.header('vary', 'Accept');
    if (!wantsHtml(request)) return send(reply, markdown, terms(request));
    const render = await pages.load();
    const shown = { title: 'Terms of use', paragraphs: blocksOf(terms(request)) };
    return sendPage(cacheDocument(ctx, reply), render(request, { name: 'text', shown }));
  });
  serveFile(app, documents.favicon.path, {
    file: new URL('../../../../documents/favicon.svg', import.meta.url),
    type: 'image/svg+xml',
  });
  // Browsers that show no SVG ask for this one without a link.
  serveFile(app, '/favicon.ico', {
    file: new URL('../../../../documents/favicon.ico', import.meta.url),
    type: 'image/x-icon',
  });
  app.get(documents.home.path, async (request, reply) =>
    reply.header('vary', 'Accept').redirect(wantsHtml(request) ? documents.human.path : documents.skill.path, 307),
  );
}

/** Headings and paragraphs. The terms contain nothing else. */
const blocksOf = (text: string): TextBlock[] =>
  text
    .trim()
    .split(/\n{2,}/)
    .map((block) => {
      const [, marks, heading] = /^(#+) (.*)$/.exec(block) ?? [];
      return { level: marks?.length, text: heading ?? block };
    });
