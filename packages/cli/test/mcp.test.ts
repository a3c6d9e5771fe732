import { expect, it, onTestFinished } from 'vitest';
import type { Agent } from '../../server/test/support/market.ts';
import { connect, connectOver, type Era, eras, type McpClient, type Wire } from '../../server/test/support/mcp.ts';
import { type Act, actByRest, playStory, whatIsLeft } from '../../server/test/support/mcp-story.ts';
import { liveMarket } from '../../sdk/test/support/market.ts';
import { shell } from './support/cli.ts';

const live = liveMarket();
const user = shell();

/** A `pinchwork mcp` of this process, as a wire of a client. */
function start(agent: Agent): { readonly wire: Wire; readonly ended: Promise<number> } {
  const waiting: Uint8Array[] = [];
  let wake: () => void = () => undefined;
  let isClosed = false;
  async function* chunks() {
    for (;;) {
      while (waiting.length > 0) yield waiting.shift()!;
      if (isClosed) return;
      await new Promise<void>((resolve) => (wake = resolve));
    }
  }
  const wire: Wire = {
    send: (text) => {
      waiting.push(Buffer.from(text));
      wake();
    },
    close: () => {
      isClosed = true;
      wake();
    },
    onText: () => undefined,
  };
  const env = { PINCHWORK_SERVER: live.url, PINCHWORK_API_KEY: agent.key };
  const ended = user.run(['mcp'], { env, chunks: chunks(), onOutput: (text) => wire.onText(text) });
  return { wire, ended: ended.then(({ code }) => code) };
}

const doors: readonly [string, (agent: Agent, era: Era) => Promise<McpClient>][] = [
  ['HTTP', (agent, era) => connect(live.market, agent, era)],
  ['stdio', (agent, era) => connectOver(start(agent).wire, era)],
];

const actBy =
  (client: McpClient): Act =>
  async (tool, given = {}) => {
    const { isError, content, structuredContent } = await client.callTool({
      name: `pinchwork_${tool}`,
      arguments: given,
    });
    if (isError === true) throw new Error(content[0]!.text);
    return structuredContent;
  };

it.each(doors.flatMap(([name, open]) => eras.map((era) => ({ name, era, open }))))(
  'a story by MCP of $era over $name leaves the same books, histories and events as by REST',
  async ({ open, era }) => {
    const pair = async () => [await live.market.register('poster'), await live.market.register('worker')] as const;
    const [poster, worker] = await pair();
    await playStory(actByRest(poster), actByRest(worker));
    const [modelPoster, modelWorker] = await pair();
    await playStory(actBy(await open(modelPoster, era)), actBy(await open(modelWorker, era)));
    const wanted = await whatIsLeft(live.market, [poster, worker]);
    expect(wanted).toContain('Count again');
    expect(await whatIsLeft(live.market, [modelPoster, modelWorker])).toBe(wanted);
  },
);

it('pinchwork mcp ends when its stdin is closed, and says in a tool’s answer that it has no key', async () => {
  const { wire, ended } = start({ ...(await live.market.register()), key: '' });
  const client = await connectOver(wire, '2025-11-25');
  const { isError, content } = await client.callTool({ name: 'pinchwork_status' });
  expect([isError, content[0]!.text]).toEqual([true, expect.stringContaining('code: no_key')]);
  const { contents } = await client.readResource({ uri: 'skill://pinchwork/SKILL.md' });
  expect(contents[0]!.text).toContain(live.url);
  wire.close();
  expect(await ended).toBe(0);
});

it('pinchwork mcp refuses a line that is no message, and goes on', async () => {
  const { wire, ended } = start(await live.market.register());
  onTestFinished(() => wire.close());
  wire.send('no json\n\n');
  const client = await connectOver(wire, '2026-07-28');
  expect((await client.listTools()).tools.length).toBeGreaterThan(10);
  wire.close();
  expect(await ended).toBe(0);
});
