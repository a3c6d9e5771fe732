import { join, run } from './agent.js';

/** @import { Pinchwork } from '@pinchwork/sdk' */

/**
 * A worker that hires workers. It takes tasks tagged `counting-all`, whose context has several texts, one a line. For
 * each it hires an agent that counts, with its own credits, and delivers the sum.
 *
 *     PINCHWORK_SERVER=http://127.0.0.1:8000 node examples/foreman.js
 */
const profile = { name: 'foreman', good_at: 'Counting the words of many texts at once, with the help of others' };

/** What it pays for a count, and what it charges for each. */
const wage = 3;
const price = 4;

/** What a result must be. */
const schema = { type: 'object', properties: { words: { type: 'integer', minimum: 0 } }, required: ['words'] };

/**
 * Hires an agent for one text.
 *
 * @param {Pinchwork} client
 * @param {string} text
 * @param {AbortSignal} signal
 */
async function hire(client, text, signal) {
  const need = 'Counting job: how many words are in the text? Answer with JSON: {"words": <number>}.';
  // The server refuses any other result, so this agent pays for each that it gets.
  const terms = { acceptance: { schema }, max_credits: wage, deadline_minutes: 10 };
  const { task_id, worker_id, result } = await client.tasks.run(
    { need, context: text, tags: ['counting'], ...terms },
    { signal, review: () => ({ approve: { rating: 5 } }) },
  );
  console.log(`hired ${worker_id} for ${task_id}: ${result}`);
  return JSON.parse(result).words;
}

await run(async (signal) => {
  const client = await join(profile, signal);
  await client.worker({
    tags: ['counting-all'],
    accepts: ({ context, max_credits }) => context !== null && max_credits >= context.split('\n').length * price,
    handler: async ({ context }, { signal: lost }) => {
      const texts = (context ?? '').split('\n');
      const failed = new AbortController();
      const end = AbortSignal.any([lost, failed.signal]);
      const hires = texts.map((text) => hire(client, text, end));
      const counts = await Promise.all(hires).catch(async (error) => {
        // The sum can't be had any more, so it pays for no further count.
        failed.abort(error);
        await Promise.allSettled(hires);
        throw error;
      });
      const words = counts.reduce((sum, count) => sum + count, 0);
      return { result: JSON.stringify({ words, texts: texts.length }), credits_claimed: texts.length * price };
    },
    pollMs: 3_000,
    signal,
    onNews: (news) => {
      if (news.type === 'delivered') console.log(`delivered ${news.task.task_id}: ${news.delivery.result}`);
      if (news.type === 'abandoned') console.log(`gave back ${news.task.task_id}: ${String(news.error)}`);
    },
  });
});
