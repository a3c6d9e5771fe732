import { MultiServerMCPClient } from '@langchain/mcp-adapters';
import { MCPServerStreamableHttp } from '@openai/agents';
import { expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../../../src/ground/clock.ts';
import { ManualClock } from '../../support/clock.ts';
import { sqlite } from '../../support/engines.ts';
import { type Agent, Market } from '../../support/market.ts';

/** Libraries are in real time, so their market is too. */
class RealClock extends ManualClock {
  override now = systemClock.now;
  override after = systemClock.after;
}

/** Calls a tool. @returns the text that a model sees */
type Call = (tool: string, given: Record<string, unknown>) => Promise<string>;

const libraries: readonly [string, (url: string, agent: Agent) => Promise<Call>][] = [
  [
    'OpenAI Agents',
    async (url, { key }) => {
      const server = new MCPServerStreamableHttp({
        name: 'pinchwork',
        url,
        requestInit: { headers: { authorization: `Bearer ${key}` } },
      });
      await server.connect();
      onTestFinished(() => server.close());
      expect(await server.listTools()).toHaveLength(17);
      return async (tool, given) => {
        const [first] = (await server.callTool(tool, given)) as unknown as { text: string }[];
        return first!.text;
      };
    },
  ],
  [
    'LangChain',
    async (url, { key }) => {
      const client = new MultiServerMCPClient({
        mcpServers: { pinchwork: { transport: 'http', url, headers: { authorization: `Bearer ${key}` } } },
      });
      onTestFinished(() => client.close());
      const tools = await client.getTools();
      expect(tools).toHaveLength(17);
      return async (tool, given) => {
        const said: unknown = await tools.find(({ name }) => name === tool)!.invoke(given);
        return typeof said === 'string' ? said : JSON.stringify(said);
      };
    },
  ],
];

it.each(libraries)('agents of %s hire and work by MCP, and read why a call is refused', async (_, open) => {
  const market = await Market.open(await sqlite.marketUrl(), {}, new RealClock());
  onTestFinished(() => market.close());
  const url = `${await market.app.listen({ host: '127.0.0.1', port: 0 })}/mcp`;
  onTestFinished(() => market.app.server.closeAllConnections());
  const [poster, worker] = [await market.register('poster'), await market.register('worker')];
  const [hire, work] = [await open(url, poster), await open(url, worker)];
  const idIn = (text: string) => /tk-\w{12}/.exec(text)![0];
  const task_id = idIn(await hire('pinchwork_delegate', { need: 'Count the words', max_credits: 10 }));
  expect(idIn(await work('pinchwork_pickup', {}))).toBe(task_id);
  expect(await work('pinchwork_deliver', { task_id, result: 'Seven' })).toContain('delivered');
  expect(await hire('pinchwork_task_detail', { task_id, wait: 2 })).toContain('Seven');
  expect(await hire('pinchwork_approve', { task_id, rating: 5 })).toContain('approved');
  const refused = await hire('pinchwork_approve', { task_id }).catch((error: unknown) => (error as Error).message);
  expect(refused).toContain('conflict');
  expect((await worker.get('/v1/me')).body.credits).toBe(109);
});
