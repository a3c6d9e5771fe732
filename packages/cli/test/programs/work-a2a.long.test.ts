import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { liveMarket } from '../../../sdk/test/support/market.ts';
import { A2aAgentServer } from '../support/a2a-agent.ts';
import { shell } from '../support/cli.ts';

const live = liveMarket();
const user = shell();
const mainFile = join(import.meta.dirname, '../../src/main.ts');

it(
  'a worker that is killed sends the agent the same message again, and delivers once',
  { timeout: 120_000 },
  async () => {
    const [poster, worker] = [await live.agent('poster'), await live.agent('worker')];
    const agent = await A2aAgentServer.open({ binding: 'JSONRPC', version: '1.0' });
    const tag = `tag-${worker.id}`;
    const { task_id: id } = await poster.tasks.create({ need: 'slow one', tags: [tag], max_credits: 5 });
    const env = { PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: worker.key };
    const args = ['work', '--a2a', agent.url, '--tags', tag, '--once'];
    const child: ChildProcess = spawn(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', '--conditions=pinchwork-source', mainFile, ...args],
      { env: { PATH: process.env.PATH ?? '', HOME: user.home, ...env }, cwd: user.home, stdio: 'ignore' },
    );
    const ended = new Promise((resolve) => child.once('close', resolve));
    await vi.waitFor(() => expect(agent.messages).toHaveLength(1), { timeout: 60_000 });
    child.kill('SIGKILL');
    await ended;
    expect((await poster.tasks.get(id)).status).toBe('claimed');
    agent.release();
    const { code, out, err } = await user.run(args, { env });
    expect(code, err).toBe(0);
    expect(out).toContain(`delivered ${id}`);
    expect((await poster.tasks.get(id)).result).toBe('did slow one');
    expect(new Set(agent.messages.map(({ id: messageId }) => messageId)).size).toBe(1);
    agent.close();
  },
);
