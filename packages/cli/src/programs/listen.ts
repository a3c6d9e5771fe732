import { createHmac, randomBytes } from 'node:crypto';
import type { PinchworkEvent, Reset } from '@pinchwork/sdk';
import type { Context } from '../command/row.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { usage } from '../failure.ts';
import { eventView, resetLine } from '../output/events.ts';
import { rowPrinter } from '../output/rows.ts';
import { version } from '../version.ts';
import { hold } from './hold.ts';
import { doubling, pause } from './pause.ts';
import { type ListenState, StateFile, stateName } from './state.ts';

interface ListenFlags {
  readonly 'forward-to': string;
  readonly secret?: string | undefined;
  readonly types?: readonly string[] | undefined;
}

/** How long the target may take for an answer. */
const attemptMs = 30_000;
const firstPauseMs = 1_000;
const lastPauseMs = 60_000;
/** How long an attempt may go on after Ctrl-C: broken off, the target might have taken what comes again. */
const lastMs = 5_000;

/** The event as a webhook has it (contract section 9). */
function webhookBody({ id: _, type, task_id: taskId, timestamp, ...data }: PinchworkEvent): string {
  return JSON.stringify({ event: type, task_id: taskId, data, timestamp });
}

/** The headers that a webhook of the server would have. */
function signedHeaders({ id, number, body, secret }: Post, nowMs: number): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1_000));
  const prefix = 'whsec_';
  const key = secret.startsWith(prefix) ? Buffer.from(secret.slice(prefix.length), 'base64') : secret;
  const hmac = (using: string | Buffer, text: string) => createHmac('sha256', using).update(text, 'utf8');
  return {
    'content-type': 'application/json',
    'user-agent': `pinchwork/${version}`,
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'x-pinchwork-event-number': String(number),
    'webhook-signature': `v1,${hmac(key, `${id}.${timestamp}.${body}`).digest('base64')}`,
    'x-pinchwork-signature': `sha256=${hmac(secret, body).digest('hex')}`,
  };
}

const forwardedView = {
  ...eventView,
  line: ({ id, type, task_id: taskId }: PinchworkEvent) => `${id} ${type} ${taskId ?? ''}`.trimEnd(),
};

/**
 * POSTs every event of the agent to a local program, in their order. An event that the target does not take is sent until
 * it does; the position is kept, so that neither side's restart loses or repeats one.
 */
export async function listen(context: Context, flags: ListenFlags): Promise<ExitCode> {
  const { client, settings, clock, signal } = context;
  const target = targetOf(flags['forward-to']);
  const { id: agentId } = await client.me.get({}, { signal });
  const name = stateName(settings, agentId);
  const file = new StateFile(settings, clock, name);
  const write = rowPrinter(context, forwardedView);
  const what = `forwards the events of ${agentId} to ${target}`;
  const release = await hold({ what, key: `listen ${name} ${target}`, path: file.path }, clock);
  const keep = (own: ListenState) =>
    file.change((before) => ({ ...before, listen: { ...before.listen, [target]: own } }));
  try {
    const before = (await file.read()).listen?.[target];
    const newest = async () => (await client.events.history({ limit: 1 }, { signal })).newest;
    const made = before?.secret ?? `whsec_${randomBytes(24).toString('base64')}`;
    const secret = flags.secret ?? made;
    const kept = flags.secret === undefined ? { secret: made } : {};
    let position = before?.position ?? (await newest());
    await keep({ position, ...kept });
    await context.tell(`Forwarding the events of ${agentId} after ${position} to ${target}. Ctrl-C ends it.`);
    if (flags.secret === undefined) await context.tell(`They are signed with the secret ${made}`);
    const input = { after: position, types: flags.types as readonly PinchworkEvent['type'][] | undefined };
    for await (const event of client.events(input, { signal })) {
      if (event.type === 'reset') await context.tell(resetLine);
      else {
        const id = `${agentId}-${event.id}`;
        const post = { target, id, number: event.id, body: webhookBody(event), secret };
        if (!(await forward(context, event, post))) break;
      }
      position = event.id;
      // Before anything is printed: where nobody reads that any more, the program ends.
      await keep({ position, ...kept });
      if (event.type !== 'reset') await write(event);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await release();
  }
  return exitCodes.interrupted;
}

function targetOf(given: string): string {
  try {
    const { href, protocol, username, password } = new URL(/^\d+$/.test(given) ? `http://127.0.0.1:${given}/` : given);
    if (['http:', 'https:'].includes(protocol) && username + password === '') return href;
  } catch {
    // No address: the error below says so.
  }
  throw usage(`--forward-to must be an address such as http://127.0.0.1:3000/hook, not "${given}"`);
}

interface Post {
  readonly target: string;
  /** The same in each attempt. */
  readonly id: string;
  readonly number: number;
  readonly body: string;
  readonly secret: string;
}

/** Sends an event until the target takes it. @returns false if it must end before */
async function forward(context: Context, event: PinchworkEvent | Reset, post: Post): Promise<boolean> {
  const { clock, signal } = context;
  for (let attempt = 1; ; attempt++) {
    const problem = await send(context, post);
    if (problem === undefined) return true;
    if (signal.aborted) return false;
    const delayMs = doubling(attempt, firstPauseMs, lastPauseMs);
    await context.tell(`${event.id} ${event.type}: ${problem}; trying again in ${Math.ceil(delayMs / 1_000)} s`);
    if (!(await pause(clock, delayMs, signal))) return false;
  }
}

/** @returns what is wrong; undefined if the target has taken it */
async function send({ clock, signal, fetch: send = fetch }: Context, post: Post): Promise<string | undefined> {
  const limit = new AbortController();
  const cancelAttempt = clock.after(attemptMs, () => limit.abort());
  let cancelLast: () => void = () => undefined;
  const hurry = () => (cancelLast = clock.after(lastMs, () => limit.abort()));
  signal.addEventListener('abort', hurry, { once: true });
  try {
    const { status, body } = await send(post.target, {
      method: 'POST',
      headers: signedHeaders(post, clock.now()),
      body: post.body,
      redirect: 'manual',
      signal: limit.signal,
    });
    await body?.cancel();
    return status >= 200 && status < 300 ? undefined : `${post.target} answered ${status}`;
  } catch (error) {
    if (limit.signal.aborted) return `${post.target} gave no answer in time`;
    const { cause, message } = error as Error;
    return `${post.target} is out of reach (${(cause as { code?: string } | undefined)?.code ?? message})`;
  } finally {
    cancelAttempt();
    cancelLast();
    signal.removeEventListener('abort', hurry);
  }
}
