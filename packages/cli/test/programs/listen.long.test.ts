import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Pinchwork } from '@pinchwork/sdk';
import { expect, it, onTestFinished, vi } from 'vitest';
import { sqlite } from '../../../server/test/support/engines.ts';
import { freePort } from '../../../server/test/support/ports.ts';
import { startServer } from '../../../server/test/support/process.ts';
import { Receiver } from '../../../server/test/support/receiver.ts';
import { shell } from '../support/cli.ts';

const user = shell();
const patiently = { timeout: 120_000 };

it('a server that is killed and starts again has each event forwarded once, also those that came in between', async () => {
  const receiver = await Receiver.open();
  const database = await sqlite.freshUrl();
  const settings = { PINCHWORK_PORT: String(await freePort()) };
  const { server: first, url } = await startServer(database, settings);
  let server = first;
  const { api_key: apiKey } = await new Pinchwork({ server: url }).register({ name: 'listener' });
  const client = new Pinchwork({ server: url, apiKey });
  // Each is an event of the agent.
  const makeEvent = () => client.keys.create({ name: 'another', scopes: ['read'] });
  const got = (count: number) => vi.waitFor(() => expect(receiver.received).toHaveLength(count), patiently);

  const end = new AbortController();
  onTestFinished(() => end.abort(new Error('the test is over')));
  let said = '';
  const running = user.run(['listen', '--forward-to', receiver.url], {
    env: { PINCHWORK_SERVER: url, PINCHWORK_API_KEY: apiKey },
    signal: end.signal,
    onOutput: (text) => (said += text),
  });
  // It has noted where it begins.
  const state = join(dirname(user.configPath), 'state.json');
  await vi.waitFor(() => expect(existsSync(state)).toBe(true), patiently);
  await makeEvent();
  for (let kills = 0; kills < 3; kills++) {
    await got(2 * kills + 1);
    await server.kill();
    ({ server } = await startServer(database, settings));
    await makeEvent();
    await got(2 * kills + 2);
    await makeEvent();
  }
  await got(7);
  end.abort(new Error('Ctrl-C'));
  expect((await running).code).toBe(130);
  const ids = receiver.received.map(({ headers }) => String(headers['webhook-id']));
  expect(new Set(ids).size).toBe(7);
  expect(said.trim().split('\n')).toHaveLength(7);
});
