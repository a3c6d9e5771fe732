import type { Pinchwork } from '@pinchwork/sdk';
import { type Context, command, Done } from '../command/row.ts';
import { argument, fileFlag, textsFlag } from '../command/values.ts';
import { exitCodes } from '../exit-codes.ts';
import { Failure, usage } from '../failure.ts';
import { printingOf } from '../output/print.ts';
import { safeJson, safeText } from '../output/text.ts';
import type { View } from '../output/view.ts';

/** JSON as it is, and any other text as it is. */
const replyView: View<unknown> = {
  id: (reply: { readonly task_id?: string; readonly id?: string } | null) => reply?.task_id ?? reply?.id,
  draw: (reply) => safeJson(JSON.stringify(reply, undefined, 2)),
};

const pairsOf = (assignments: readonly string[], flag: string): [string, string][] =>
  assignments.map((each) => {
    const at = each.indexOf('=');
    if (at < 1) throw usage(`${flag} ${each}: it must be NAME=VALUE`);
    return [each.slice(0, at), each.slice(at + 1)];
  });

/** A value that is JSON (`5`, `true`, `["a"]`) as what it is, any other as text. */
function typed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function bodyOf(input: string | undefined, fields: readonly string[], texts: readonly string[]): object | undefined {
  const given = input === undefined ? undefined : typed(input);
  if (given !== undefined && (typeof given !== 'object' || given === null))
    throw usage('--input must be a JSON object');
  const named = [
    ...pairsOf(texts, '--raw'),
    ...pairsOf(fields, '--field').map(([name, value]) => [name, typed(value)]),
  ];
  return given === undefined && named.length === 0 ? undefined : { ...given, ...(Object.fromEntries(named) as object) };
}

/** Prints a reply that is no JSON, such as Markdown, CSV or YAML, to the byte. */
async function printText({ stdout, globals }: Context, text: string): Promise<void> {
  const { format, jq, fields } = printingOf(globals);
  if (format !== 'table' || jq !== undefined || fields !== undefined)
    throw new Failure('The reply is no JSON, so it has no other format', {
      code: 'not_json',
      exitCode: exitCodes.failed,
      hint: 'Leave out -o, -q, --json and --jq to see it.',
    });
  await stdout.write(stdout.isTerminal ? safeText(text) : text);
}

const methods = ['GET', 'POST', 'PATCH', 'PUT', 'DELETE'];

/** Any request, for what has no command. */
export const apiCommands = [
  command({
    name: 'api',
    section: 'Programs',
    summary: 'Send any request to the server, with your key',
    description:
      'Paths under /v1/admin get the admin key. For GET and DELETE the fields go into the query. A reply that is no JSON is printed as it is.',
    examples: [
      ['api GET /v1/me --jq .credits', 'Read'],
      ['api POST /v1/tasks -f need="Say hello" -f max_credits=5', 'Write, with fields'],
      ['cat task.json | pinchwork api POST /v1/tasks --input -', 'Write, with a body from another program'],
    ],
    args: { method: argument('METHOD', 'GET, POST, PATCH or DELETE'), path: argument('PATH', 'Such as /v1/me') },
    flags: {
      field: textsFlag('NAME=VALUE', 'A field; a value that is JSON is sent as such', { short: 'f' }),
      raw: textsFlag('NAME=TEXT', 'A field that is always text', { short: 'F' }),
      input: fileFlag('The body, as JSON'),
    },
    calls: [],
    show: replyView,
    run: async (context, { args, flags: { field = [], raw = [], input } }) => {
      const method = args.method.toUpperCase();
      if (!methods.includes(method)) throw usage(`METHOD must be one of ${methods.join(', ')}`, 'pinchwork api --help');
      if (!args.path.startsWith('/')) throw usage(`PATH must begin with "/": ${args.path}`, 'pinchwork api --help');
      const isRead = method === 'GET' || method === 'DELETE';
      const body = bodyOf(input, field, raw);
      const content: Parameters<Pinchwork['request']>[2] = isRead ? { query: { ...body } } : { body };
      const { client, signal } = context;
      const reply = await client.request(method, args.path, { ...content, replies: 'any' }, { signal });
      if (typeof reply !== 'string') return reply;
      await printText(context, reply);
      return new Done();
    },
  }),
];
