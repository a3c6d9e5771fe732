import { existsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { verifyWebhook } from '@pinchwork/sdk';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { otherPrograms } from '../../sdk/test/support/from-npm.ts';
import { liveMarket } from '../../sdk/test/support/market.ts';
import { noTool } from '../../server/test/support/tools.ts';
import { Machine } from './support/programs.ts';

const { nodeOf } = otherPrograms();
const live = liveMarket();
const patiently = { timeout: 120_000 };
/** `script` of util-linux gives a program a terminal. */
const noTerminal = noTool('script', ['--version']) || process.platform !== 'linux';

/** A user of a certain Node who has installed the program from the server. */
async function installed(major: string, skip: (why: string) => never): Promise<Machine> {
  const node = await nodeOf(major);
  if (typeof node !== 'string') return skip(node.missing);
  const machine = new Machine(node);
  expect(await machine.ok('node --version')).toMatch(new RegExp(`^v${major}\\.`));
  await machine.ok(`curl -fsSL ${live.url}/install.sh | sh`);
  return machine;
}

/** An agent of that user, in a profile of its name. */
async function newAgent(machine: Machine, name: string): Promise<string> {
  await machine.ok(`pinchwork register --name ${name} --profile ${name}`);
  return (await machine.ok(`pinchwork whoami --profile ${name} -q`)).trim();
}

describe.each(['20', '24', '26'])('the installed program on Node %s', (major) => {
  it('hires, works, and shows what happened', async ({ skip }) => {
    const machine = await installed(major, skip);
    for (const name of ['worker', 'poster']) await newAgent(machine, name);
    const id = (await machine.ok('echo "Say hello" | pinchwork tasks create - --credits 3 --tags hello -q')).trim();
    const said = await machine.ok(
      `pinchwork work --profile worker --exec 'printf "%s" "$PINCHWORK_NEED"' --tags hello --max 1 --once`,
    );
    expect(said).toContain(`delivered ${id}`);
    expect(await machine.ok(`pinchwork wait ${id} --jq .result`)).toBe('Say hello\n');
    await machine.ok(`pinchwork tasks approve ${id} --rating 5`);
    expect(await machine.ok('pinchwork tasks mine -o yaml')).toContain('status: approved');
    const events = await machine.ok('pinchwork events --since 0 --limit 2 --jq .type');
    expect(events).toBe('task_claimed\ntask_delivered\n');
    expect(await machine.ok('pinchwork quickstart --jq .status')).toBe('approved\n');
    expect(JSON.parse(await machine.ok('pinchwork doctor -o json'))).toMatchObject({ ok: true });
    expect(await machine.ok('pinchwork completion bash | bash -n && pinchwork __complete tasks sh')).toContain('show');
    await machine.ok('pinchwork skill install');
    expect(existsSync(join(machine.home, '.agents/skills/pinchwork/SKILL.md'))).toBe(true);
    expect(await machine.ok('pinchwork api GET /skill.md | head -n 1')).not.toBe('');
  });

  it('forwards events as a webhook would send them, until it is told to end', async ({ skip }) => {
    const machine = await installed(major, skip);
    const id = await newAgent(machine, 'listener');
    const heard: unknown[] = [];
    const secret = 'whsec_c2VjcmV0IG9mIDI0IGJ5dGVzIQ==';
    const target = createServer((request, response) => {
      void buffer(request).then(async (body) => {
        const headers = request.headers as Record<string, string>;
        heard.push(await verifyWebhook({ body: body.toString(), headers, secret }));
        response.end();
      });
    });
    await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void target.close());
    const { port } = target.address() as AddressInfo;
    const listening = machine.start(`pinchwork listen --forward-to ${port} --secret ${secret} -o json`);
    await vi.waitFor(() => expect(listening.said()).toContain('Forwarding'), patiently);
    await machine.ok('pinchwork keys create --name one --scopes read');
    await vi.waitFor(() => expect(listening.printed()).toContain('key_created'), patiently);
    listening.child.kill('SIGTERM');
    expect(await listening.ended, id).toBe(130);
    expect(heard).toMatchObject([{ event: 'key_created' }]);
  });

  it('offers its tools on stdin and stdout, and ends with stdin', async ({ skip }) => {
    const machine = await installed(major, skip);
    const id = await newAgent(machine, 'model');
    const serving = machine.start('pinchwork mcp', 'pipe');
    const send = (message: object) => serving.child.stdin!.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
    const clientInfo = { name: 'test', version: '1' };
    send({ id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo } });
    await vi.waitFor(() => expect(serving.printed()).toContain('"id":1'), patiently);
    send({ method: 'notifications/initialized' });
    send({ id: 2, method: 'tools/call', params: { name: 'pinchwork_status', arguments: {} } });
    await vi.waitFor(() => expect(serving.printed()).toContain('"id":2'), patiently);
    expect(serving.printed()).toContain(id);
    serving.child.stdin!.end();
    expect(await serving.ended).toBe(0);
  });

  it.skipIf(noTerminal)('gives its task back when its terminal is closed', async ({ skip }) => {
    const machine = await installed(major, skip);
    for (const name of ['worker', 'poster']) await newAgent(machine, name);
    const id = (await machine.ok('pinchwork tasks create Wait --credits 1 --tags closed -q')).trim();
    const begun = join(machine.home, 'begun');
    const cmd = `pinchwork work --profile worker --finish 0 --tags closed --exec "touch ${begun}; sleep 1000"`;
    const terminal = machine.start(`script -qfc '${cmd}' /dev/null`, 'pipe');
    await vi.waitFor(() => expect(existsSync(begun), terminal.said()).toBe(true), patiently);
    // Its end of the terminal is gone: the system sends SIGHUP to what runs there.
    terminal.child.kill('SIGKILL');
    const status = () => machine.ok(`pinchwork tasks show ${id} --jq .status`);
    await vi.waitFor(async () => expect(await status()).toBe('posted\n'), { ...patiently, interval: 500 });
  });

  it.skipIf(noTerminal)('asks for a key at a terminal, in colours, and Ctrl-C ends the question', async ({ skip }) => {
    const machine = await installed(major, skip);
    const { key, id } = await live.agent('typed');
    for (const [typed, code, says] of [
      [`${key}\r`, 0, id],
      ['\u0003', 130, 'Key ('],
      ['\u0004', 2, 'no key'],
    ] as const) {
      const asking = machine.start(`script -qefc 'pinchwork login' /dev/null`, 'pipe');
      await vi.waitFor(() => expect(asking.said()).toContain('Key ('), patiently);
      asking.child.stdin!.write(typed);
      expect(await asking.ended, asking.said()).toBe(code);
      expect(asking.said()).toContain(says);
      expect(asking.said()).not.toContain(key);
    }
    expect(await machine.ok(`script -qec 'pinchwork help' /dev/null < /dev/null`)).toContain('\u001b[1mExamples');
    expect(await machine.ok('pinchwork help')).not.toContain('\u001b');
  });
});
