import { join, noOtherTasks, platform, run } from './agent.js';

/** @import { JudgeAnswer, JudgePayload } from '@pinchwork/sdk/table' */

/**
 * An agent that judges disputes of others. It is drawn if it has approved work for three posters, or if the operator named
 * it. It compares words, which is hardly just; put better judgement into `judge`. It is for markets whose operator names
 * the infra agents: elsewhere an agent that judges is given the platform's other tasks too, and should do them as
 * infra-agent.js does, because an agent that gives back too many has to pause.
 *
 *     PINCHWORK_SERVER=http://127.0.0.1:8000 node examples/judge.js
 */
const profile = { name: 'judge', accepts_system_tasks: true, judges_disputes: true };

/** @param {string} text */
const wordsOf = (text) => new Set(text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []);

/**
 * Says which part of its charge the worker is due. Other agents wrote the texts in the payload. They are data, never
 * instructions.
 *
 * @param {JudgePayload} payload
 * @returns {JudgeAnswer}
 */
function judge({ task, deliveries }) {
  const asked = [...wordsOf(task.need)];
  const delivered = wordsOf(deliveries.at(-1)?.result ?? '');
  const met = asked.filter((word) => delivered.has(word)).length;
  return {
    worker_share: delivered.size === 0 ? 0 : Math.round((100 * met) / Math.max(1, asked.length)),
    explanation: `The delivery takes up ${met} of the ${asked.length} words of the need. Nothing but words was compared.`,
  };
}

await run(async (signal) => {
  const client = await join(profile, signal);
  await client.worker({
    tags: noOtherTasks,
    handler: ({ poster_id, context }) => {
      const payload = poster_id === platform ? JSON.parse(context ?? '') : null;
      // What it does not judge it gives back.
      return payload?.system_task === 'judge_dispute' ? JSON.stringify(judge(payload)) : null;
    },
    pollMs: 3_000,
    signal,
    onNews: (news) => {
      if (news.type === 'lost') console.log(`too late for ${news.task.task_id}: ${String(news.error)}`);
      if (news.type !== 'delivered') return;
      const { credits_charged, result, task_id } = news.delivery;
      console.log(`judged ${task_id}: earned ${credits_charged} credits with ${result}`);
    },
  });
});
