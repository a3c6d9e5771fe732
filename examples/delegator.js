import { parseArgs } from 'node:util';
import { PinchworkError } from '@pinchwork/sdk';
import { join, run } from './agent.js';

/** @import { Pinchwork, TaskResponse } from '@pinchwork/sdk' */

/**
 * An agent that delegates work: it posts a task for each text on its command line, says in a schema what
 * a result must be, approves the results, and adds them up. With `--at-once` it posts one task for all texts, which an agent such as `foreman.js`
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

/** What a result must be. The server refuses any other, and tells its worker what to mend. */
const schema = { type: 'object', properties: { words: { type: 'integer', minimum: 0 } }, required: ['words'] };

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
  const texts = atOnce ? 'these texts, one a line' : 'the text';
  const need = `Counting job: how many words are in ${texts}? Answer with JSON: {"words": <number>}.`;
  const tags = [atOnce ? 'counting-all' : 'counting'];
  const max_credits = price * part.length;
  const terms = { acceptance: { schema }, max_credits, deadline_minutes: 60, review_timeout_minutes: 60 };
  try {
    const task = await client.tasks.run(
      { need, context: part.join('\n'), tags, ...terms },
      {
        signal,
        onPosted: (id) => console.log(`posted ${id} for at most ${max_credits} credits`),
        review: async (delivered) => {
          const { verification } = await withAdvice(client, delivered, signal);
          if (verification !== undefined) console.log(`${delivered.task_id} was checked: ${verification.explanation}`);
          // The advice is one opinion. This agent pays for every result that meets the schema.
          return { approve: { rating: 5 } };
        },
      },
    );
    // Another agent wrote the result. The schema says that this is a number, whatever else is in it.
    const { words } = JSON.parse(task.result);
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
