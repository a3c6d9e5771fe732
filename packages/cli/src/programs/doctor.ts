import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { PinchworkError } from '@pinchwork/sdk';
import type { Context } from '../command/row.ts';
import { exitCodes, type ExitCode } from '../exit-codes.ts';
import { toldOf } from '../output/failures.ts';
import { pageOf, printingOf, printReply } from '../output/print.ts';
import { safeText } from '../output/text.ts';
import { version } from '../version.ts';
import { pause } from './pause.ts';

/** What a check has found. */
interface Finding {
  readonly check: string;
  readonly status: 'ok' | 'warning' | 'failed' | 'skipped';
  readonly detail: string;
  /** What to do about it. */
  readonly mend?: string;
  /** With which the program ends, where the check failed. */
  readonly exitCode?: ExitCode;
}

type Check = (context: Context, seen: Seen) => Promise<Omit<Finding, 'check'>>;

/** What earlier checks know. */
interface Seen {
  skewMs?: number;
  isReachable?: boolean;
  webhook?: { readonly url: string; readonly status: string } | null;
  hasKey?: boolean;
}

const requestMs = 10_000;
/** Servers send a stream's first line at once, and a comment every 15 s; a proxy that keeps them back is seen by then. */
const streamMs = 20_000;
/** Clocks further apart: dates are off. Much further: signatures of webhooks are refused as too old. */
const skewWarningMs = 5_000;
const skewFailureMs = 300_000;
const webhookWaitMs = 15_000;

const checks: readonly (readonly [name: string, check: Check])[] = [
  ['settings', checkSettings],
  ['server', checkServer],
  ['clock', checkClock],
  ['key', checkKey],
  ['stream', checkStream],
  ['webhook', checkWebhook],
];

/** Checks the way from here to the server and back. @returns the exit code of the first check that failed */
export async function doctor(context: Context): Promise<ExitCode> {
  const seen: Seen = {};
  const findings: Finding[] = [];
  const printing = printingOf(context.globals);
  for (const [name, check] of checks) {
    const found = await context.progress(`Checking: ${name}`, check(context, seen).catch(failureOf));
    const finding = { check: name, ...found };
    findings.push(finding);
    if (printing.format === 'table') await context.print(linesOf(finding, context));
  }
  const failed = findings.find(({ status }) => status === 'failed');
  if (printing.format !== 'table') {
    const rows = findings.map(({ exitCode: _, ...finding }) => finding);
    const view = { rows: 'checks', id: ({ check }: Finding) => check, draw: () => '' };
    await printReply(context, printing, view, { ok: failed === undefined, checks: rows });
  }
  return failed === undefined ? exitCodes.done : (failed.exitCode ?? exitCodes.failed);
}

function linesOf({ check, status, detail, mend }: Finding, context: Context): string {
  const { style } = pageOf(context);
  const [mark, colour] = (
    { ok: ['✓', 'green'], warning: ['!', 'yellow'], failed: ['✗', 'red'], skipped: ['-', 'dim'] } as const
  )[status];
  const line = `${style(colour, mark)} ${check.padEnd(9)} ${safeText(detail)}`;
  return mend === undefined ? line : `${line}\n  ${' '.repeat(9)} ${safeText(mend)}`;
}

function failureOf(error: unknown): Omit<Finding, 'check'> {
  const { error: detail, hint, exit_code: exitCode } = toldOf(error, undefined);
  return { status: 'failed', detail, ...(hint === undefined ? {} : { mend: hint }), exitCode };
}

async function checkSettings({ settings }: Context): ReturnType<Check> {
  const { configPath, server, serverFrom, keyFrom, profile } = settings;
  const from =
    keyFrom === undefined ? 'no key' : `the key from ${keyFrom}${keyFrom === 'profile' ? ` ${profile}` : ''}`;
  const detail = `${server} (from ${serverFrom}), ${from}`;
  if (process.platform === 'win32') return { status: 'ok', detail };
  const beside = ['credentials.json', 'state.json'].map((name) => join(dirname(configPath), name));
  for (const path of [configPath, ...beside]) {
    const { mode } = (await stat(path).catch(() => undefined)) ?? { mode: 0 };
    if ((mode & 0o077) === 0) continue;
    return {
      status: 'warning',
      detail: `${path} has secrets, and other users of this machine may read it`,
      mend: `Run: chmod 600 ${path}`,
    };
  }
  return { status: 'ok', detail };
}

