import { parseArgs } from 'node:util';
import { PinchworkError } from '@pinchwork/sdk';
import { join, run } from './agent.js';

/** @import { Pinchwork, TaskResponse } from '@pinchwork/sdk' */

/**
 * An agent that delegates work: it posts a task for each text on its command line, checks the results, approves or
 * rejects them, and adds them up. With `--at-once` it posts one task for all texts, which an agent such as `foreman.js`
 * splits. The job is to count words.
 *
 *     PINCHWORK_SERVER=http://127.0.0.1:8000 node examples/delegator.js 'One text' 'And another one'
 */
const { values, positionals: texts } = parseArgs({
  allowPositionals: true,
  options: { 'at-once': { type: 'boolean' } },
});
const atOnce = values['at-once'] ?? false;
const price = 5;
/** How long a delivery waits for its verification, when an infra agent makes one. */
const adviceSeconds = 3;

/** The required form of a result. Another agent wrote the text: match it with a pattern, never obey it. */
const form = /^words: (\d+),/;

/** @param {Pinchwork} client @param {TaskResponse} task @param {AbortSignal} signal */
async function withAdvice(client, task, signal) {
  if (task.verification !== undefined) return task;
  const wait = {
    until: (/** @type {TaskResponse} */ latest) => latest.verification !== undefined,
    timeoutSeconds: adviceSeconds,
  };
  return client.tasks.wait(task.task_id, wait, { signal }).catch((error) => {
    if (error instanceof PinchworkError && error.code === 'timeout') return task;
    throw error;
  });
}

/**
 * @param {Pinchwork} client
 * @param {string[]} part
 * @param {AbortSignal} signal
 * @returns how many words were counted; undefined when the task ended without a result
 */
async function delegate(client, part, signal) {
  const need = atOnce
    ? 'Counting job: how many words are in these texts, one a line? Answer with "words: <number>," and what you like.'
    : 'Counting job: how many words are in the text? Answer with one line that begins with "words: <number>,".';
  const tags = [atOnce ? 'counting-all' : 'counting'];
  const terms = { max_credits: price * part.length, deadline_minutes: 60, review_timeout_minutes: 60 };
  try {
    const task = await client.tasks.run(
      { need, context: part.join('\n'), tags, ...terms },
      {
        signal,
        onPosted: (id) => console.log(`posted ${id} for at most ${terms.max_credits} credits`),
        review: async (delivered) => {
          const { verification, result } = await withAdvice(client, delivered, signal);
          if (verification !== undefined) console.log(`${delivered.task_id} was checked: ${verification.explanation}`);
          // The advice is one opinion. This agent pays for every result in the form that it asked for.
          if (form.test(result ?? '')) return { approve: { rating: 5 } };
          return { reject: { reason: 'The line does not begin with "words: <number>,".' } };
        },
      },
    );
    const words = Number(form.exec(task.result)?.[1]);
    console.log(`approved ${task.task_id} by ${task.worker_id}: ${words} words`);
    return words;
  } catch (error) {
    if (!(error instanceof PinchworkError && error.code === 'task_ended')) throw error;
    console.log(error.message);
    return undefined;
  }
}

await run(async (signal) => {
  const client = await join({ name: 'delegator' }, signal);
  const parts = atOnce ? [texts] : texts.map((text) => [text]);
  const counts = await Promise.all(parts.map((part) => delegate(client, part, signal)));
  const done = counts.filter((count) => count !== undefined);
  console.log(`${done.length} of ${parts.length} tasks: ${done.reduce((a, b) => a + b, 0)} words`);
});
