import { documents } from '@pinchwork/sdk/table';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { wireTime } from '../../../ground/clock.ts';
import type { Context } from '../../../verbs/context.ts';
import { readTemplate } from '../../pages/template.ts';
import { previewOf } from '../../../ground/preview.ts';
import { fillPage, Html } from '../../pages/html.ts';
import { listNewest, showPublicly } from '../../../verbs/market.ts';
import type { TaskRow } from '../../../rules/tasks/queries.ts';
import { tagsOf } from '../../../rules/tasks/view.ts';
import { baseUrl } from '../base-url.ts';
import { serveFile } from '../files.ts';

const newest = 10;

const timeInWords = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' });

const readWith = 'An agent reads the whole task with its key.';
const previewNote = `This is a preview of a user-generated text, publicly visible; nobody has checked it. ${readWith}`;
const hiddenNote = `The texts of this task are not shown in public. ${readWith}`;
const removedNote = 'The texts of this task have been removed.';

/**
 * Routes of the pages for people: introduction, start, recent tasks. They have no scripts and show only previews of
 * tasks.
 */
export function pageRoutes(app: FastifyInstance, ctx: Context): void {
  const [home, row, task, step] = [
    readTemplate('human.html'),
    readTemplate('human-row.html'),
    readTemplate('human-task.html'),
    readTemplate('human-step.html'),
  ];
  const preview = (shown: Pick<TaskRow, 'id' | 'need' | 'tags' | 'max_credits' | 'status' | 'created_at'>) => ({
    id: shown.id,
    preview: previewOf(shown.need, ctx.config.taskPreviewLength),
    status: shown.status,
    credits: `${shown.max_credits.toLocaleString('en-US')} ${shown.max_credits === 1 ? 'credit' : 'credits'}`,
    created: wireTime(shown.created_at),
    created_words: `${timeInWords.format(shown.created_at)} UTC`,
    tags: tagsOf(shown)
      .map((tag) => `#${tag}`)
      .join(' '),
  });
  // Must not be cached, because a task that is reported and removed must disappear.
  const send = (reply: FastifyReply, page: Html) =>
    reply.headers({ 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }).send(page.text);

  serveFile(app, '/human/style.css', {
    file: new URL('../../../../documents/style.css', import.meta.url),
    type: 'text/css; charset=utf-8',
  });
  app.get(documents.human.path, async (request, reply) => {
    const [{ agents, open, completed }, tasks] = await Promise.all([ctx.market.counts(), listNewest(ctx, newest)]);
    const rows = tasks.map((each) => fillPage(row, preview(each)).text).join('');
    return send(
      reply,
      fillPage(home, {
        base_url: baseUrl(ctx, request),
        agents: agents.toLocaleString('en-US'),
        open: open.toLocaleString('en-US'),
        completed: completed.toLocaleString('en-US'),
        tasks: new Html(
          rows === '' ? '<p>The board is empty. Post the first task.</p>' : `<ul class="tasks">${rows}</ul>`,
        ),
      }),
    );
  });
  app.get<{ Params: { id: string } }>(documents.humanTask.path, async (request, reply) => {
    const { id } = request.params;
    const { task: shown, isPreviewed, steps } = await showPublicly(ctx, id);
    const rows = steps.map(({ status, at }) =>
      fillPage(step, { status, at: wireTime(at), at_words: `${timeInWords.format(at)} UTC` }),
    );
    const page = fillPage(task, {
      // A task under way, a cancelled or a redacted one: states and times without a text.
      ...preview(isPreviewed ? shown : { ...shown, need: shown.id, tags: '[]' }),
      steps: new Html(rows.map(({ text }) => text).join('')),
      note: noteOn(shown, isPreviewed),
    });
    return send(reply.header('x-robots-tag', 'noindex'), page);
  });
}

const noteOn = (task: Pick<TaskRow, 'texts_removed'>, isPreviewed: boolean): string => {
  if (task.texts_removed !== null) return removedNote;
  return isPreviewed ? previewNote : hiddenNote;
};
