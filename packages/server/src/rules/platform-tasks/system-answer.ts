import {
  ExtractAnswer,
  isId,
  JudgeAnswer,
  limits,
  MatchAnswer,
  usableTags,
  VerifyAnswer,
  type Verification,
} from '@pinchwork/sdk/table';
import type { z } from 'zod';
import { wireTime } from '../../ground/clock.ts';
import { at, present } from '../../ground/present.ts';
import type { Work } from '../../storage/ground.ts';
import type { Tx } from '../../storage/database.ts';
import { invalid } from '../../ground/errors.ts';
import { setExtractedTags } from '../agents/capabilities.ts';
import type { NewEvent } from '../events/append.ts';
import { noteAnswer } from '../disputes/answer.ts';
import { readActive } from '../matching/matcher.ts';
import { setMatches } from '../matching/matches.ts';
import { aboutOf, taskById, type MovedTask } from '../tasks/queries.ts';
import { holdAgents, setVerification } from './queries.ts';

/**
 * Ids of an answer that are looked up: more than `limits.rankedAgents`, so that unknown ids do not displace valid
 * ones.
 */
const mostLookedUp = 100;

/**
 * Applies the answer to a system task (contract section 6). Parts of an answer that cannot be used, such as unknown
 * ids, are dropped. The caller must already have moved the system task to its next state.
 *
 * @param task the system task.
 * @returns the events to append for other agents.
 */
export async function apply(work: Work, task: MovedTask, answer: SystemAnswer, workerId: string): Promise<NewEvent[]> {
  switch (answer.kind) {
    case 'match':
      await applyMatch(work, task, answer.value);
      return [];
    case 'verify':
      return applyVerification(work, task, answer.value, workerId);
    case 'judge':
      await noteAnswer(work, task.id, answer.value);
      return [];
    case 'extract':
      await applyTags(work.tx, aboutOf(task), workerId, usableTags(answer.value.tags));
      return [];
  }
}

type SystemAnswer =
  | { readonly kind: 'match'; readonly value: MatchAnswer }
  | { readonly kind: 'verify'; readonly value: VerifyAnswer }
  | { readonly kind: 'judge'; readonly value: JudgeAnswer }
  | { readonly kind: 'extract'; readonly value: ExtractAnswer };

const schemas = { match: MatchAnswer, verify: VerifyAnswer, extract: ExtractAnswer, judge: JudgeAnswer };

const fence = '```';

/** An example of each kind of answer, for the hint of a refusal. */
const shapes = {
  match: '{"ranked_agents": ["ag-…"], "extracted_tags": ["…"]}',
  verify: '{"meets_requirements": true, "explanation": "…"}',
  judge: '{"worker_share": 80, "explanation": "…"}',
  extract: '{"agent_id": "ag-…", "tags": ["…"]}',
};

/**
 * Reads the answer to a system task from a delivered result. The result is JSON, or JSON in a Markdown code fence, as
 * language models often write it.
 *
 * @throws DomainError `invalid_request`, which names the first part that does not fit.
 */
export function readSystemAnswer(kind: SystemAnswer['kind'], result: string): SystemAnswer {
  const hint = `Deliver JSON like ${shapes[kind]}; the task is still yours.`;
  let value: unknown;
  try {
    value = JSON.parse(unfenced(result));
  } catch {
    throw invalid('The answer to this task must be JSON', hint);
  }
  // The kind chooses the schema, so the value is an answer of that kind.
  const { data, error } = (schemas[kind] as z.ZodType).safeParse(value);
  if (error === undefined) return { kind, value: data } as SystemAnswer;
  const { path, message } = at(error.issues, 0);
  throw invalid(
    path.length === 0 ? 'The answer must be a JSON object' : `The answer does not fit: ${path.join('.')} ${message}`,
    hint,
  );
}

/** Uses no regular expression: on half a million line breaks, one takes minutes to find that there is no fence. */
function unfenced(text: string): string {
  const trimmed = text.trim();
  const isFenced = trimmed.startsWith(fence) && trimmed.endsWith(fence);
  return isFenced ? trimmed.slice(trimmed.indexOf('\n') + 1, -fence.length) : trimmed;
}

async function applyMatch(work: Work, task: MovedTask, { ranked_agents, extracted_tags }: MatchAnswer): Promise<void> {
  const { tx } = work;
  const about = await tx.one(taskById, { id: aboutOf(task) });
  const asked = [...new Set(ranked_agents)]
    // An agent that had a system task about this task may not work on it.
    .filter((id) => isId('agent', id) && id !== about.poster_id && !about.barred.includes(id))
    .slice(0, mostLookedUp);
  const active = new Set((await readActive(tx, asked)).map(({ id }) => id));
  const agents = asked.filter((id) => active.has(id)).slice(0, limits.rankedAgents);
  const hints = usableTags(extracted_tags ?? []);
  await setMatches(work, about, { agents, hints, awaited: task.id });
}

async function applyVerification(
  { tx, now }: Work,
  task: MovedTask,
  { meets_requirements, explanation }: VerifyAnswer,
  verifierId: string,
): Promise<NewEvent[]> {
  const said = { meets_requirements, explanation: Array.from(explanation).slice(0, limits.explanationLength).join('') };
  const verification: Verification = { ...said, verified_at: wireTime(now), verifier_id: verifierId };
  const about = await tx.first(setVerification, {
    id: aboutOf(task),
    version: present(task.about_version, 'The version to check'),
    verification: JSON.stringify(verification),
  });
  if (about === undefined) return [];
  return [about.poster_id, present(about.worker_id, 'The worker')].map((agentId) => ({
    agentId,
    taskId: aboutOf(task),
    type: 'task_verified',
    data: about.texts_removed === null ? said : { ...said, explanation: '' },
  }));
}

/**
 * Stores the tags extracted for an agent. Locks its row and the worker's in the order of their ids, because the worker is
 * paid next in this transaction.
 */
async function applyTags(tx: Tx, agentId: string, workerId: string, tags: readonly string[]): Promise<void> {
  const held = await tx.all(holdAgents, { one: agentId, other: workerId });
  const agent = held.find(({ id }) => id === agentId);
  if (agent === undefined) return;
  // The agent may have cleared its `good_at` since the task was posted.
  setExtractedTags(tx, agent, agent.good_at ? tags : []);
}
