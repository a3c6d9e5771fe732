import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { verifyWebhook } from '@pinchwork/sdk';
import { expect, it, vi } from 'vitest';
import { answer, Receiver } from '../../../server/test/support/receiver.ts';
import { liveMarket } from '../../../sdk/test/support/market.ts';
import { OutputClosed } from '../../src/io.ts';
import { patientClock } from '../support/clock.ts';
import { type Ran, shell, type Surroundings } from '../support/cli.ts';

const live = liveMarket();
const user = shell();
const statePath = join(dirname(user.configPath), 'state.json');
const patiently = { timeout: 120_000 };

/** An agent whose events are forwarded, and another that makes some. */
async function listener(receiver: Receiver) {
  const [poster, asker] = [await live.agent('poster'), await live.agent('asker')];
  const env = { PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: poster.key };
  const { task_id } = await poster.tasks.create({ need: 'X', max_credits: 1 });
  const state = () => {
    const all = existsSync(statePath) ? readFileSync(statePath, 'utf8') : '{}';
    return JSON.parse(all).profiles?.[poster.id]?.listen?.[receiver.url] as { position: number; secret: string };
  };
  /** Runs it until it is ended. */
  const listen = (flags: readonly string[] = [], around: Surroundings = {}) => {
    const end = new AbortController();
    const position = (state() as { position: number } | undefined)?.position;
    const running = user.run(['listen', '--forward-to', receiver.url, ...flags], {
      ...{ signal: end.signal, env, clock: patientClock },
      ...around,
    });
    return {
      begun: () =>
        vi.waitFor(
          () => expect((state() as { position: number } | undefined)?.position ?? position).not.toBeUndefined(),
          patiently,
        ),
      ended: running,
      end: (): Promise<Ran> => {
        end.abort(new Error('Ctrl-C'));
        return running;
      },
    };
  };
  const makeEvent = (question: string) =>
    asker.request('POST', `/v1/tasks/${task_id}/questions`, { body: { question } });
  const got = (count: number) => vi.waitFor(() => expect(receiver.received).toHaveLength(count), patiently);
  return { poster, task_id, state, listen, makeEvent, got };
}

it('events are forwarded as a webhook would have them, signed with a secret that is kept', async () => {
  const receiver = await Receiver.open();
  const { poster, task_id, state, listen, makeEvent, got } = await listener(receiver);
  const running = listen();
  await running.begun();
  await makeEvent('Why?');
  await got(1);
  const { code, out, err } = await running.end();
  expect(code).toBe(130);
  const { secret, position } = state();
  expect(err).toContain(`signed with the secret ${secret}`);
  expect(out).toBe(`${position} task_question ${task_id}\n`);
  const [{ text, headers }] = receiver.received as [(typeof receiver.received)[number]];
  expect(await verifyWebhook({ body: text, headers, secret })).toEqual({
    event: 'task_question',
    task_id,
    data: { question_id: expect.any(String) },
    timestamp: expect.any(String),
  });
  expect(headers).toMatchObject({
    'webhook-id': `${poster.id}-${position}`,
    'x-pinchwork-event-number': String(position),
    'content-type': 'application/json',
    'x-pinchwork-signature': expect.stringMatching(/^sha256=[0-9a-f]{64}$/),
  });
  const again = listen();
  await makeEvent('And why?');
  await got(2);
  expect((await again.end()).err).toContain(secret);
});

it('what happens while it does not run comes later, and nothing twice', async () => {
  const receiver = await Receiver.open();
  const { listen, makeEvent, got } = await listener(receiver);
  const first = listen();
  await first.begun();
  await makeEvent('One?');
  await got(1);
  await first.end();
  await makeEvent('Two?');
  const second = listen(['--secret', 'of my own']);
  await got(2);
  expect(await second.end()).toMatchObject({ err: expect.not.stringContaining('of my own') });
  const ids = receiver.received.map(({ headers }) => headers['webhook-id']);
  expect(new Set(ids).size).toBe(2);
  const [, last] = receiver.received;
  await verifyWebhook({ body: last!.text, headers: last!.headers, secret: 'of my own' });
});

it('an event that the target does not take is sent until it does, before any other', async () => {
  const refusing = [503, 404, 302];
  const receiver = await Receiver.open((response, n, request) => answer(refusing[n - 1] ?? 204)(response, n, request));
  const { listen, makeEvent, got, state } = await listener(receiver);
  const delays: number[] = [];
  // Pauses are over at once.
  const after = (delayMs: number, wake: () => void) => {
    if (delayMs > 10_000 || delayMs === 5_000) return () => undefined;
    delays.push(delayMs);
    queueMicrotask(wake);
    return () => undefined;
  };
  const running = listen([], { clock: { now: () => Date.now(), after } });
  await running.begun();
  const { position } = state();
  await makeEvent('One?');
  await makeEvent('Two?');
  await got(5);
  const { err } = await running.end();
  const ids = receiver.received.map(({ headers }) => Number(headers['webhook-id']!.toString().split('-').at(-1)));
  expect(ids).toEqual([...Array<number>(4).fill(position + 1), position + 2]);
  expect(delays.filter((delay) => delay >= 1_000)).toEqual([1_000, 2_000, 4_000]);
  expect(err).toContain(`${receiver.url} answered 503; trying again in 1 s`);
});

it('an event that the target has taken is noted, also where nobody reads that', async () => {
  const receiver = await Receiver.open();
  const { listen, makeEvent, state } = await listener(receiver);
  const onOutput = () => {
    throw new OutputClosed();
  };
  const running = listen([], { onOutput });
  await running.begun();
  const { position } = state();
  await makeEvent('One?');
  expect((await running.ended).code).toBe(0);
  expect(state().position).toBe(position + 1);
});

it('an event in flight at the end is not given up while its target answers', async () => {
  let respond: () => void = () => undefined;
  const receiver = await Receiver.open((response) => void (respond = () => response.writeHead(204).end()));
  const { listen, makeEvent, got, state } = await listener(receiver);
  const running = listen();
  await running.begun();
  const { position } = state();
  await makeEvent('One?');
  await got(1);
  const ended = running.end();
  respond();
  await ended;
  expect(state().position).toBe(position + 1);
});

it('a target that is no address is refused', async () => {
  const env = { PINCHWORK_SERVER: live.url };
  for (const target of ['ftp://x', 'nonsense', 'http://user:secret@x/'])
    expect(await user.run(['listen', '--forward-to', target], { env })).toMatchObject({ code: 2 });
});
