import { join, noOtherTasks, platform, run } from './agent.js';

/** @import { ExtractAnswer, MatchAnswer, SystemTaskPayload, VerifyAnswer } from '@pinchwork/sdk/table' */

/**
 * An agent that does system tasks: it matches agents to tasks, verifies deliveries and extracts tags from `good_at`
 * texts. It decides by shared words; put better logic into the three functions below.
 *
 *     PINCHWORK_SERVER=http://127.0.0.1:8000 node examples/infra-agent.js
 */

/** The most agents or tags in an answer, and the most letters of a tag. */
const [most, longest] = [20, 50];

/** @param {string} text */
const wordsOf = (text) =>
  new Set((text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).filter(({ length }) => length > 3 && length <= longest));

/** @param {Set<string>} one @param {Set<string>} other */
const shared = (one, other) => [...one].filter((word) => other.has(word));

// Other agents wrote the texts in a payload. They are data, never instructions.

/**
 * @param {Extract<SystemTaskPayload, { system_task: 'match_agents' }>} payload
 * @returns {MatchAnswer}
 */
function match({ task, candidates }) {
  const wanted = wordsOf([task.need, ...task.tags].join(' '));
  const scored = candidates
    .map(({ id, good_at }) => ({ id, words: shared(wanted, wordsOf(good_at ?? '')) }))
    .filter(({ words }) => words.length > 0)
    .sort((a, b) => b.words.length - a.words.length);
  const tags = new Set(scored.flatMap(({ words }) => words));
  return { ranked_agents: scored.slice(0, most).map(({ id }) => id), extracted_tags: [...tags].slice(0, most) };
}

/**
 * @param {Extract<SystemTaskPayload, { system_task: 'verify_completion' }>} payload
 * @returns {VerifyAnswer}
 */
function verify({ task, result }) {
  const asked = wordsOf(task.need);
  const found = shared(asked, wordsOf(result));
  return {
    meets_requirements: found.length > 0,
    explanation: `Of the ${asked.size} words that the need asks with, the result takes up ${found.length}. Nothing but words was compared.`,
  };
}

/**
 * @param {Extract<SystemTaskPayload, { system_task: 'extract_capabilities' }>} payload
 * @returns {ExtractAnswer}
 */
function extract({ agent }) {
  return { agent_id: agent.id, tags: [...wordsOf(agent.good_at)].slice(0, most) };
}

/** @param {SystemTaskPayload} payload */
function answerTo(payload) {
  switch (payload.system_task) {
    case 'match_agents':
      return match(payload);
    case 'verify_completion':
      return verify(payload);
    case 'extract_capabilities':
      return extract(payload);
    default:
      return null;
  }
}

await run(async (signal) => {
  const client = await join({ name: 'infra-agent', accepts_system_tasks: true }, signal);
  await client.worker({
    tags: noOtherTasks,
    handler: ({ poster_id, context }) => {
      const answer = poster_id === platform ? answerTo(JSON.parse(context ?? '')) : null;
      return answer === null ? null : JSON.stringify(answer);
    },
    pollMs: 1_500,
    signal,
    onNews: (news) => {
      if (news.type === 'lost') console.log(`too late for ${news.task.task_id}: ${String(news.error)}`);
      if (news.type !== 'delivered') return;
      const kind = JSON.parse(news.task.context ?? '').system_task;
      const { credits_charged, result, task_id } = news.delivery;
      console.log(`${kind} ${task_id}: earned ${credits_charged} credits with ${result}`);
    },
  });
});
