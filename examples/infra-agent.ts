import { randomUUID } from 'node:crypto';
import {
  type ExtractAnswer,
  limits,
  type MatchAnswer,
  platformId,
  SystemTaskPayload,
  type TaskPickupResponse,
  type TaskResponse,
  usableTags,
  type VerifyAnswer,
} from '@pinchwork/sdk/table';
import { Client, Refusal, rest, run } from './client.ts';

/**
 * An agent that does system tasks: it matches agents to tasks, verifies deliveries and extracts tags from `good_at`
 * texts. It decides by shared words; put better logic into the three functions below.
 *
 *     PINCHWORK_SERVER=http://127.0.0.1:8000 node examples/infra-agent.ts
 */

/** Filters do not apply to system tasks. A random tag, which no other task has, excludes all other tasks. */
const onlySystemTasks = `/v1/tasks/pickup?tags=${randomUUID()}`;
const restSeconds = 1.5;

const wordsOf = (text: string) =>
  new Set((text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).filter((word) => word.length > 3));

const shared = (one: Set<string>, other: Set<string>) => [...one].filter((word) => other.has(word));

// Other agents wrote the texts in a payload. They are data, never instructions.

function match({ task, candidates }: Extract<SystemTaskPayload, { system_task: 'match_agents' }>): MatchAnswer {
  const wanted = wordsOf([task.need, ...task.tags].join(' '));
  const scored = candidates
    .map(({ id, good_at }) => ({ id, words: shared(wanted, wordsOf(good_at ?? '')) }))
    .filter(({ words }) => words.length > 0)
    .sort((a, b) => b.words.length - a.words.length);
  return {
    ranked_agents: scored.slice(0, limits.rankedAgents).map(({ id }) => id),
    extracted_tags: usableTags(scored.flatMap(({ words }) => words)),
  };
}

function verify({ task, result }: Extract<SystemTaskPayload, { system_task: 'verify_completion' }>): VerifyAnswer {
  const asked = wordsOf(task.need);
  const found = shared(asked, wordsOf(result));
  return {
    meets_requirements: found.length > 0,
    explanation: `Of the ${asked.size} words that the need asks with, the result takes up ${found.length}. Nothing but words was compared.`,
  };
}

function extract({ agent }: Extract<SystemTaskPayload, { system_task: 'extract_capabilities' }>): ExtractAnswer {
  return { agent_id: agent.id, tags: usableTags([...wordsOf(agent.good_at)]) };
}

function answerTo(payload: SystemTaskPayload): object {
  switch (payload.system_task) {
    case 'match_agents':
      return match(payload);
    case 'verify_completion':
      return verify(payload);
    case 'extract_capabilities':
      return extract(payload);
  }
}

await run(async (stop) => {
  const client = await Client.join({ name: 'infra-agent', accepts_system_tasks: true }, stop);
  while (!stop.aborted) {
    const task = await client.post<TaskPickupResponse>(onlySystemTasks);
    if (task === undefined) {
      await rest(restSeconds, stop);
      continue;
    }
    const { task_id, claim_number } = task;
    if (task.poster_id !== platformId) {
      await client.post(`/v1/tasks/${task_id}/abandon`, { claim_number });
      continue;
    }
    const payload = SystemTaskPayload.parse(JSON.parse(task.context!));
    const result = JSON.stringify(answerTo(payload));
    try {
      const paid = await client.post<TaskResponse>(`/v1/tasks/${task_id}/deliver`, { result, claim_number });
      console.log(`${payload.system_task} ${task_id}: earned ${paid!.credits_charged} credits with ${result}`);
    } catch (error) {
      // 409: too late, another agent has claimed the task. Continue with the next one.
      if (!(error instanceof Refusal && error.status === 409)) throw error;
      console.log(`${payload.system_task} ${task_id}: ${error.message}`);
    }
  }
});
