import { expect, it } from 'vitest';
import { liveMarket } from '../../sdk/test/support/market.ts';
import { shell } from './support/cli.ts';

const live = liveMarket();
const user = shell();

it('a command prints its reply, in each format', async () => {
  const { key, id } = await live.agent('bob');
  const env = { PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: key };
  expect(await user.ok('whoami', { env })).toContain(`id                    ${id}`);
  expect(await user.json('whoami', { env })).toMatchObject({ id, name: 'bob', credits: 100 });
  expect(await user.ok('whoami -q', { env })).toBe(`${id}\n`);
  expect(await user.ok('whoami --json name,credits -o jsonl', { env })).toBe('{"name":"bob","credits":100}\n');
  expect(await user.ok('whoami --jq .name', { env })).toBe('bob\n');
  expect(await user.ok('whoami -o yaml', { env })).toContain('name: bob\n');
});

it('a word or a flag that is wrong is refused with what it may mean', async () => {
  expect(await user.run(['tasks', 'lsit'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('pinchwork tasks list'),
  });
  expect(await user.run(['t', 'list', '--tag', 'x'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('--tags'),
  });
});