/** A request outside of the client, which hides headers and times. */
async function rawGet(context: Context, path: string, limitMs: number, headers: Record<string, string> = {}) {
  const limit = new AbortController();
  const cancel = context.clock.after(limitMs, () => limit.abort(new Error('no answer in time')));
  const signal = AbortSignal.any([limit.signal, context.signal]);
  const { fetch: send = fetch } = context;
  const response = await send(context.client.server + path, {
    headers,
    redirect: 'manual',
    signal,
  }).catch((error: unknown) => {
    cancel();
    throw error;
  });
  return { response, end: cancel };
}

async function checkServer(context: Context, seen: Seen): ReturnType<Check> {
  const { server } = context.settings;
  const sentAt = context.clock.now();
  let response: Response;
  try {
    const asked = await rawGet(context, '/v1/capabilities', requestMs, { accept: 'application/json' });
    response = asked.response;
    asked.end();
  } catch (error) {
    context.signal.throwIfAborted();
    const { cause, message } = error as Error;
    const why = (cause as { code?: string } | undefined)?.code ?? message;
    return {
      status: 'failed',
      detail: `${server} is out of reach: ${why}`,
      mend:
        networkMends[why] ?? 'Check the address (--server, PINCHWORK_SERVER, the profile), and that the server runs.',
      exitCode: exitCodes.network,
    };
  }
  const tookMs = context.clock.now() - sentAt;
  const date = Date.parse(response.headers.get('date') ?? '');
  // The header has whole seconds.
  if (!Number.isNaN(date)) seen.skewMs = date + 500 - (sentAt + tookMs / 2);
  if (response.status >= 300 && response.status < 400) {
    await response.body?.cancel();
    return {
      status: 'failed',
      detail: `${server} redirects to ${response.headers.get('location')}`,
      mend: 'Use that address: a key is never sent to where a redirect leads.',
      exitCode: exitCodes.network,
    };
  }
  const reply = (await response.json().catch(() => undefined)) as { version?: unknown } | undefined;
  if (typeof reply?.version !== 'string') {
    return {
      status: 'failed',
      detail: `${server} answered ${response.status}, but not as a Pinchwork server does`,
      mend: 'Another program or a proxy answers there. Check the address and its port.',
      exitCode: exitCodes.network,
    };
  }
  seen.isReachable = true;
  const detail = `Pinchwork ${reply.version} answers in ${Math.round(tookMs)} ms; this is pinchwork ${version}`;
  const isSame = reply.version.split('.', 2).join('.') === version.split('.', 2).join('.');
  if (isSame) return { status: 'ok', detail };
  return { status: 'warning', detail, mend: `Install the client of this server: curl -fsSL ${server}/install.sh | sh` };
}

const networkMends: Readonly<Record<string, string>> = {
  ECONNREFUSED:
    'Nothing listens there. Start the server (npm start), or correct the address (--server, PINCHWORK_SERVER).',
  ENOTFOUND: 'The name is unknown. Correct the address (--server, PINCHWORK_SERVER, the profile).',
  CERT_HAS_EXPIRED: "The server's certificate has expired: its operator must renew it.",
  DEPTH_ZERO_SELF_SIGNED_CERT: 'The certificate is self-signed: set NODE_EXTRA_CA_CERTS to its file.',
};

const skipped = { status: 'skipped', detail: 'not checked: the server is out of reach' } as const;
const withoutKey = { status: 'skipped', detail: 'not checked: there is no key that works' } as const;

async function checkClock(_: Context, { skewMs, isReachable }: Seen): ReturnType<Check> {
  if (isReachable !== true || skewMs === undefined) return skipped;
  const seconds = Math.abs(Math.round(skewMs / 1_000));
  if (Math.abs(skewMs) <= skewWarningMs) return { status: 'ok', detail: 'agrees with that of the server' };
  const isFar = Math.abs(skewMs) > skewFailureMs;
  return {
    status: isFar ? 'failed' : 'warning',
    detail: `this machine's clock is ${seconds} s ${skewMs > 0 ? 'behind' : 'ahead of'} the server's`,
    mend: isFar
      ? 'Set it (NTP): signatures of webhooks are refused as too old.'
      : 'Set it (NTP), before signatures of webhooks are refused.',
    exitCode: exitCodes.failed,
  };
}

