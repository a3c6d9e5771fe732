import { afterAll, beforeAll, expect, it } from 'vitest';
import { A2aClient, type Version } from '../../support/a2a.ts';
import { onBothEngines } from '../../support/engines.ts';
import { type Agent, Market } from '../../support/market.ts';
import { type Act, actByRest, playStory, whatIsLeft } from '../../support/mcp-story.ts';

/** A2A has no word for the remark beside a decision. */
const withoutFeedback =
  (act: Act): Act =>
  (tool, { feedback: _, ...given } = {}) =>
    act(tool, given);

/** What the acts of a poster are given. */
type Given = Readonly<Record<'need' | 'task_id' | 'question_id' | 'text' | 'rating' | 'reason', string>> & {
  readonly idempotency_key?: string;
};

/** Acts as a poster through A2A. */
function actByA2a(client: A2aClient, version: Version): Act {
  const acts: Readonly<Record<string, (given: Given) => Promise<unknown>>> = {
    delegate: async ({ need, idempotency_key: messageId, ...metadata }) => ({
      task_id: (await client.task(need, { metadata, ...(messageId === undefined ? {} : { messageId }) })).id,
    }),
    approve: ({ task_id: taskId, rating }) => client.task(`approve ${rating}`, { taskId }),
    reject: ({ task_id: taskId, reason }) => client.task(`reject: ${reason}`, { taskId }),
    say: ({ task_id: taskId, question_id: questionId, text }) =>
      client.task(text, { taskId, metadata: { questionId } }),
    cancel: async ({ task_id: id }) =>
      expect((await client.rpc(version === '1.0' ? 'CancelTask' : 'tasks/cancel', { id })).error).toBeUndefined(),
  };
  return (tool, given = {}) => acts[tool]!(given as Given);
}

onBothEngines('a story', (engine) => {
  let market: Market;
  beforeAll(async () => {
    market = await Market.shared(engine);
  });
  afterAll(() => market.close());
  const pair = async (): Promise<[Agent, Agent]> => [await market.register('poster'), await market.register('worker')];

  it.each(['1.0', '0.3'] as const)(
    'whose poster speaks A2A %s leaves the same books, histories and events as by REST',
    async (version) => {
      const [poster, worker] = await pair();
      await playStory(withoutFeedback(actByRest(poster)), actByRest(worker));
      const [other, otherWorker] = await pair();
      await playStory(
        withoutFeedback(actByA2a(new A2aClient(market, other, version), version)),
        actByRest(otherWorker),
      );
      const wanted = await whatIsLeft(market, [poster, worker]);
      expect(wanted).toContain('Count again');
      expect(await whatIsLeft(market, [other, otherWorker])).toBe(wanted);
    },
  );
});
