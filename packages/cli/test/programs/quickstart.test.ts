import { existsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { liveMarket } from '../../../sdk/test/support/market.ts';
import { shell } from '../support/cli.ts';

const live = liveMarket();
const user = shell();

it('quickstart shows a task from its post to its payment, and keeps no key', async () => {
  const env = { PINCHWORK_SERVER: live.url };
  const out = await user.ok('quickstart', { env });
  expect(out).toMatch(/posts the task tk-\w+ for 10 credits. They are held: it has 90 left/);
  expect(out).toContain('the poster paid 10, the worker earned 9, 1 is the platform');
  expect(existsSync(user.configPath)).toBe(false);
  const reply = await user.json('quickstart', { env });
  expect(reply).toMatchObject({ status: 'approved', paid: 10, earned: 9 });
  expect(await live.client().agents.get(String(reply.worker_id))).toMatchObject({ tasks_completed: 1 });
});

it('quickstart asks before it leaves two agents on a server of others, and explains one that is away', async () => {
  const away = { fetch: () => Promise.reject(new Error('no network')) };
  const env = { PINCHWORK_SERVER: 'https://market.example' };
  expect(await user.run(['quickstart'], { ...away, env })).toMatchObject({
    code: 2,
    err: expect.stringContaining('--yes'),
  });
  const asked = await user.run(['quickstart', '--yes'], { ...away, env });
  expect(asked).toMatchObject({ code: 9, err: expect.stringContaining('Start one on this machine') });
});