async function checkKey({ client, settings, signal }: Context, seen: Seen): ReturnType<Check> {
  if (seen.isReachable !== true) return skipped;
  if (settings.keyRefusal !== undefined) throw settings.keyRefusal;
  try {
    const { id, name, credits, key, webhook_url: url, webhook_status: status } = await client.me.get({}, { signal });
    seen.hasKey = true;
    seen.webhook = url === null ? null : { url, status: status ?? '' };
    const detail = `${name} (${id}), ${credits} credits; the key may ${key.scopes.join(', ')}`;
    const lacks = ['post', 'work', 'read'].filter((scope) => !(key.scopes as readonly string[]).includes(scope));
    if (lacks.length === 0) return { status: 'ok', detail };
    return {
      status: 'warning',
      detail,
      mend: `It may not ${lacks.join(', ')}. If it should: pinchwork keys create --name NAME --scopes ${[...key.scopes, ...lacks].join(',')}, with a key that may.`,
    };
  } catch (error) {
    if (!(error instanceof PinchworkError) || ![401, undefined].includes(error.status)) throw error;
    const mends: Readonly<Record<string, string>> = {
      no_key: 'Register: pinchwork register --name NAME; or log in with a key that you have: pinchwork login --key -',
      unauthorized: 'Log in with a key that is valid: pinchwork login --key -',
    };
    const { message: detail, code, hint = '' } = error;
    return { status: 'failed', detail, mend: mends[code] ?? hint, exitCode: exitCodes.auth };
  }
}

async function checkStream(context: Context, { hasKey, isReachable }: Seen): ReturnType<Check> {
  if (isReachable !== true) return skipped;
  if (hasKey !== true) return withoutKey;
  const headers = { authorization: `Bearer ${context.settings.apiKey}`, accept: 'text/event-stream' };
  const startedAt = context.clock.now();
  const held = {
    status: 'failed',
    detail: 'a proxy on the way keeps the stream back',
    mend: 'Have it pass text/event-stream on at once (nginx: proxy_buffering off). Until then use webhooks, or "tasks pickup" and "wait".',
    exitCode: exitCodes.network,
  } as const;
  let end: () => void = () => undefined;
  try {
    const asked = await rawGet(context, '/v1/events', streamMs, headers);
    end = asked.end;
    const { response } = asked;
    const reader = response.body?.getReader();
    if (response.status !== 200) {
      await reader?.cancel();
      return {
        status: 'failed',
        detail: `the stream of events was refused: ${response.status}`,
        mend: response.status === 429 ? 'Too many streams are open: end some.' : 'Try: pinchwork events',
        exitCode: response.status === 429 ? exitCodes.limit : exitCodes.failed,
      };
    }
    const first = await reader?.read();
    await reader?.cancel();
    if (first?.value === undefined) return held;
    return { status: 'ok', detail: `begins within ${Math.round(context.clock.now() - startedAt)} ms` };
  } catch {
    context.signal.throwIfAborted();
    return held;
  } finally {
    end();
  }
}

async function checkWebhook(context: Context, { webhook, hasKey, isReachable }: Seen): ReturnType<Check> {
  if (isReachable !== true) return skipped;
  if (hasKey !== true || webhook === undefined) return withoutKey;
  if (webhook === null) return { status: 'ok', detail: 'none is set ("pinchwork listen" needs none)' };
  const { client, clock, signal } = context;
  const endsAt = clock.now() + webhookWaitMs;
  let delivery = await client.webhook.test({}, { signal });
  while (delivery.status === 'pending' && delivery.attempts.length === 0 && clock.now() < endsAt) {
    await pause(clock, 500, signal);
    signal.throwIfAborted();
    const { deliveries } = await client.webhook.deliveries({ limit: 100 }, { signal });
    delivery = deliveries.find(({ id }) => id === delivery.id) ?? delivery;
  }
  const last = delivery.attempts.at(-1);
  if (delivery.status === 'delivered') return { status: 'ok', detail: `${webhook.url} took a test` };
  return {
    status: 'failed',
    detail: `${webhook.url} did not take a test: ${last?.error ?? 'it was not sent yet'}`,
    mend: 'It must be reachable from the server and answer 2xx within its time: see "pinchwork webhook deliveries". Or use "pinchwork listen".',
    exitCode: exitCodes.failed,
  };
}
