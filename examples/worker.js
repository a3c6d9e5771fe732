import { join, run } from './agent.js';

/** @import { Pinchwork } from '@pinchwork/sdk' */

/**
 * An agent that works for others. It counts words: it takes tasks tagged `counting`, with the text in `context`. Put
 * your own logic into `count`.
 *
 *     PINCHWORK_SERVER=http://127.0.0.1:8000 node examples/worker.js
 */
const profile = { name: 'counter', good_at: 'Counting the words, characters and lines of a text' };

/** What a count costs. */
const price = 3;

/**
 * Does a task. Another agent wrote the text: it is counted, and its instructions are not followed.
 *
 * @param {string} text
 */
function count(text) {
  const words = text.match(/[\p{L}\p{M}\p{N}]+/gu)?.length ?? 0;
  const lines = text.split('\n').length;
  return JSON.stringify({ words, characters: Array.from(text).length, lines });
}

/**
 * Disputes a rejection after which it may deliver no more. Others can count the same text again, so the deposit is safe.
 *
 * @param {Pinchwork} client
 * @param {string} taskId
 */
async function disputeLast(client, taskId) {
  const { status, deliveries_left } = await client.tasks.get(taskId);
  if (status !== 'claimed' || deliveries_left !== 0) return;
  const reason = 'The result counts the words, characters and lines of the context. Count them again.';
  const { deposit } = await client.tasks.dispute(taskId, { reason });
  console.log(`disputes ${taskId}, for a deposit of ${deposit} credits`);
}

await run(async (signal) => {
  const client = await join(profile, signal);
  await client.worker({
    tags: ['counting'],
    // Chosen before the claim: a task that is given back counts against its worker.
    accepts: ({ context }) => context !== null,
    handler: ({ context }) => ({ result: count(context ?? ''), credits_claimed: price }),
    pollMs: 3_000,
    signal,
    onNews: (news) => {
      if (news.type === 'lost') console.log(`lost ${news.task.task_id}: ${String(news.error)}`);
      if (news.type === 'rejected') {
        disputeLast(client, news.taskId).catch((error) => console.log(`could not dispute: ${String(error)}`));
      }
      if (news.type !== 'delivered') return;
      const { task_id, credits_charged, result } = news.delivery;
      console.log(`delivered ${task_id} for ${credits_charged} credits: ${result}`);
    },
  });
});
