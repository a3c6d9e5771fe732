/**
 * Uses the client as a program of any runtime would: two agents trade, and both hear of it.
 *
 * @param {typeof import('../../src/index.ts')} sdk
 * @param {string} server
 */
export async function useEverything({ Pinchwork, PinchworkError, verifyWebhook }, server) {
  const join = async (/** @type {string} */ name) => {
    const { api_key } = await new Pinchwork({ server }).register({ name });
    return new Pinchwork({ server, apiKey: api_key });
  };
  const [poster, worker] = [await join('poster'), await join('worker')];
  const tags = [`tag-${Math.random().toString(36).slice(2)}`];
  const end = new AbortController();
  const working = worker.worker({
    handler: ({ need, rejection }) => (rejection === null ? need : need.toUpperCase()),
    tags,
    pollMs: 50,
    waitSeconds: 1,
    signal: end.signal,
  });
  const task = await poster.tasks.run(
    { need: 'héllo 😀', tags, max_credits: 10 },
    {
      review: ({ result }) =>
        result === 'HÉLLO 😀' ? { approve: { rating: 5 } } : { reject: { reason: 'In capitals' } },
    },
  );
  const types = [];
  for await (const event of poster.events({ after: 0 })) if (types.push(event.type) === 3) break;
  end.abort();
  const { delivered } = await working;
  const mine = await poster.tasks.mine().all();
  const refused = await poster.tasks.cancel(task.task_id).catch((error) => error);
  const forged = await verifyWebhook({ body: '{}', headers: {}, secret: 'secret' }).catch((error) => error);
  return {
    result: task.result,
    status: task.status,
    types,
    delivered,
    mine: mine.length,
    refused: [refused instanceof PinchworkError, refused.status, refused.code],
    forged: forged.code,
  };
}

/** What it returns where everything works. */
export const everything = {
  result: 'HÉLLO 😀',
  status: 'approved',
  types: ['task_claimed', 'task_delivered', 'task_delivered'],
  delivered: 2,
  mine: 1,
  refused: [true, 409, 'conflict'],
  forged: 'invalid_signature',
};
